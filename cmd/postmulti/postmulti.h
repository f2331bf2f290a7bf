/*
 * What the files of postmulti share: the options, and the instances that it manages.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/slice.h"

enum multi_mode { MODE_NONE, MODE_LIST, MODE_CONTROL, MODE_COMMAND, MODE_EDIT };

struct options {
    enum multi_mode mode;
    size_t n_modes; /* how many of -e -l -p -x were given */
    bool all, reverse;
    const char *edit;      /* -e */
    const char *group;     /* -g */
    const char *name;      /* -i */
    const char *new_name;  /* -I */
    const char *new_group; /* -G */
    int verbosity;
    char **arguments; /* what follows the options, NULL-terminated */
    size_t n_arguments;
};

/* Texts are never NULL. */
struct instance {
    const char *config_directory;
    const char *name, *group;
    const char *queue_directory, *data_directory;
    bool is_enabled;
    bool is_primary;
};

struct instances {
    struct arena arena;     /* of the texts */
    struct instance *items; /* the primary one first, then in the order of start */
    size_t count;
};

/*
 * The primary instance, as params has it, and those of multi_instance_directories. Ends the
 * program when one of them cannot be read.
 */
void instances_load(struct instances *instances);
void instances_release(struct instances *instances);

/* Read main.cf of a directory; ends the program when that fails. */
void instance_read(struct instance *instance, const char *directory, struct arena *arena);

/* True when -i means this instance: its name, its directory, or "-" for the primary one. */
bool instance_is_named(const struct instance *instance, const char *name);

/* Ends the program when name, directory, queue or data of the new one are in use already. */
void instances_check_new(const struct instances *instances, const struct instance *candidate);

/* -l, -p and -x. The exit status. */
int iterate(const struct instances *instances, const struct options *options);

/* -e. The exit status. */
int edit(struct instances *instances, const struct options *options);
/* -e create and -e import. */
int create(struct instances *instances, const struct options *options);
/* Write multi_instance_directories of the primary instance. The exit status of postconf. */
int save_directories(const struct buf *directories);

/*
 * Run a program to its end, for an instance when that is not NULL: with the environment that
 * says so. Its exit status; 1 when it was killed or cannot be run, which is logged.
 */
int run_program(const struct instance *instance, const char *const words[]);
/* $command_directory/program; valid as long as the process. */
char *command_path(const char *program);
/* "postconf -c directory -e" with the assignments; n of them. The exit status. */
int edit_main_cf(const char *directory, const char *const *assignments, size_t n);

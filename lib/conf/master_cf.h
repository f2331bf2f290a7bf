/*
 * master.cf: the services of the suite, one struct each, in file order.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/compiler.h"
#include "base/error.h"
#include "base/slice.h"

#define MASTER_CF_MAX_BYTES (4 << 20)

enum master_type {
    MASTER_TYPE_INET,
    MASTER_TYPE_UNIX,
    MASTER_TYPE_UNIX_DGRAM,
    MASTER_TYPE_FIFO,
    MASTER_TYPE_PASS,
};

/* A yes/no column: what the file says; the meaning of "-" is with each field. */
enum master_flag { MASTER_DEFAULT, MASTER_NO, MASTER_YES };

#define MASTER_LIMIT_DEFAULT (-1) /* "-" in the process_limit column */

/* "-o name=value" or "-o { name = value }" among the arguments. */
struct master_override {
    const char *name;
    const char *value;
};

struct master_service {
    const char *name; /* as in the file: "smtp", "127.0.0.1:2525", "[::1]:25", "cleanup" */
    enum master_type type;
    const char *host; /* inet: "" for inet_interfaces, else a name or an address without [] */
    const char *port; /* inet: a number or a name; "" for other types */

    enum master_flag private_;     /* as written */
    enum master_flag unprivileged; /* as written */
    enum master_flag chroot;       /* as written */
    bool is_private;               /* with the default applied: "-" is yes */
    bool is_unprivileged;          /* "-" is yes */
    bool is_chrooted;              /* "-" is no, before compatibility_level 1 yes */
    int wakeup_seconds;            /* 0: never */
    bool wakeup_if_used;           /* "60?" */
    int process_limit;             /* MASTER_LIMIT_DEFAULT, 0 for no limit, or the number */
    const char *fields[7]; /* name type private unprivileged chroot wakeup limit, as text */

    const char *program;    /* the command's first word */
    const char **arguments; /* the words after it, braces still around those that had them */
    size_t n_arguments;
    struct master_override *overrides; /* those of the -o options, in order */
    size_t n_overrides;
    const char *override_flags; /* what other options there are: "v" for each -v, "D" */

    const char *file;
    int line;
};

struct master_cf {
    struct arena arena;
    struct master_service *services;
    size_t n_services;
};

void master_cf_init(struct master_cf *master_cf);
void master_cf_release(struct master_cf *master_cf);

/*
 * Read the file, or text that came from a file called path. The error names file, line, field
 * and value; it is permanent for bad syntax, temporary for a file that cannot be read. On -1
 * the services before the bad line have been added.
 */
MUST_USE int master_cf_read(struct master_cf *master_cf, const char *path, struct error *error);
MUST_USE int master_cf_parse(struct master_cf *master_cf, struct slice text, const char *path,
                             struct error *error);

/* "inet", "unix", "unix-dgram", "fifo", "pass". */
const char *master_type_name(enum master_type type);

/* The first service of that name and type, or NULL. */
struct master_service *master_cf_find(const struct master_cf *master_cf, const char *name,
                                      enum master_type type);

/* Chroot columns of "-" mean yes below compatibility_level 1; call once after reading. */
void master_cf_apply_level(struct master_cf *master_cf, bool chroot_by_default);

/*
 * A word of the command without its braces, as the program gets it: "{ a b }" gives "a b".
 * Words without braces are returned as they are.
 */
struct slice master_word_unbraced(const char *word);

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

#define MASTER_LIMIT_DEFAULT (-1) /* "-" in the process_limit column */

#define MASTER_FIELDS       7 /* columns before the command */
#define MASTER_FIELD_NAME   0
#define MASTER_FIELD_TYPE   1
#define MASTER_FIELD_CHROOT 4

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

    bool is_private;                   /* "-" is yes; inet services never are */
    bool is_unprivileged;              /* "-" is yes */
    bool is_chrooted;                  /* "-" is what master_cf_read was told */
    int wakeup_seconds;                /* 0: never */
    bool wakeup_if_used;               /* "60?" */
    int process_limit;                 /* MASTER_LIMIT_DEFAULT, 0 for no limit, or the number */
    const char *fields[MASTER_FIELDS]; /* the columns as text: name type private unprivileged
                                          chroot wakeup process_limit */

    const char *program; /* the command's first word */
    const char *
        *arguments; /* the words after it as the program gets them: without the braces of
                       "{ two words }", with "-o" and "name=value" as two words each */
    size_t n_arguments;
    struct master_override *overrides; /* those of the leading options, in order */
    size_t n_overrides;

    const char *file;
    int line;
};

/* What "-" in the chroot column means: yes below compatibility_level 1. */
enum master_chroot { MASTER_CHROOT_NO, MASTER_CHROOT_YES };

struct master_cf {
    struct arena arena;
    struct master_service *services;
    size_t n_services;
    struct buf warnings; /* what is odd but no error, one line each, for the caller to log */
};

void master_cf_init(struct master_cf *master_cf);
void master_cf_release(struct master_cf *master_cf);

/*
 * Read the file, or text that came from a file called path. The error names file, line, field
 * and value; it is permanent for bad syntax, temporary for a file that cannot be read. On -1
 * the services before the bad line have been added.
 */
MUST_USE int master_cf_read(struct master_cf *master_cf, const char *path,
                            enum master_chroot chroot, struct error *error);
MUST_USE int master_cf_parse(struct master_cf *master_cf, struct slice text, const char *path,
                             enum master_chroot chroot, struct error *error);

/*
 * Parse one entry, continuation lines joined, into *service; the strings live in the arena. The
 * error names field and value, not the line.
 */
MUST_USE int master_service_parse(struct master_service *service, struct slice text,
                                  enum master_chroot chroot, struct arena *arena,
                                  struct error *error);

/* Is a later override of the same name there, so that overrides[number] has no effect? */
bool master_override_is_replaced(const struct master_service *service, size_t number);

/* Does the service, or does any service of the file, set that name with -o? */
bool master_service_overrides(const struct master_service *service, struct slice name);
bool master_cf_overrides(const struct master_cf *master_cf, struct slice name);

/* "inet", "unix", "unix-dgram", "fifo", "pass". */
const char *master_type_name(enum master_type type);

/* The first service of that name and type, or NULL. */
struct master_service *master_cf_find(const struct master_cf *master_cf, const char *name,
                                      enum master_type type);

/*
 * Delivery to a command: run as a user, fed with the message, judged by its exit status
 * (sysexits.h) and by what it prints.
 */
#pragma once

#include "base/compiler.h"
#include "delivery/mail_copy.h"
#include "delivery/user.h"

struct command {
    const char *const *argv; /* NULL-terminated; NULL: shell_line */
    const char *shell_line;  /* run by shell where it needs one, else split at blanks */
    const char *shell;       /* "" : /bin/sh -c, and only where the line needs it */
    struct user user;
    const char *directory;          /* NULL: stay */
    const char *chroot_directory;   /* NULL: none */
    const char *const *environment; /* "NAME=value", NULL-terminated: all that it gets */
    int64_t time_limit;             /* milliseconds */
    int64_t file_limit;             /* bytes of any file that it writes; 0: none */
    void (*prepare_child)(void);    /* in the child before exec: undo the worker's limits */
};

/*
 * Run it. 0: it took the message (*output is what it printed, in the delivery's arena, may be
 * empty). -1 with *dsn: by exit status, 4.3.0 when killed, 5.3.0 when out of time; a status in
 * front of its output ("5.2.2 text") wins.
 */
MUST_USE int command_run(const struct command *command, struct mail_copy *copy,
                         struct delivery *delivery, struct slice *output, struct dsn *dsn);

/*
 * The environment that every command gets: the system's PATH, then what export_environment
 * names (NAME or NAME=value), from our own environment. Appends to a NULL-terminated list in
 * the arena; room for n_more entries stays free. *count is that of those set.
 */
const char **command_environment(struct arena *arena, const char *export_environment,
                                 size_t n_more, size_t *count);

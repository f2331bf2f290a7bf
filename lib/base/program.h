/*
 * Running other programs and waiting for their end: for commands, which have nothing else to do
 * meanwhile. A worker has lib/delivery/command.h, with rights and a time limit for what it
 * runs.
 */
#pragma once

#include <sys/types.h>

#include "base/compiler.h"
#include "base/error.h"

/* As execve(2) and its like want them: words that they could write to, and do not. */
char *const *program_words(const char *const words[]);

/* Descriptors that become the program's standard input and output; -1: those that we have. */
struct program_io {
    int input, output;
};

#define PROGRAM_IO_OURS ((struct program_io){-1, -1})

/*
 * Start a program: a path, or a name to be searched for in PATH. words ends with NULL and
 * begins with what the program is called. -1 with errno and a temporary error "start PROGRAM:
 * ...". From now on children leave a status behind, even if who started us had it that they do
 * not.
 */
MUST_USE int program_start(const char *program, const char *const words[], struct program_io io,
                           pid_t *pid, struct error *error);

/* Wait for its end: its exit status; -1 when a signal ended it. */
MUST_USE int program_wait(pid_t pid);

/* Both: 0, with the exit status, 1 where a signal ended it; or -1 when it cannot be started. */
MUST_USE int program_run(const char *program, const char *const words[], int *status,
                         struct error *error);

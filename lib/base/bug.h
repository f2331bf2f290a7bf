/*
 * What stops a process: a bug of ours, or a start that cannot succeed.
 */
#pragma once

#include "base/compiler.h"

/* Log "panic: FILE:LINE: condition" and abort; master starts another process. Never on input.
 */
#define bug_if(condition)                             \
    do {                                              \
        if (__builtin_expect(!!(condition), 0))       \
            bug_stop(__FILE__, __LINE__, #condition); \
    } while (0)

NORETURN void bug_stop(const char *file, int line, const char *condition);

/*
 * Log "fatal: text" and exit with a sysexits.h code. For start-up code and commands only;
 * a daemon that serves returns a struct error instead.
 */
NORETURN void fatal(int exit_code, const char *format, ...) PRINTF_LIKE(2, 3);

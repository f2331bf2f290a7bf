#include "base/bug.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/log.h"

#ifdef WITH_SANITIZERS
/* Programs that run for another user can't be looked into at their end, and those that are
 * started with a clean environment don't hear what the tests want: leaks are for who asks for
 * them. */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}
#endif

static void log_stop(enum log_level level, const char *format, ...) PRINTF_LIKE(2, 3);

static void log_stop(enum log_level level, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    log_at(level, format, arguments);
    va_end(arguments);
}

void bug_stop(const char *file, int line, const char *condition)
{
    log_stop(LOG_LEVEL_PANIC, "%s:%d: %s", file, line, condition);
    log_finish();
    abort();
}

void fatal(int exit_code, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    log_at(LOG_LEVEL_FATAL, format, arguments);
    va_end(arguments);
    log_finish();
    exit(exit_code);
}

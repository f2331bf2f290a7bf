#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A text that did not fit ends in "...", and never in half a UTF-8 character. */
static void mark_cut(char *text, int len)
{
    if (len < ERROR_TEXT_BYTES)
        return;
    size_t end = ERROR_TEXT_BYTES - sizeof("...");

    while (end && ((unsigned char)text[end] & 0xc0) == 0x80)
        end--;
    memcpy(text + end, "...", sizeof("..."));
}

int error_set_v(struct error *error, enum error_kind kind, const char *format,
                va_list arguments)
{
    if (!error)
        return -1;
    int saved_errno = errno;

    error->kind = kind;
    error->dsn[0] = '\0';
    mark_cut(error->text, vsnprintf(error->text, sizeof(error->text), format, arguments));
    errno = saved_errno;
    return -1;
}

int error_set(struct error *error, enum error_kind kind, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    error_set_v(error, kind, format, arguments);
    va_end(arguments);
    return -1;
}

int error_set_dsn(struct error *error, enum error_kind kind, const char *dsn,
                  const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    error_set_v(error, kind, format, arguments);
    va_end(arguments);
    if (error)
        snprintf(error->dsn, sizeof(error->dsn), "%s", dsn);
    return -1;
}

int error_context(struct error *error, const char *format, ...)
{
    char old[ERROR_TEXT_BYTES];
    va_list arguments;

    if (!error)
        return -1;
    int saved_errno = errno;
    memcpy(old, error->text, sizeof(old));
    va_start(arguments, format);
    int context_len = vsnprintf(error->text, sizeof(error->text), format, arguments);
    va_end(arguments);
    if (context_len >= 0 && context_len < ERROR_TEXT_BYTES)
        context_len += snprintf(error->text + context_len,
                                sizeof(error->text) - (size_t)context_len, ": %s", old);
    mark_cut(error->text, context_len);
    errno = saved_errno;
    return -1;
}

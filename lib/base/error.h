/*
 * How a function says what went wrong: a kind that decides between 4xx and 5xx, and a text fit
 * for the log. Filling it never allocates.
 */
#pragma once

#include <stdarg.h>

#include "base/compiler.h"

enum error_kind {
    ERROR_NONE,
    ERROR_TEMPORARY, /* try again later: 4xx. When in doubt, this */
    ERROR_PERMANENT, /* will never work: 5xx */
};

#define ERROR_TEXT_BYTES 512
#define ERROR_DSN_BYTES  12

struct error {
    enum error_kind kind;
    char dsn[ERROR_DSN_BYTES];   /* "4.3.0", RFC 3463; empty when nobody chose one */
    char text[ERROR_TEXT_BYTES]; /* one line, without line end; too long a text ends in "..." */
};

#define ERROR_INIT ((struct error){0})

/*
 * Set kind and text; always returns -1, so that "return error_set(...)" is the idiom. "%m" is
 * the errno at the time of the call. A NULL error is allowed: the caller does not care why.
 */
int error_set(struct error *error, enum error_kind kind, const char *format, ...)
    PRINTF_LIKE(3, 4);
int error_set_v(struct error *error, enum error_kind kind, const char *format,
                va_list arguments) PRINTF_LIKE(3, 0);

/* As error_set, with an enhanced status code such as "5.1.3". */
int error_set_dsn(struct error *error, enum error_kind kind, const char *dsn,
                  const char *format, ...) PRINTF_LIKE(4, 5);

/* Prefix the text with "context: "; returns -1. */
int error_context(struct error *error, const char *format, ...) PRINTF_LIKE(2, 3);

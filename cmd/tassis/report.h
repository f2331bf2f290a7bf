/*
 * What `tassis check` and `tassis import` find: a line each, for people through the log or for
 * programs as JSON on standard output.
 */
#pragma once

#include <stdbool.h>

#include "base/compiler.h"
#include "base/slice.h"

enum severity {
    SEVERITY_NOTE,    /* good to know, nothing is wrong */
    SEVERITY_WARNING, /* does not do what somebody wanted; Postfix's check would pass */
    SEVERITY_ERROR,   /* mail will not move, or not start to */
};

#define N_SEVERITIES 3

/* What a finding is about; `kind` is a word for programs, as "unknown-parameter". */
struct place {
    const char *kind;
    const char *file; /* NULL or "": none */
    int line;         /* 0: none */
};

struct report {
    bool as_json;
    int count[N_SEVERITIES];
};

void report(struct report *report, enum severity severity, struct place place,
            const char *format, ...) PRINTF_LIKE(4, 5);

/*
 * The same for a text that says itself where: "FILE, line N: text" or "FILE: line N: text", as
 * the errors of lib/conf do.
 */
void report_located(struct report *report, enum severity severity, const char *kind,
                    struct slice text);

/*
 * Enhanced status codes (RFC 3463) and what a delivery attempt ended with.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/slice.h"

#define DSN_STATUS_BYTES 12

/* "4.4.1". Parses the start of the text; false when there is none. *rest is what follows. */
bool dsn_status_parse(struct slice text, char status[DSN_STATUS_BYTES], struct slice *rest);

/* What is known about one attempt for one recipient; texts are borrowed. */
struct dsn {
    char status[DSN_STATUS_BYTES]; /* "5.1.1" */
    const char *action;            /* "failed", "delayed", "delivered", "relayed", "expanded",
                                      "deliverable", "undeliverable" */
    struct slice reason;           /* one line for people and the log */
    const char *diagnostic_type;   /* "smtp", "x-unix"; NULL: none */
    struct slice diagnostic;       /* "550 5.1.1 <x>: no such user" */
    const char *mta_type;          /* "dns"; NULL: none */
    struct slice mta;              /* the host that said so */
};

/* Replace the class digit: dsn_set_class(status, '4'). */
void dsn_set_class(char status[DSN_STATUS_BYTES], char class_digit);

/*
 * The lines of Dovecot's authentication protocol, version 1: words separated by TAB, in which
 * \001 escapes TAB, CR, LF and NUL. Pure functions on foreign bytes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "base/error.h"
#include "base/slice.h"

#define DOVECOT_LINE_MAX_BYTES ((size_t)32768)

enum dovecot_verb {
    DOVECOT_OTHER, /* nothing that concerns us */
    DOVECOT_VERSION,
    DOVECOT_MECHANISM,
    DOVECOT_DONE, /* the greeting is complete */
    DOVECOT_OK,
    DOVECOT_CONTINUE,
    DOVECOT_FAIL,
};

struct dovecot_line {
    enum dovecot_verb verb;
    int64_t version;        /* VERSION: the major one */
    struct slice mechanism; /* MECH; upper case, in the arena */
    unsigned properties;    /* SECURITY_ bits of auth/sasl_security.h */
    uint64_t id;            /* of the request that OK, CONT and FAIL answer */
    struct slice user;      /* OK, FAIL; in the arena; empty: not told */
    struct slice reason;    /* FAIL; the same */
    bool is_temporary;      /* FAIL: nothing is said about the password */
    struct slice challenge; /* CONT, in base64; points into the line */
};

/*
 * Parse one line (without its end). -1: a temporary error; the peer does not speak the
 * protocol.
 */
MUST_USE int dovecot_line_parse(struct slice line, struct arena *arena,
                                struct dovecot_line *parsed, struct error *error);

/* May the text go into a request? It has no byte that ends a word or a line. */
bool dovecot_text_is_plain(struct slice text);

/*
 * The tables and word lists of main.cf that cleanup works with. Opened once, before the jail.
 */
#pragma once

#include <stdbool.h>

#include "base/slice.h"
#include "table/maps.h"

/* Which addresses a mapping concerns: canonical_classes, masquerade_classes and their like. */
enum address_class {
    CLASS_ENVELOPE_SENDER = 1,
    CLASS_ENVELOPE_RECIPIENT = 2,
    CLASS_HEADER_SENDER = 4,
    CLASS_HEADER_RECIPIENT = 8,
};

struct address_table {
    const char *name; /* the parameter */
    struct maps *maps;
    unsigned classes;
};

/* Where a line stands decides which table looks at it. */
enum check_kind {
    CHECK_HEADER,
    CHECK_MIME_HEADER,
    CHECK_NESTED_HEADER,
    CHECK_BODY,
    N_CONTENT_CHECKS,
    CHECK_MILTER_HEADER = N_CONTENT_CHECKS, /* what filters add */
    N_CHECKS
};

struct check_table {
    const char *name;
    struct maps *maps;
};

/* message_reject_characters and message_strip_characters, with their escapes resolved. */
struct byte_set {
    bool is_empty;
    bool has[256];
};

/* True when one of the bytes is in the set. */
bool byte_set_has_any(const struct byte_set *set, struct slice text);

/* non_empty_end_of_header_action: of a header that a line ends which is neither header nor
 * empty. */
enum open_header { OPEN_HEADER_FIX, OPEN_HEADER_MARK, OPEN_HEADER_REJECT };

struct tables {
    struct address_table sender_canonical, recipient_canonical, canonical;
    struct address_table virtual_alias, sender_bcc, recipient_bcc;
    unsigned masquerade_classes;
    bool propagate_canonical, propagate_virtual;
    struct check_table checks[N_CHECKS];
    struct byte_set rejected_bytes, stripped_bytes;
    enum open_header open_header;
};
extern struct tables tables;

void tables_open(void);

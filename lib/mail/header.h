/*
 * Message headers: names, folding, walking over a header block.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/slice.h"

/* What cleanup, bounce and smtp need to know about a header by its name. */
enum header_kind {
    HEADER_OTHER,
    HEADER_APPARENTLY_TO,
    HEADER_BCC,
    HEADER_CC,
    HEADER_CONTENT_DESCRIPTION,
    HEADER_CONTENT_DISPOSITION,
    HEADER_CONTENT_ID,
    HEADER_CONTENT_LENGTH,
    HEADER_CONTENT_TRANSFER_ENCODING,
    HEADER_CONTENT_TYPE,
    HEADER_DATE,
    HEADER_DELIVERED_TO,
    HEADER_DISPOSITION_NOTIFICATION_TO,
    HEADER_ERRORS_TO,
    HEADER_FROM,
    HEADER_IN_REPLY_TO,
    HEADER_MAIL_FOLLOWUP_TO,
    HEADER_MESSAGE_ID,
    HEADER_MIME_VERSION,
    HEADER_RECEIVED,
    HEADER_REFERENCES,
    HEADER_REPLY_TO,
    HEADER_REQUIRE_TLS_ESMTP,
    HEADER_RESENT_BCC,
    HEADER_RESENT_CC,
    HEADER_RESENT_DATE,
    HEADER_RESENT_FROM,
    HEADER_RESENT_MESSAGE_ID,
    HEADER_RESENT_REPLY_TO,
    HEADER_RESENT_SENDER,
    HEADER_RESENT_TO,
    HEADER_RETURN_PATH,
    HEADER_RETURN_RECEIPT_TO,
    HEADER_SENDER,
    HEADER_SUBJECT,
    HEADER_TLS_REQUIRED,
    HEADER_TO,
    HEADER_X_ORIGINAL_TO,
};

struct header_info {
    const char *name; /* canonical spelling */
    enum header_kind kind;
    bool is_sender;    /* From, Sender, Reply-To, ...: rewritten by sender tables */
    bool is_recipient; /* To, Cc, ...: rewritten by recipient tables */
    bool is_extracted; /* recipients for sendmail -t */
    bool is_resent;
    bool is_mime; /* Content-*, MIME-Version */
};

/*
 * Length of the name when the line is a header ("Name:" or "Name :", printable US-ASCII without
 * colon), else 0.
 */
size_t header_name_length(struct slice line);
/* NULL for a header without an entry. */
const struct header_info *header_find(struct slice name);
/* The value behind the colon, leading white space removed. */
struct slice header_value(struct slice line);
/* True when a line continues the header before it (starts with blank or tab). */
bool header_is_continuation(struct slice line);

/* Header names and lines. */
#include "mail/header.h"

#include "base/hash.h"

enum role { NONE = 0, SENDER = 1, RECIPIENT = 2, EXTRACTED = 4, RESENT = 8, MIME = 16 };

#define ROW(text, which, roles)                                                             \
    {                                                                                       \
        .name = (text), .kind = (which), .is_sender = ((roles)&SENDER) != 0,                \
        .is_recipient = ((roles)&RECIPIENT) != 0, .is_extracted = ((roles)&EXTRACTED) != 0, \
        .is_resent = ((roles)&RESENT) != 0, .is_mime = ((roles)&MIME) != 0                  \
    }

/* Sorted by name without case. Who rewrites what is as Postfix does it: Resent-Reply-To counts
 * among the recipients there. */
static const struct header_info headers[] = {
    ROW("Apparently-To", HEADER_APPARENTLY_TO, RECIPIENT),
    ROW("Bcc", HEADER_BCC, RECIPIENT | EXTRACTED),
    ROW("Cc", HEADER_CC, RECIPIENT | EXTRACTED),
    ROW("Content-Description", HEADER_CONTENT_DESCRIPTION, MIME),
    ROW("Content-Disposition", HEADER_CONTENT_DISPOSITION, MIME),
    ROW("Content-ID", HEADER_CONTENT_ID, MIME),
    ROW("Content-Length", HEADER_CONTENT_LENGTH, NONE),
    ROW("Content-Transfer-Encoding", HEADER_CONTENT_TRANSFER_ENCODING, MIME),
    ROW("Content-Type", HEADER_CONTENT_TYPE, MIME),
    ROW("Date", HEADER_DATE, NONE),
    ROW("Delivered-To", HEADER_DELIVERED_TO, NONE),
    ROW("Disposition-Notification-To", HEADER_DISPOSITION_NOTIFICATION_TO, SENDER),
    ROW("Errors-To", HEADER_ERRORS_TO, SENDER),
    ROW("From", HEADER_FROM, SENDER),
    ROW("In-Reply-To", HEADER_IN_REPLY_TO, NONE),
    ROW("Mail-Followup-To", HEADER_MAIL_FOLLOWUP_TO, SENDER),
    ROW("Message-Id", HEADER_MESSAGE_ID, NONE),
    ROW("MIME-Version", HEADER_MIME_VERSION, MIME),
    ROW("Received", HEADER_RECEIVED, NONE),
    ROW("References", HEADER_REFERENCES, NONE),
    ROW("Reply-To", HEADER_REPLY_TO, SENDER),
    ROW("Require-TLS-ESMTP", HEADER_REQUIRE_TLS_ESMTP, NONE),
    ROW("Resent-Bcc", HEADER_RESENT_BCC, RECIPIENT | EXTRACTED | RESENT),
    ROW("Resent-Cc", HEADER_RESENT_CC, RECIPIENT | EXTRACTED | RESENT),
    ROW("Resent-Date", HEADER_RESENT_DATE, RESENT),
    ROW("Resent-From", HEADER_RESENT_FROM, SENDER | RESENT),
    ROW("Resent-Message-Id", HEADER_RESENT_MESSAGE_ID, RESENT),
    ROW("Resent-Reply-To", HEADER_RESENT_REPLY_TO, RECIPIENT | RESENT),
    ROW("Resent-Sender", HEADER_RESENT_SENDER, SENDER | RESENT),
    ROW("Resent-To", HEADER_RESENT_TO, RECIPIENT | EXTRACTED | RESENT),
    ROW("Return-Path", HEADER_RETURN_PATH, SENDER),
    ROW("Return-Receipt-To", HEADER_RETURN_RECEIPT_TO, SENDER),
    ROW("Sender", HEADER_SENDER, SENDER),
    ROW("Subject", HEADER_SUBJECT, NONE),
    ROW("TLS-Required", HEADER_TLS_REQUIRED, NONE),
    ROW("To", HEADER_TO, RECIPIENT | EXTRACTED),
    ROW("X-Original-To", HEADER_X_ORIGINAL_TO, NONE),
};

size_t header_name_length(struct slice line)
{
    size_t len = 0;
    size_t colon;

    while (len < line.len && line.ptr[len] > ' ' && line.ptr[len] < 0x7f &&
           line.ptr[len] != ':')
        len++;
    colon = len;
    while (colon < line.len && (line.ptr[colon] == ' ' || line.ptr[colon] == '\t'))
        colon++;
    return colon < line.len && line.ptr[colon] == ':' ? len : 0;
}

/* Order of names: bytes without case, then length. */
static int compare_names(struct slice a, const char *b)
{
    for (size_t i = 0; i < a.len; i++) {
        int difference = ascii_lower(a.ptr[i]) - ascii_lower(b[i]);

        if (difference != 0)
            return difference;
    }
    return b[a.len] == '\0' ? 0 : -1;
}

const struct header_info *header_find(struct slice name)
{
    size_t low = 0;
    size_t high = ARRAY_SIZE(headers);

    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = compare_names(name, headers[middle].name);

        if (order == 0)
            return &headers[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

struct slice header_value(struct slice line)
{
    struct slice value = slice_from_offset(line, slice_find(line, ':') + 1);

    return slice_from_offset(value, slice_skip_any(value, " \t\r\n"));
}

bool header_is_continuation(struct slice line)
{
    return line.len > 0 && (line.ptr[0] == ' ' || line.ptr[0] == '\t');
}

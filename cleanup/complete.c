/* Header completion. */
#include "complete.h"

#include <time.h>

#include "base/log.h"
#include "conf/params.h"
#include "headers.h"
#include "mail/address.h"
#include "mail/header.h"

#define BIT(kind) (UINT64_C(1) << (kind))

static bool has_seen(const struct transaction *transaction, enum header_kind plain,
                     enum header_kind resent)
{
    enum header_kind kind = transaction->content.is_resent ? resent : plain;

    return (transaction->content.headers_seen & BIT(kind)) != 0;
}

static const char *resent(const struct transaction *transaction)
{
    return transaction->content.is_resent ? "Resent-" : "";
}

static void add_message_id(struct transaction *transaction)
{
    CLEANUP(buf_release) struct buf id = BUF_INIT;
    time_t now = transaction->file.arrival_time.tv_sec;
    char stamp[32];
    struct tm tm;

    if (!gmtime_r(&now, &tm) || !strftime(stamp, sizeof(stamp), "%Y%m%d%H%M%S", &tm))
        return;
    buf_printf(&id, "<%s.%s@%s>", stamp, transaction->file.id, params.myhostname);
    put_printf(transaction, RECORD_LINE, "%sMessage-Id: %s", resent(transaction), id.data);
    if (!transaction->is_silent)
        log_info("%s: %smessage-id=%s", transaction->file.id,
                 transaction->content.is_resent ? "resent-" : "", id.data);
    if (!transaction->content.is_resent) {
        transaction->content.headers_seen |= BIT(HEADER_MESSAGE_ID);
        transaction->content.message_id = arena_slice(&transaction->arena, buf_slice(&id));
    }
}

/* =?utf-8?Q?...?= (RFC 2047 section 4.2), in words of at most 75 bytes. */
static void encode_words(struct buf *header, struct slice name)
{
    static const char hex[] = "0123456789ABCDEF";
    const size_t word_bytes = 75 - strlen(params.full_name_encoding_charset) - 7;
    size_t used = word_bytes;

    for (size_t i = 0; i < name.len;) {
        size_t character = slice_utf8_len(slice_from_offset(name, i));

        if (used + 3 * (character ? character : 1) > word_bytes) {
            buf_printf(header, "%s=?%s?Q?", i ? "?= " : "", params.full_name_encoding_charset);
            used = 0;
        }
        for (size_t end = i + (character ? character : 1); i < end; i++) {
            unsigned char byte = (unsigned char)name.ptr[i];

            if (ascii_is_alnum((char)byte)) {
                buf_add_char(header, (char)byte);
                used++;
            } else if (byte == ' ') {
                buf_add_char(header, '_');
                used++;
            } else {
                buf_add_char(header, '=');
                buf_add_char(header, hex[byte >> 4]);
                buf_add_char(header, hex[byte & 15]);
                used += 3;
            }
        }
    }
    buf_add_text(header, "?=");
}

/* The full name as a phrase: quoted where it has what a phrase may not. */
static void add_phrase(struct buf *header, struct slice name)
{
    if (!slice_is_ascii(name) && *params.full_name_encoding_charset) {
        encode_words(header, name);
        return;
    }
    if (slice_find_any(name, "%!()<>@,;:\\\".[]") == name.len) {
        buf_add_slice(header, name);
        return;
    }
    buf_add_char(header, '"');
    for (size_t i = 0; i < name.len; i++) {
        if (strchr("\"\\", name.ptr[i]))
            buf_add_char(header, '\\');
        buf_add_char(header, name.ptr[i]);
    }
    buf_add_char(header, '"');
}

/* The full name as a comment. */
static void add_comment(struct buf *header, struct slice name)
{
    buf_add_text(header, " (");
    for (size_t i = 0; i < name.len; i++) {
        if (strchr("()\\", name.ptr[i]))
            buf_add_char(header, '\\');
        buf_add_char(header, name.ptr[i]);
    }
    buf_add_char(header, ')');
}

static void add_from(struct transaction *transaction)
{
    CLEANUP(buf_release) struct buf header = BUF_INIT;
    struct slice sender = transaction->sender;
    struct slice name = sender.len ? transaction->full_name : SLICE_EMPTY;
    bool is_standard = !slice_equals(slice_from(params.header_from_format), "obsolete");

    buf_printf(&header, "%sFrom: ", resent(transaction));
    if (name.len && is_standard) {
        add_phrase(&header, name);
        buf_add_text(&header, " <");
    }
    address_quote(&header, sender.len ? sender : SLICE("MAILER-DAEMON"));
    if (name.len && is_standard)
        buf_add_char(&header, '>');
    else if (name.len)
        add_comment(&header, name);
    header_put(transaction, buf_slice(&header));
}

void headers_complete(struct transaction *transaction)
{
    const uint64_t visible =
        BIT(HEADER_TO) | BIT(HEADER_RESENT_TO) | BIT(HEADER_CC) | BIT(HEADER_RESENT_CC);

    if (!transaction_is_wanted(transaction))
        return;
    if (transaction->header_rewriting != HEADER_REWRITE_NONE ||
        params.always_add_missing_headers) {
        if (!has_seen(transaction, HEADER_MESSAGE_ID, HEADER_RESENT_MESSAGE_ID))
            add_message_id(transaction);
        if (!has_seen(transaction, HEADER_DATE, HEADER_RESENT_DATE))
            put_printf(transaction, RECORD_LINE, "%sDate: %s", resent(transaction),
                       time_rfc5322(transaction->arrival_time.tv_sec));
        if (!has_seen(transaction, HEADER_FROM, HEADER_RESENT_FROM))
            add_from(transaction);
        if (!(transaction->content.headers_seen & visible) &&
            *params.undisclosed_recipients_header)
            put(transaction, RECORD_LINE, slice_from(params.undisclosed_recipients_header));
    }
    if (!(transaction->content.headers_seen & BIT(HEADER_MESSAGE_ID)) &&
        !transaction->is_silent)
        log_info("%s: message-id=<>", transaction->file.id);
}

/* Headers of the message. */
#include "headers.h"

#include "addresses.h"
#include "base/log.h"
#include "checks.h"
#include "conf/params.h"
#include "conf/words.h"
#include "mail/address.h"
#include "mail/header.h"
#include "mail/message.h"
#include "route/rewrite.h"

/* A record holds at most line_length_limit bytes; longer lines take several. */
static void put_line(struct transaction *transaction, struct slice line)
{
    size_t limit = (size_t)params.line_length_limit;

    for (; line.len > limit; line = slice_from_offset(line, limit))
        put(transaction, RECORD_PART, slice_sub(line, 0, limit));
    put(transaction, RECORD_LINE, line);
}

void header_put(struct transaction *transaction, struct slice text)
{
    bool is_first = true;

    do {
        struct slice line = slice_split(&text, '\n');

        if (is_first || header_is_continuation(line)) {
            put_line(transaction, line);
        } else {
            CLEANUP(buf_release) struct buf indented = BUF_INIT;

            buf_add_char(&indented, '\t');
            buf_add_slice(&indented, line);
            put_line(transaction, buf_slice(&indented));
        }
        is_first = false;
    } while (text.len);
}

/* One address of a header, in quoted form; the result lies in the arena. */
static struct slice rewritten(struct transaction *transaction, enum address_role role,
                              struct slice address, struct arena *arena)
{
    enum rewrite_context context =
        transaction->header_rewriting == HEADER_REWRITE_REMOTE ? REWRITE_REMOTE : REWRITE_LOCAL;
    enum address_class class =
        role == ROLE_SENDER ? CLASS_HEADER_SENDER : CLASS_HEADER_RECIPIENT;
    struct slice internal, mapped;

    if (address.len == 0)
        return address;
    address = rewrite_address(context, address, arena);
    internal = address_unquoted(arena, address);
    mapped = address_mapping_applies(transaction, role, class)
                 ? address_mapped(transaction, role, class, internal, arena)
                 : internal;
    return address_quoted(arena, mapped); /* with quotes just where they are needed */
}

/* Rewrite the addresses; the header is composed anew only where one of them changed. */
static void rewrite_header(struct transaction *transaction, const struct header_info *info,
                           struct buf *header)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    enum address_role role = info->is_sender ? ROLE_SENDER : ROLE_RECIPIENT;
    struct header_address_list list;
    struct slice name = slice_sub(buf_slice(header), 0, header_name_length(buf_slice(header)));
    bool has_changed = false;

    header_address_parse(header_value(buf_slice(header)), &arena,
                         (size_t)params.header_address_token_limit, &list);
    for (size_t i = 0; i < list.n_addresses; i++) {
        struct slice *address = &list.addresses[i].address;
        struct slice result = rewritten(transaction, role, *address, &arena);

        has_changed = has_changed || !slice_same(result, *address);
        *address = result;
    }
    if (!has_changed)
        return;
    name = arena_slice(&arena, name);
    buf_set(header, name);
    buf_add_text(header, ": ");
    header_address_compose(header, &list, header->len);
}

static void count_hop(struct transaction *transaction)
{
    if (++transaction->content.hop_count < params.hopcount_limit ||
        (transaction->status & CLEANUP_STATUS_HOPS))
        return;
    log_warning("%s: message rejected: hopcount exceeded", transaction->file.id);
    transaction_fail(transaction, CLEANUP_STATUS_HOPS);
}

static void note_message_id(struct transaction *transaction, const struct header_info *info,
                            struct slice value)
{
    bool is_resent = info->kind == HEADER_RESENT_MESSAGE_ID;

    value = slice_trim(value);
    if (!transaction->is_silent)
        log_info("%s: %smessage-id=%.*s", transaction->file.id, is_resent ? "resent-" : "",
                 SLICE_ARG(value));
    if (!is_resent && value.len && slice_find_any(value, "\r\n") == value.len)
        transaction->content.message_id = arena_slice(&transaction->arena, value);
}

/* MIME's own word about 8-bit content, when the client did not give BODY=. */
static void note_encoding(struct transaction *transaction, struct slice value)
{
    value = slice_trim(value);
    if (!params.detect_8bit_encoding_header)
        return;
    if (slice_equals_nocase(value, "7bit"))
        transaction->encoding = SLICE("7bit");
    else if (slice_equals_nocase(value, "8bit") || slice_equals_nocase(value, "binary"))
        transaction->encoding = SLICE("8bit");
}

/* REQUIRETLS that came by way of something that does not know it. */
static bool asks_for_requiretls(const struct header_info *info, struct slice text)
{
    return info->kind == HEADER_REQUIRE_TLS_ESMTP && params.requiretls_enable &&
           params.requiretls_esmtp_header &&
           slice_equals_nocase(slice_trim(header_value(text)), "yes");
}

/* False: it has been seen before, and once is enough. */
static bool note_header(struct transaction *transaction, const struct header_info *info,
                        struct slice text)
{
    uint64_t bit = UINT64_C(1) << info->kind;
    bool is_repeated = transaction->content.headers_seen & bit;

    transaction->content.headers_seen |= bit;
    if (info->is_resent)
        transaction->content.is_resent = true;
    if (info->kind == HEADER_RECEIVED)
        count_hop(transaction);
    else if (info->kind == HEADER_MESSAGE_ID || info->kind == HEADER_RESENT_MESSAGE_ID)
        note_message_id(transaction, info, header_value(text));
    else if (info->kind == HEADER_CONTENT_TRANSFER_ENCODING)
        note_encoding(transaction, header_value(text));
    else if (info->kind == HEADER_TLS_REQUIRED && params.tls_required_enable &&
             slice_equals_nocase(slice_trim(header_value(text)), "no"))
        transaction->send_options |= SEND_TLS_REQUIRED_NO;
    else if (asks_for_requiretls(info, text)) {
        transaction->send_options |= SEND_REQUIRETLS;
        return !is_repeated; /* each server on the way would add one */
    }
    return true;
}

/* UTF-8 in a header needs SMTPUTF8 on the way out, or conversion. */
static void note_utf8(struct transaction *transaction, struct slice text)
{
    if (!params.smtputf8_enable || (transaction->send_options & SEND_SMTPUTF8_HEADER) ||
        slice_is_ascii(text) || !slice_is_utf8(text))
        return;
    transaction->send_options |= SEND_SMTPUTF8_HEADER;
    if (transaction->flags & CLEANUP_SMTPUTF8)
        transaction->send_options |= SEND_SMTPUTF8_REQUESTED;
}

void header_take(struct transaction *transaction, struct buf *header)
{
    struct slice text = buf_slice(header);
    const struct header_info *info = header_find(slice_sub(text, 0, header_name_length(text)));
    enum check_kind kind = info && info->is_mime ? CHECK_MIME_HEADER : CHECK_HEADER;

    if (check_line(transaction, kind, header) == LINE_DROP)
        return;
    text = buf_slice(header); /* the check may have replaced it */
    info = header_find(slice_sub(text, 0, header_name_length(text)));
    note_utf8(transaction, text);
    if (info && !note_header(transaction, info, text))
        return;
    if (words_have(slice_from(params.message_drop_headers),
                   slice_sub(text, 0, header_name_length(text))))
        return;
    if (info && (info->is_sender || info->is_recipient) &&
        transaction->header_rewriting != HEADER_REWRITE_NONE)
        rewrite_header(transaction, info, header);
    header_put(transaction, buf_slice(header));
}

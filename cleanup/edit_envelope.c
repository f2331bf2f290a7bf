/* Sender and recipients. */
#include "base/log.h"
#include "conf/words.h"
#include "edit.h"
#include "mail/address.h"
#include "mail/message.h"
#include "mail/xtext.h"
#include "recipients.h"

/* Where a word without <> ends: at white space or a comma outside of quotes. */
static size_t word_end(struct slice text)
{
    bool quoted = false;

    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"')
            quoted = !quoted;
        else if (text.ptr[i] == '\\')
            i++;
        else if (!quoted && (ascii_is_space(text.ptr[i]) || text.ptr[i] == ','))
            return i;
    }
    return text.len;
}

/* "<address>" or "address" in internal form, the first where there are more; what is empty or
 * cannot be read is the null address. False when it is no single address. */
static bool internal_form(struct edit *edit, struct slice text, struct slice *address)
{
    struct slice rest;
    struct error error;

    text = slice_trim(text);
    if (text.len == 0 || text.ptr[0] != '<') {
        size_t end = word_end(text);

        *address = address_unquoted(&edit->arena, slice_sub(text, 0, end));
        return end == text.len;
    }
    *address = rest = SLICE_EMPTY;
    return address_parse_path(text, ADDRESS_LENIENT, &edit->arena, address, &rest, &error) ==
               0 &&
           slice_trim(rest).len == 0;
}

static int notify_bit(struct slice word)
{
    static const struct {
        const char *name;
        int bit;
    } names[] = {
        {"NEVER", NOTIFY_NEVER},
        {"SUCCESS", NOTIFY_SUCCESS},
        {"FAILURE", NOTIFY_FAILURE},
        {"DELAY", NOTIFY_DELAY},
    };

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (slice_equals_nocase(word, names[i].name))
            return names[i].bit;
    }
    return 0;
}

/* "SUCCESS,FAILURE"; 0 when it is malformed (RFC 3461 section 4.1). */
static int parse_notify(struct slice text)
{
    int bits = 0;

    while (text.len) {
        int bit = notify_bit(slice_split(&text, ','));

        if (!bit)
            return 0;
        bits |= bit;
    }
    return (bits & NOTIFY_NEVER) && bits != NOTIFY_NEVER ? 0 : bits;
}

/* "rfc822;user+2Btag@example.com", the type kept, the rest decoded. */
static bool parse_orcpt(struct slice text, struct arena *arena, struct slice *dsn_original)
{
    struct slice rest = text, type = slice_split(&rest, ';'), address;

    if (type.len == 0 || rest.len == 0 || !xtext_decode(rest, arena, &address) ||
        slice_find_any(address, "\r\n") < address.len)
        return false;
    *dsn_original =
        slice_from(arena_printf(arena, "%.*s;%.*s", SLICE_ARG(type), SLICE_ARG(address)));
    return true;
}

static void take_parameter(struct edit *edit, struct edit_recipient *recipient,
                           struct slice word)
{
    const char *id = edit->transaction->file.id;
    struct slice value = word, name = slice_split(&value, '=');

    if (slice_equals_nocase(name, "NOTIFY")) {
        recipient->notify = parse_notify(value);
        if (!recipient->notify)
            log_warning("%s: Bad NOTIFY parameter from Milter or header/body_checks: \"%.*s\"",
                        id, SLICE_ARG(slice_sub(word, 0, 100)));
    } else if (slice_equals_nocase(name, "ORCPT")) {
        if (!parse_orcpt(value, &edit->arena, &recipient->dsn_original))
            log_warning("%s: Bad ORCPT parameter from Milter or header/body_checks: \"%.*s\"",
                        id, SLICE_ARG(slice_sub(word, 0, 100)));
    } else {
        log_warning("%s: ignoring ESMTP argument from Milter or header/body_checks: \"%.*s\"",
                    id, SLICE_ARG(slice_sub(word, 0, 100)));
    }
}

static struct edit_recipient *append_recipient(struct edit *edit, struct slice address)
{
    struct edit_recipient *recipient = arena_new(&edit->arena, struct edit_recipient);

    recipient->address = address;
    recipient->dsn_original = SLICE_EMPTY;
    *edit->last_recipient = recipient;
    edit->last_recipient = &recipient->next;
    return recipient;
}

void edit_add_recipient(void *context, struct slice address, struct slice parameters)
{
    struct edit *edit = context;
    struct edit_recipient *recipient;
    struct slice internal, word;

    if (!internal_form(edit, address, &internal))
        log_warning("%s: Milter or header/body_checks request to add multi-recipient: \"%.*s\"",
                    edit->transaction->file.id, SLICE_ARG(address));
    if (internal.len == 0) {
        log_warning("%s: ignoring attempt from Milter to add null recipient",
                    edit->transaction->file.id);
        return;
    }
    recipient = append_recipient(edit, internal);
    while (words_next(&parameters, WORDS_SPACE, &word))
        take_parameter(edit, recipient, arena_slice(&edit->arena, word));
}

/* One that another filter has added, and that is not in the file yet. */
static void drop_added(struct edit *edit, struct slice address)
{
    struct edit_recipient **link = &edit->recipients;

    while (*link) {
        if (slice_same((*link)->address, address))
            *link = (*link)->next;
        else
            link = &(*link)->next;
    }
    edit->last_recipient = link;
}

/* What stands in front of an R record. */
static void note_attribute(struct recipient *next, struct slice data, struct arena *arena)
{
    struct slice value = data, name = slice_split(&value, '=');
    int64_t number;

    if (slice_equals(name, "notify_flags") && slice_to_int(value, 0, INT32_MAX, &number))
        next->notify = (int)number;
    else if (slice_equals(name, "dsn_orig_rcpt"))
        next->dsn_original = arena_slice(arena, value);
}

static int cancel_recipient(struct transaction *transaction, const struct record *record,
                            struct recipient *next, struct arena *arena, struct error *error)
{
    const char cancelled = RECORD_CANCELLED;

    next->address = arena_slice(arena, record->data);
    recipient_forget(transaction, next);
    return queue_file_patch(&transaction->file, record->offset, slice_of(&cancelled, 1), error);
}

/* In one of the two segments that have recipients: all whose address it was before aliasing. */
static int cancel_in(struct transaction *transaction, off_t offset, struct slice address,
                     struct error *error)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    CLEANUP(record_reader_release) struct record_reader reader;
    struct recipient next = {0};
    struct record record;
    int found, result = 0;

    record_reader_init(&reader, transaction->file.fd, offset, 4096);
    while (result == 0 && (found = record_reader_next(&reader, &record, error)) > 0 &&
           record.type != RECORD_MESSAGE && record.type != RECORD_END) {
        if (record.type == RECORD_ATTRIBUTE) {
            note_attribute(&next, record.data, &arena);
        } else if (record.type == RECORD_ORIGINAL_RECIPIENT) {
            next.original = arena_slice(&arena, record.data);
        } else if (record.type == RECORD_RECIPIENT) {
            struct slice known = next.original.ptr ? next.original : record.data;

            if (slice_same(known, address))
                result = cancel_recipient(transaction, &record, &next, &arena, error);
            next = (struct recipient){0};
            arena_reset(&arena);
        }
    }
    return found < 0 ? -1 : result;
}

void edit_delete_recipient(void *context, struct slice address)
{
    struct edit *edit = context;
    struct transaction *transaction = edit->transaction;
    struct slice internal;
    struct error error;

    if (!internal_form(edit, address, &internal))
        log_warning("%s: Milter request to drop multi-recipient: \"%.*s\"",
                    transaction->file.id, SLICE_ARG(address));
    drop_added(edit, internal);
    if (queue_file_flush(&transaction->file, &error) < 0 ||
        cancel_in(transaction, transaction->sender_end, internal, &error) < 0 ||
        cancel_in(transaction, transaction->extracted_offset, internal, &error) < 0)
        transaction_write_failed(transaction, &error);
}

static void take_sender_parameter(struct edit *edit, struct slice word)
{
    struct slice value = word, name = slice_split(&value, '='), decoded;

    if (slice_equals_nocase(word, "RET=FULL"))
        edit->ret = RET_FULL;
    else if (slice_equals_nocase(word, "RET=HDRS"))
        edit->ret = RET_HEADERS;
    else if (slice_equals_nocase(name, "ENVID") && value.len &&
             xtext_decode(value, &edit->arena, &decoded) &&
             slice_find_any(decoded, "\r\n") == decoded.len)
        edit->envelope_id = decoded;
    else
        log_warning("Ignoring bad ESMTP parameter \"%.*s\" in SMFI_CHGFROM request",
                    SLICE_ARG(slice_sub(word, 0, 100)));
}

void edit_change_sender(void *context, struct slice address, struct slice parameters)
{
    struct edit *edit = context;
    struct slice internal, word;

    if (!internal_form(edit, address, &internal))
        log_warning("%s: Milter request to add multi-sender: \"%.*s\"",
                    edit->transaction->file.id, SLICE_ARG(address));
    edit->sender_changed = true;
    edit->sender = internal;
    edit->transaction->sender =
        arena_slice(&edit->transaction->arena, internal); /* log lines */
    while (words_next(&parameters, WORDS_SPACE, &word))
        take_sender_parameter(edit, word);
}

static void apply_sender(struct edit *edit)
{
    struct transaction *transaction = edit->transaction;
    off_t block = edit_block(transaction);

    if (edit->envelope_id.len)
        put_attribute(transaction, "envelope_id", edit->envelope_id);
    if (edit->ret)
        put_printf(transaction, RECORD_ATTRIBUTE, "ret_flags=%d", edit->ret);
    sender_put(transaction, edit->sender);
    edit_link(transaction, transaction->sender_slot, block, transaction->sender_end);
}

/* Also what milter_header_checks have ordered. */
static void apply_recipients(struct edit *edit)
{
    struct transaction *transaction = edit->transaction;
    off_t block = edit_block(transaction);

    if (transaction->filter.len)
        put(transaction, RECORD_FILTER, transaction->filter);
    if (transaction->redirect.len)
        put(transaction, RECORD_REDIRECT, transaction->redirect);
    for (const struct bcc *bcc = transaction->bccs; bcc; bcc = bcc->next)
        recipient_put_bcc(transaction, bcc->address);
    for (const struct edit_recipient *one = edit->recipients; one; one = one->next)
        recipient_put_more(transaction, one->address, one->dsn_original, one->notify);
    edit_link(transaction, transaction->end_slot, block, transaction->end_offset);
}

void edit_apply_envelope(struct edit *edit)
{
    if (edit->sender_changed)
        apply_sender(edit);
    if (edit->recipients || edit->transaction->bccs || edit->transaction->filter.len ||
        edit->transaction->redirect.len)
        apply_recipients(edit);
}

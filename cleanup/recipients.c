/* Writing sender and recipients. */
#include "recipients.h"

#include "addresses.h"
#include "base/log.h"
#include "base/trace.h"
#include "conf/params.h"
#include "expand.h"
#include "explain.h"
#include "ipc/bounce_client.h"
#include "milter.h"
#include "route/rewrite.h"
#include "tables.h"

/* A recipient about to be written. */
struct target {
    struct slice address, original, dsn_original;
    int notify;
};

static void trace_rewritten(struct slice address, struct slice clean)
{
    if (!slice_same(address, clean))
        trace_step("completed (append_at_myorigin and its like): %.*s", SLICE_ARG(clean));
}

/* A blind copy by table. Lookup trouble must not lose the copy, so it is a refusal for now. */
static void bcc_by_table(struct transaction *transaction, const struct address_table *table,
                         struct slice address)
{
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    struct error error;

    if (!(transaction->flags & CLEANUP_BCC) || address.len == 0)
        return;
    switch (address_find(table->maps, address, &value, NULL, &error)) {
    case 1:
        trace_step("%s adds a copy for %s", table->name, value.data);
        recipient_put_bcc(transaction, buf_slice(&value));
        break;
    case 0:
        break;
    default:
        log_warning("%s", error.text);
        log_warning("%s: %s map lookup problem -- message not accepted, try again later",
                    transaction->file.id, table->name);
        transaction_fail(transaction, CLEANUP_STATUS_WRITE);
    }
}

/* What goes out as UTF-8 needs SMTPUTF8; mail made here is not asked to say so beforehand. */
static void note_utf8(struct transaction *transaction, struct slice address, int send_option)
{
    if (!params.smtputf8_enable || slice_is_ascii(address) || !slice_is_utf8(address))
        return;
    transaction->send_options |= send_option;
    if (transaction->flags & CLEANUP_SMTPUTF8)
        transaction->send_options |= SEND_SMTPUTF8_REQUESTED;
}

void sender_put(struct transaction *transaction, struct slice address)
{
    struct arena *arena = &transaction->arena;
    struct slice clean = rewrite_internal(REWRITE_LOCAL, address, arena);

    trace_rewritten(address, clean);
    clean = address_mapped(transaction, ROLE_SENDER, CLASS_ENVELOPE_SENDER, clean, arena);
    transaction->sender = clean;
    note_utf8(transaction, clean, SEND_SMTPUTF8_SENDER);
    put(transaction, RECORD_SENDER, clean);
    if (!transaction->sender_end)
        transaction->sender_end = queue_file_offset(&transaction->file);
    bcc_by_table(transaction, &tables.sender_bcc, clean);
}

/* Who was written to under two names gets two copies, each with its X-Original-To. */
static void duplicate_key(struct buf *key, const struct target *target)
{
    if (params.enable_original_recipient)
        buf_printf(key, "%.*s\n%d\n%.*s\n", SLICE_ARG(target->dsn_original), target->notify,
                   SLICE_ARG(target->original));
    buf_add_slice(key, target->address);
}

/* True when the very same recipient has been written before; remembers it. */
static bool is_duplicate(struct transaction *transaction, const struct target *target)
{
    CLEANUP(buf_release) struct buf key = BUF_INIT;
    bool is_full =
        params.duplicate_filter_limit > 0 &&
        transaction->recipients_seen.n_entries >= (size_t)params.duplicate_filter_limit;

    duplicate_key(&key, target);
    if (hash_has(&transaction->recipients_seen, buf_slice(&key)))
        return true;
    if (!is_full)
        (void)hash_set(&transaction->recipients_seen, buf_slice(&key), transaction);
    return false;
}

static void write_recipient(struct transaction *transaction, const struct target *target)
{
    if (is_duplicate(transaction, target)) {
        trace_step("%.*s: has the mail already", SLICE_ARG(target->address));
        return;
    }
    if (trace_is_on)
        explain_recipient(transaction, target->address);
    if (target->notify)
        put_printf(transaction, RECORD_ATTRIBUTE, "notify_flags=%d", target->notify);
    if (target->dsn_original.len)
        put_attribute(transaction, "dsn_orig_rcpt", target->dsn_original);
    put(transaction, RECORD_ORIGINAL_RECIPIENT, target->original);
    put(transaction, RECORD_RECIPIENT, target->address);
    transaction->n_recipients++;
}

/*
 * NOTIFY=SUCCESS for a list: it is a success that it was expanded (RFC 3461 section 5.2.7.1).
 * As in Postfix one other address is a list, too: where the mail went is nobody's business.
 */
static void report_expansion(struct transaction *transaction, struct target *target)
{
    struct status_entry entry = {
        .recipient = {.address = target->address,
                      .original = target->original,
                      .dsn_original = target->dsn_original,
                      .notify = target->notify},
        .dsn = {.status = "2.0.0", .action = "expanded", .reason = SLICE("alias expanded")},
    };
    struct error error;

    if (bounce_append_entry(BOUNCE_LOG_TRACE, slice_from(transaction->file.id), &entry, 0,
                            deadline_in(params.ipc_timeout), &error) < 0) {
        log_warning("%s: %s", transaction->file.id, error.text);
        transaction_fail(transaction, CLEANUP_STATUS_WRITE);
    }
    target->notify &= ~NOTIFY_SUCCESS;
    if (!target->notify)
        target->notify = NOTIFY_NEVER;
}

static void write_expanded(struct transaction *transaction, struct target *target)
{
    struct address_list list;

    if (!(transaction->flags & CLEANUP_MAP)) {
        write_recipient(transaction, target);
        return;
    }
    virtual_expand(transaction, target->address, &list);
    if ((target->notify & NOTIFY_SUCCESS) && list.count > 0 &&
        (list.count > 1 || !slice_same(list.items[0], target->address)))
        report_expansion(transaction, target);
    for (size_t i = 0; i < list.count; i++) {
        target->address = list.items[i];
        write_recipient(transaction, target);
    }
}

/* The address as the sender knew it, for delivery reports (RFC 3461 section 4.2). */
static struct slice default_dsn_original(struct slice address, struct arena *arena)
{
    return slice_from(arena_printf(
        arena, "%s;%.*s", slice_is_ascii(address) ? "rfc822" : "utf-8", SLICE_ARG(address)));
}

void recipient_put(struct transaction *transaction, struct slice address)
{
    struct arena *arena = &transaction->arena;
    struct recipient_options options = transaction->next;
    struct target target = {.notify = options.notify, .dsn_original = options.dsn_original};
    struct slice clean;

    transaction->next = (struct recipient_options){0};
    /* No table in trouble is asked of the next ones: the client has to send all of it again. */
    if (transaction->status != CLEANUP_STATUS_OK && !transaction_may_bounce(transaction))
        return;
    target.original = options.has_original ? options.original : arena_slice(arena, address);
    clean = rewrite_internal(REWRITE_LOCAL,
                             address.len ? address : slice_from(params.empty_address_recipient),
                             arena);
    trace_rewritten(address, clean);
    if (!target.dsn_original.len)
        target.dsn_original = default_dsn_original(clean, arena);
    clean = address_mapped(transaction, ROLE_RECIPIENT, CLASS_ENVELOPE_RECIPIENT, clean, arena);
    note_utf8(transaction, clean, 0);
    transaction->last_recipient = clean;
    milter_recipient(transaction, clean);
    target.address = clean;
    write_expanded(transaction, &target);
    bcc_by_table(transaction, &tables.recipient_bcc, clean);
}

void recipient_put_more(struct transaction *transaction, struct slice address,
                        struct slice dsn_original, int notify)
{
    struct arena *arena = &transaction->arena;
    struct target target = {.notify = notify, .dsn_original = dsn_original};

    target.address = rewrite_internal(REWRITE_LOCAL, address, arena);
    target.address = address_mapped(transaction, ROLE_RECIPIENT, CLASS_ENVELOPE_RECIPIENT,
                                    target.address, arena);
    target.original = target.address;
    write_expanded(transaction, &target);
}

void recipient_put_bcc(struct transaction *transaction, struct slice address)
{
    recipient_put_more(transaction, address, SLICE_EMPTY, NOTIFY_NEVER);
}

void recipient_forget(struct transaction *transaction, const struct recipient *recipient)
{
    CLEANUP(buf_release) struct buf key = BUF_INIT;
    const struct target target = {recipient->address, recipient->original,
                                  recipient->dsn_original, recipient->notify};

    duplicate_key(&key, &target);
    (void)hash_remove(&transaction->recipients_seen, buf_slice(&key));
}

#include "explain.h"

#include <sysexits.h>

#include "base/bug.h"
#include "base/mem.h"
#include "base/trace.h"
#include "conf/params.h"
#include "mail/address.h"
#include "recipients.h"
#include "route/address_map.h"
#include "route/open_maps.h"
#include "route/resolve.h"
#include "tables.h"

/* Who is known in a class of domains; what is not in there the SMTP server refuses. */
static const struct {
    unsigned class_bit;
    const char *parameter;
    size_t offset; /* of its value in struct params */
} listings[] = {
    {RESOLVE_CLASS_LOCAL, "local_recipient_maps",
     offsetof(struct params, local_recipient_maps)},
    {RESOLVE_CLASS_VIRTUAL, "virtual_mailbox_maps",
     offsetof(struct params, virtual_mailbox_maps)},
    {RESOLVE_CLASS_RELAY, "relay_recipient_maps",
     offsetof(struct params, relay_recipient_maps)},
};

static void trace_listing(const char *parameter, const char *list, struct slice recipient)
{
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    struct maps *maps = open_maps(maps_open, parameter, list);
    struct error error;

    if (!maps_is_empty(maps) && address_find(maps, recipient, &value, NULL, &error) == 0)
        trace_step("%s does not have the recipient", parameter);
    maps_free(maps);
}

static void trace_known(const struct resolved *resolved)
{
    for (size_t i = 0; i < ARRAY_SIZE(listings); i++) {
        const char *const *list = (const void *)((const char *)&params + listings[i].offset);

        if (resolved->flags & listings[i].class_bit)
            trace_listing(listings[i].parameter, *list, resolved->recipient);
    }
}

/* What local(8) does first: with the extension, then without. */
static void trace_aliases(struct slice recipient)
{
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    struct slice local = address_local_part(recipient), user, extension;
    struct maps *maps = open_maps(maps_open_sensitive, "alias_maps", params.alias_maps);
    struct error error;

    if (maps_find(maps, local, &value, &error) == TABLE_NOT_FOUND &&
        address_split_extension(local, params.recipient_delimiter, params.owner_request_special,
                                &user, &extension) &&
        maps_find(maps, user, &value, &error) == TABLE_ERROR)
        trace_step("alias_maps: %s", error.text);
    maps_free(maps);
}

void explain_recipient(struct transaction *transaction, struct slice address)
{
    struct resolved resolved;
    struct error error;

    trace_begin("recipient %.*s", SLICE_ARG(address));
    if (resolve_address(transaction->sender, address, false, &transaction->arena, &resolved,
                        &error) < 0) {
        trace_end("deferred: %s", error.text);
        return;
    }
    if (resolved.flags & RESOLVE_ERROR) {
        trace_end("undeliverable: %.*s", SLICE_ARG(resolved.error));
        return;
    }
    trace_known(&resolved);
    if (slice_equals(resolved.transport, "local"))
        trace_aliases(resolved.recipient);
    trace_end("transport %.*s, next hop %.*s, recipient %.*s", SLICE_ARG(resolved.transport),
              SLICE_ARG(resolved.nexthop), SLICE_ARG(resolved.recipient));
}

/* Everything that is asked of addresses, and CLEANUP_DISCARD: nothing is written. */
static void transaction_prepare(struct transaction *transaction)
{
    *transaction = (struct transaction){
        .file = QUEUE_FILE_INIT,
        .flags = CLEANUP_MAP | CLEANUP_BCC | CLEANUP_DISCARD,
        .recipients_seen = HASH_INIT_NOCASE,
    };
    snprintf(transaction->file.id, sizeof(transaction->file.id), "NOQUEUE");
}

static void explain_sender(struct transaction *transaction, const char *sender)
{
    trace_begin("from <%s>", sender);
    sender_put(transaction, address_unquoted(&transaction->arena, slice_from(sender)));
    trace_end("<%.*s>", SLICE_ARG(transaction->sender));
}

int explain(int argc, char **argv)
{
    CLEANUP(transaction_release) struct transaction transaction;

    transaction_prepare(&transaction);
    if (argc < 2)
        fatal(EX_USAGE, "an address is missing");
    route_open();
    if (argc > 2)
        explain_sender(&transaction, argv[2]);
    trace_begin("to <%s>", argv[1]);
    recipient_put(&transaction, address_unquoted(&transaction.arena, slice_from(argv[1])));
    if (*params.always_bcc) {
        trace_step("always_bcc adds a copy for %s", params.always_bcc);
        recipient_put_bcc(&transaction, slice_from(params.always_bcc));
    }
    if (transaction.status != CLEANUP_STATUS_OK)
        trace_end("mail for it is refused for now");
    else
        trace_end("%lld recipient(s)", (long long)transaction.n_recipients);
    return transaction.status == CLEANUP_STATUS_OK ? 0 : EX_TEMPFAIL;
}

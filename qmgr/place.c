/*
 * Routing recipients inside the queue manager: redirect and filter records, the resolver, and
 * what is known to be out of order.
 */
#include "place.h"

#include <stdlib.h>
#include <strings.h>

#include "base/log.h"
#include "base/mem.h"
#include "conf/params.h"
#include "conf/words.h"
#include "ipc/delivery_client.h"
#include "mail/address.h"
#include "mail/delivery_line.h"
#include "route/resolve.h"
#include "route/rewrite.h"

/* Where a recipient goes; texts lie in the batch's arena. */
struct route {
    struct slice transport, nexthop, address;
    bool is_local; /* a domain of mydestination and its like */
};

void place_open(void)
{
    route_open();
}

struct destination *place_retry(const char *reason)
{
    struct slice text = slice_from(reason);

    return destination_get(transport_get(SLICE(TRANSPORT_RETRY)), text, text);
}

struct destination *place_suspended(const struct destination *dead)
{
    struct slice reason = slice_from(dead->trouble);
    struct slice status = slice_split(&reason, ' ');
    struct buf text = BUF_INIT;
    struct destination *destination;

    buf_printf(&text, "%.*s delivery temporarily suspended: %.*s", SLICE_ARG(status),
               SLICE_ARG(reason));
    destination = place_retry(text.data);
    buf_release(&text);
    return destination;
}

static void divert(struct route *route, const char *transport, struct slice reason)
{
    route->transport = slice_from(transport);
    route->nexthop = reason;
}

/* content_filter and FILTER actions: "transport:nexthop"; the recipient stays as it is. */
static void follow_filter(const struct mail *mail, struct arena *arena, struct route *route)
{
    struct slice nexthop = mail->message.envelope.filter;

    route->transport = arena_slice(arena, slice_split(&nexthop, ':'));
    if (nexthop.len == 0)
        nexthop = slice_from(params.default_filter_nexthop);
    if (nexthop.len == 0)
        nexthop = address_domain(route->address);
    if (nexthop.len == 0)
        nexthop = slice_from(params.myhostname);
    route->nexthop = arena_slice(arena, nexthop);
}

static void resolve(const struct mail *mail, struct arena *arena, struct route *route)
{
    bool probe = mail->flags & DELIVERY_FLAG_VERIFY;
    struct resolved resolved = {0};
    struct error error = ERROR_INIT;

    if (resolve_address(mail->message.envelope.sender, route->address, probe, arena, &resolved,
                        &error) < 0 ||
        (resolved.flags & RESOLVE_FAIL)) {
        log_warning("%s: cannot resolve %.*s: %s", mail->id, SLICE_ARG(route->address),
                    error.text);
        divert(route, TRANSPORT_RETRY, SLICE("4.3.0 address resolver failure"));
        return;
    }
    if (resolved.flags & RESOLVE_ERROR) {
        divert(route, TRANSPORT_ERROR, resolved.error);
        return;
    }
    *route = (struct route){resolved.transport, resolved.nexthop, resolved.recipient,
                            resolved.flags & RESOLVE_CLASS_LOCAL};
    /* A command that gets the address as an argument may take it for an option. */
    if (!params.allow_min_user && slice_starts_with(route->address, "-"))
        divert(route, TRANSPORT_ERROR, SLICE("5.1.3 bad address syntax"));
}

static void find_route(const struct mail *mail, struct arena *arena,
                       const struct recipient *recipient, struct route *route)
{
    const struct envelope *envelope = &mail->message.envelope;
    bool asks_only = mail->flags & (DELIVERY_FLAG_VERIFY | DELIVERY_FLAG_EXPAND);

    route->address = recipient->address;
    if (envelope->filter.len && !envelope->redirect.len && !asks_only)
        follow_filter(mail, arena, route);
    else
        resolve(mail, arena, route);
}

/* One destination for a nexthop; where each recipient is delivered alone, one for each user. */
static struct slice destination_key(const struct transport *transport,
                                    const struct route *route, struct arena *arena)
{
    struct slice user, extension;
    struct buf key = BUF_INIT;
    struct slice result;

    if (transport->limits.recipients_per_delivery != 1)
        return arena_lower(arena, route->nexthop);
    address_split_extension(address_local_part(route->address), params.recipient_delimiter,
                            params.owner_request_special, &user, &extension);
    buf_printf(&key, "%.*s@%.*s", SLICE_ARG(user), SLICE_ARG(route->nexthop));
    result = arena_lower(arena, buf_slice(&key));
    buf_release(&key);
    return result;
}

static struct destination *find_destination(const struct mail *mail, const struct route *route,
                                            struct arena *arena)
{
    struct transport *transport = transport_get(route->transport);
    struct destination *destination;

    if (mail->force_expired)
        return place_retry("4.7.0 message is administratively expired");
    if ((mail->flags & DELIVERY_FLAG_VERIFY) &&
        mail_probe_count() > params.address_verify_pending_request_limit)
        return place_retry("4.3.3 Too many address verification requests");
    if (!mail->ignores_trouble &&
        words_have(slice_from(params.defer_transports), slice_from(transport->name)))
        return place_retry("4.3.2 deferred transport");
    if (mail->ignores_trouble)
        transport_unthrottle(transport);
    if (transport->trouble && !transport_is_retry(transport))
        return place_retry(transport->trouble);
    destination =
        destination_get(transport, destination_key(transport, route, arena), route->nexthop);
    if (mail->ignores_trouble)
        destination_revive(destination);
    return destination_is_dead(destination) ? place_suspended(destination) : destination;
}

/* Mail to double-bounce is what came back of a notice to the postmaster: the end of the line.
 */
static bool is_double_bounce(const struct route *route)
{
    return route->is_local &&
           slice_equals_nocase(address_local_part(route->address), params.double_bounce_sender);
}

static void discard(struct mail *mail, struct recipient *recipient)
{
    CLEANUP(buf_release) struct buf line = BUF_INIT;
    struct delivery_times times = {
        .incoming = mail->message.envelope.arrival_time,
        .active_start = mail->active_since,
    };
    struct dsn dsn = {
        .status = "2.0.0",
        .reason = SLICE("undeliverable postmaster notification discarded"),
    };
    struct delivery_report report = {
        .queue_id = mail_id(mail),
        .recipient = recipient,
        .relay = SLICE("none"),
        .times = &times,
        .status = "sent",
        .dsn = &dsn,
    };

    delivery_line(&line, &report, params.delay_logging_resolution_limit);
    log_info("%s", line.data);
    if (message_mark_done(mail->message.fd, recipient->offset) < 0) {
        log_warning("%s: cannot mark recipient as done: %m", mail->id);
        mail->deferred = true;
    }
}

static void place(struct mail *mail, struct batch *batch, struct recipient *recipient)
{
    struct destination *destination;
    struct route route = {0};

    find_route(mail, &batch->arena, recipient, &route);
    recipient->address = route.address;
    if (is_double_bounce(&route)) {
        discard(mail, recipient);
        return;
    }
    destination = find_destination(mail, &route, &batch->arena);
    job_add_recipient(mail, destination, batch, recipient);
}

/* A redirect replaces all recipients by one, at the price of one R record. What the first of
 * them was to be told stays. */
static void apply_redirect(struct mail *mail, struct batch *batch, struct recipient_list *list)
{
    struct recipient *first = &list->items[0];

    mail->message.next_recipient = 0;
    mail->n_unread = 0;
    list->count = 1;
    first->address =
        rewrite_internal(REWRITE_LOCAL, mail->message.envelope.redirect, &batch->arena);
    first->done = false;
}

static int compare_nocase(struct slice a, struct slice b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common ? strncasecmp(a.ptr, b.ptr, common) : 0;

    return order ? order : (a.len > b.len) - (a.len < b.len);
}

/* By domain, then address: so a destination is told of its recipients, as it always was. */
static int compare_recipients(const void *left, const void *right)
{
    const struct recipient *a = left, *b = right;
    int order = compare_nocase(address_domain(a->address), address_domain(b->address));

    return order ? order : compare_nocase(a->address, b->address);
}

void place_recipients(struct mail *mail, struct batch *batch, struct recipient_list *list)
{
    if (mail->message.envelope.redirect.len && list->count > 0)
        apply_redirect(mail, batch, list);
    if (list->count > 1)
        qsort(list->items, list->count, sizeof(*list->items), compare_recipients);
    for (size_t i = 0; i < list->count; i++) {
        if (!list->items[i].done)
            place(mail, batch, &list->items[i]);
    }
}

/* Resolving: which transport and nexthop an address goes to. */
#include "route/resolve.h"

#include "base/buf.h"
#include "base/log.h"
#include "base/trace.h"
#include "conf/params.h"
#include "mail/address.h"
#include "route/address_map.h"
#include "route/domains.h"
#include "route/open_maps.h"
#include "route/recipient.h"
#include "route/transport.h"
#include "table/maps.h"

/* The parameters of real mail, and their address_verify_ twins for probes. */
struct variant {
    const char *local_transport, *virtual_transport, *relay_transport, *default_transport;
    const char *relayhost;
    const char *relayhosts_name, *transports_name, *sender_transports_name;
    struct maps *relayhosts;        /* by sender */
    struct maps *sender_transports; /* by sender */
    struct maps *transports;        /* by recipient */
};

static struct variant variants[2];
static struct maps *relocated;

void route_open_local(void)
{
    domains_open_local();
}

void route_open(void)
{
    if (relocated)
        return;
    domains_open();
    variants[0] = (struct variant){
        .local_transport = params.local_transport,
        .virtual_transport = params.virtual_transport,
        .relay_transport = params.relay_transport,
        .default_transport = params.default_transport,
        .relayhost = params.relayhost,
        .relayhosts_name = "sender_dependent_relayhost_maps",
        .relayhosts = open_maps(maps_open_verbatim, "sender_dependent_relayhost_maps",
                                params.sender_dependent_relayhost_maps),
        .sender_transports_name = "sender_dependent_default_transport_maps",
        .sender_transports =
            open_maps(maps_open_verbatim, "sender_dependent_default_transport_maps",
                      params.sender_dependent_default_transport_maps),
        .transports_name = "transport_maps",
        .transports = open_maps(maps_open_verbatim, "transport_maps", params.transport_maps),
    };
    variants[1] = (struct variant){
        .local_transport = params.address_verify_local_transport,
        .virtual_transport = params.address_verify_virtual_transport,
        .relay_transport = params.address_verify_relay_transport,
        .default_transport = params.address_verify_default_transport,
        .relayhost = params.address_verify_relayhost,
        .relayhosts_name = "address_verify_sender_dependent_relayhost_maps",
        .relayhosts =
            open_maps(maps_open_verbatim, "address_verify_sender_dependent_relayhost_maps",
                      params.address_verify_sender_dependent_relayhost_maps),
        .sender_transports_name = "address_verify_sender_dependent_default_transport_maps",
        .sender_transports = open_maps(
            maps_open_verbatim, "address_verify_sender_dependent_default_transport_maps",
            params.address_verify_sender_dependent_default_transport_maps),
        .transports_name = "address_verify_transport_maps",
        .transports = open_maps(maps_open_verbatim, "address_verify_transport_maps",
                                params.address_verify_transport_maps),
    };
    relocated = open_maps(maps_open, "relocated_maps", params.relocated_maps);
}

int resolve_is_local_domain(struct slice domain, struct error *error)
{
    return domain_is_local(domain, error);
}

/* The class of a domain that is not local, or -1. */
static int remote_class(struct slice domain, struct error *error)
{
    static const struct {
        enum domain_list list;
        int class_bit;
    } classes[] = {
        {DOMAINS_ALIAS, RESOLVE_CLASS_ALIAS},
        {DOMAINS_MAILBOX, RESOLVE_CLASS_VIRTUAL},
        {DOMAINS_RELAY, RESOLVE_CLASS_RELAY},
    };

    for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
        int found = domain_is_in(classes[i].list, domain, error);
        if (found)
            return found < 0 ? -1 : classes[i].class_bit;
    }
    return RESOLVE_CLASS_DEFAULT;
}

int resolve_domain_class(struct slice domain, struct error *error)
{
    int found = domain_is_local(domain, error);

    if (found)
        return found < 0 ? -1 : RESOLVE_CLASS_LOCAL;
    return remote_class(domain, error);
}

/* As address_find; trouble is logged. */
static int find_by_address(struct maps *maps, const char *name, struct slice address,
                           struct buf *value, struct error *error)
{
    int found = address_find(maps, address, value, NULL, error);

    if (found >= 0)
        return found;
    log_warning("%s", error->text);
    log_warning("%s lookup failure", name);
    return error_set(error, ERROR_TEMPORARY, "%s lookup failure", name);
}

/* A table that is asked by sender; the answer DUNNO means the default. */
static int choose_by_sender(struct maps *maps, const char *name, struct slice key,
                            struct buf *value, const char *otherwise, struct error *error)
{
    int found = find_by_address(maps, name, key, value, error);

    if (found < 0)
        return -1;
    if (found == 0 || slice_equals_nocase(buf_slice(value), "DUNNO"))
        buf_set_text(value, otherwise);
    return found;
}

/* Relay and default class: the next hop is a relayhost, or the domain's own hosts. */
static int choose_relayhost(const struct variant *variant, struct slice sender,
                            const char *domain, struct buf *nexthop, struct error *error)
{
    struct slice key =
        sender.len ? sender : slice_from(params.empty_address_relayhost_maps_lookup_key);
    int found = choose_by_sender(variant->relayhosts, variant->relayhosts_name, key, nexthop,
                                 domain, error);

    if (found < 0)
        return -1;
    if (!found && *variant->relayhost) {
        trace_step("relayhost = %s", variant->relayhost);
        buf_set_text(nexthop, variant->relayhost);
    }
    return 0;
}

static int choose_remote(const struct variant *variant, int class_bit, struct slice sender,
                         const char *domain, struct transport_choice *choice,
                         struct error *error)
{
    struct slice key = sender.len
                           ? sender
                           : slice_from(params.empty_address_default_transport_maps_lookup_key);

    if (class_bit == RESOLVE_CLASS_RELAY)
        buf_set_text(&choice->transport, variant->relay_transport);
    else if (choose_by_sender(variant->sender_transports, variant->sender_transports_name, key,
                              &choice->transport, variant->default_transport, error) < 0)
        return -1;
    return choose_relayhost(variant, sender, domain, &choice->nexthop, error);
}

static int choose_by_class(const struct variant *variant, int class_bit, struct slice sender,
                           const char *domain, struct transport_choice *choice,
                           struct error *error)
{
    switch (class_bit) {
    case RESOLVE_CLASS_LOCAL:
        buf_set_text(&choice->transport, variant->local_transport);
        break;
    case RESOLVE_CLASS_ALIAS:
        buf_set_text(&choice->transport, "error");
        buf_set_text(&choice->nexthop, params.show_user_unknown_table_name
                                           ? "5.1.1 User unknown in virtual alias table"
                                           : "5.1.1 User unknown");
        return 0;
    case RESOLVE_CLASS_VIRTUAL:
        buf_set_text(&choice->transport, variant->virtual_transport);
        break;
    default:
        return choose_remote(variant, class_bit, sender, domain, choice, error);
    }
    buf_set_text(&choice->nexthop, domain);
    return 0;
}

/* "smtp:[relay]" in a transport parameter also sets the next hop. */
static int split_transport(struct transport_choice *choice, struct error *error)
{
    struct slice nexthop = buf_slice(&choice->transport);
    struct slice transport = slice_split(&nexthop, ':');

    if (nexthop.len)
        buf_set(&choice->nexthop, nexthop);
    buf_truncate(&choice->transport, transport.len);
    if (choice->transport.len)
        return 0;
    log_warning("file %s/main.cf: null transport is not allowed", params.config_directory);
    return error_set(error, ERROR_TEMPORARY, "null transport is not allowed");
}

/* What is local and relayed as well does no harm, and old configurations have it. */
static void warn_of_two_lists(const char *domain, int class_bit)
{
    static const char *const first[] = {"mydestination", "virtual_alias_domains",
                                        "virtual_mailbox_domains"};
    static const int bits[] = {RESOLVE_CLASS_LOCAL, RESOLVE_CLASS_ALIAS, RESOLVE_CLASS_VIRTUAL};

    if (!params.helpful_warnings || trace_is_on) /* these look-ups decide nothing */
        return;
    for (size_t i = 0; i < ARRAY_SIZE(bits); i++) {
        if (bits[i] != class_bit)
            continue;
        /* Relaying to one's own domains, as relay_domains = $mydestination says, is no mistake.
         */
        size_t end = class_bit == RESOLVE_CLASS_LOCAL ? DOMAINS_RELAY : N_DOMAIN_LISTS;

        for (size_t other = i; other < end; other++) {
            struct error error;

            if (bits[i] == RESOLVE_CLASS_LOCAL && other == DOMAINS_RELAY)
                continue;
            if (domain_is_in((enum domain_list)other, slice_from(domain), &error) > 0)
                log_warning("do not list domain %s in BOTH %s and %s", domain, first[i],
                            domain_list_name((enum domain_list)other));
        }
    }
}

static int choose_relocated(struct slice recipient, struct transport_choice *choice,
                            struct error *error)
{
    CLEANUP(buf_release) struct buf place = BUF_INIT;
    int found = find_by_address(relocated, "relocated_maps", recipient, &place, error);

    if (found <= 0)
        return found;
    buf_set_text(&choice->transport, "error");
    buf_set_text(&choice->nexthop,
                 params.relocated_prefix_enable ? "5.1.6 User has moved to " : "");
    buf_add_slice(&choice->nexthop, buf_slice(&place));
    return 0;
}

static const char *class_name(int class_bit)
{
    switch (class_bit) {
    case RESOLVE_CLASS_LOCAL:
        return "local (mydestination, inet_interfaces, proxy_interfaces)";
    case RESOLVE_CLASS_ALIAS:
        return "virtual alias (virtual_alias_domains)";
    case RESOLVE_CLASS_VIRTUAL:
        return "virtual mailbox (virtual_mailbox_domains)";
    case RESOLVE_CLASS_RELAY:
        return "relay (relay_domains)";
    default:
        return "default";
    }
}

/* The parameter that decides where mail of the class goes, unless a table knows better. */
static const char *transport_parameter(int class_bit)
{
    switch (class_bit) {
    case RESOLVE_CLASS_LOCAL:
        return "local_transport";
    case RESOLVE_CLASS_ALIAS:
        return "no alias";
    case RESOLVE_CLASS_VIRTUAL:
        return "virtual_transport";
    case RESOLVE_CLASS_RELAY:
        return "relay_transport";
    default:
        return "default_transport";
    }
}

static void trace_choice(const char *by, const struct transport_choice *choice)
{
    trace_step("%s: transport %s, next hop %s", by, choice->transport.data,
               choice->nexthop.data);
}

/* Who the recipient is has been settled: find out where to. */
static int route(const struct variant *variant, struct slice sender,
                 struct transport_choice *choice, struct resolved *resolved,
                 struct error *error)
{
    struct slice domain = address_domain(resolved->recipient);
    int class_bit = (resolved->flags & RESOLVE_CLASS_LOCAL) ? RESOLVE_CLASS_LOCAL
                                                            : remote_class(domain, error);

    if (class_bit < 0)
        return -1;
    resolved->flags |= (unsigned)class_bit;
    trace_step("class: %s", class_name(class_bit));
    warn_of_two_lists(domain.ptr, class_bit);
    if (choose_by_class(variant, class_bit, sender, domain.ptr, choice, error) < 0 ||
        split_transport(choice, error) < 0)
        return -1;
    trace_choice(transport_parameter(class_bit), choice);
    if (class_bit != RESOLVE_CLASS_ALIAS &&
        transport_override(variant->transports, variant->transports_name, resolved->recipient,
                           choice, error) < 0)
        return -1;
    if (choose_relocated(resolved->recipient, choice, error) < 0)
        return -1;
    return 0;
}

static int undeliverable(struct resolved *resolved)
{
    resolved->flags |= RESOLVE_ERROR;
    resolved->error = SLICE("5.1.3 bad address syntax");
    return 0;
}

static int resolve(struct slice sender, struct slice address, bool probe, struct arena *arena,
                   struct resolved *resolved, struct error *error)
{
    CLEANUP(transport_choice_release) struct transport_choice choice = TRANSPORT_CHOICE_INIT;

    *resolved = (struct resolved){0};
    switch (route_recipient(address, arena, resolved, error)) {
    case RECIPIENT_OK:
        break;
    case RECIPIENT_MALFORMED:
        resolved->flags |= RESOLVE_CLASS_DEFAULT;
        return undeliverable(resolved);
    case RECIPIENT_FAILED:
    default:
        resolved->flags = RESOLVE_FAIL;
        return -1;
    }
    if (route(&variants[probe], sender, &choice, resolved, error) < 0) {
        resolved->flags = RESOLVE_FAIL;
        return -1;
    }
    if (resolved->flags & RESOLVE_CLASS_LOCAL)
        resolved->flags |= RESOLVE_FINAL;
    resolved->transport = arena_slice(arena, buf_slice(&choice.transport));
    resolved->nexthop = arena_slice(arena, buf_slice(&choice.nexthop));
    /* A leading "-" could pass for an option of the command that gets the mail. */
    if (!params.allow_min_user && slice_starts_with(resolved->recipient, "-"))
        return undeliverable(resolved);
    return 0;
}

int resolve_address(struct slice sender, struct slice address, bool probe, struct arena *arena,
                    struct resolved *resolved, struct error *error)
{
    trace_begin("resolve %.*s", SLICE_ARG(address));
    int result = resolve(sender, address, probe, arena, resolved, error);

    if (result < 0)
        trace_end("%s", error->text);
    else if (resolved->flags & RESOLVE_ERROR)
        trace_end("%.*s", SLICE_ARG(resolved->error));
    else
        trace_end("transport %.*s, next hop %.*s", SLICE_ARG(resolved->transport),
                  SLICE_ARG(resolved->nexthop));
    return result;
}

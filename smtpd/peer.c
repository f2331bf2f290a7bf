/* Who the client is: address, names by reverse and forward look-up. */
#include "peer.h"

#include "base/log.h"
#include "base/time.h"
#include "conf/params.h"
#include "dns/dns.h"
#include "hosts.h"
#include "mail/address.h"

#define LOOKUP_LIMIT SECONDS(100)
#define UNKNOWN      SLICE("unknown")

void peer_update_full_name(struct peer *peer, struct arena *arena)
{
    const struct client_attributes *text = &peer->text;
    const char *name =
        arena_printf(arena, "%.*s[%.*s]", SLICE_ARG(text->name), SLICE_ARG(text->address));

    if (params.smtpd_client_port_logging)
        name = arena_printf(arena, "%s:%.*s", name, SLICE_ARG(text->port));
    peer->full_name = slice_from(name);
}

static enum name_status status_of(enum dns_result result)
{
    switch (result) {
    case DNS_OK:
        return NAME_STATUS_OK;
    case DNS_TEMPORARY:
        return NAME_STATUS_TEMPORARY;
    case DNS_NO_NAME:
    case DNS_NO_DATA:
    case DNS_POLICY:
        break;
    }
    return NAME_STATUS_UNKNOWN;
}

static bool leads_back(const struct peer *peer, const struct dns_answer *answer)
{
    for (size_t i = 0; i < answer->n_records; i++) {
        if (endpoint_same_address(&answer->records[i].address, &peer->endpoint))
            return true;
    }
    return false;
}

/* The address's name must lead back to the address, else anybody could claim any name. */
static void confirm_name(struct peer *peer, struct arena *arena)
{
    struct slice name = peer->text.reverse_name;
    struct slice address = peer->text.address;
    struct dns_answer answer;
    struct error error;
    enum dns_result result =
        dns_host_addresses(name, endpoint_family(&peer->endpoint), deadline_in(LOOKUP_LIMIT),
                           arena, &answer, &error);

    if (result != DNS_OK) {
        peer->name_status =
            result == DNS_TEMPORARY ? NAME_STATUS_TEMPORARY : NAME_STATUS_FORGED;
        log_warning("hostname %.*s does not resolve to address %.*s: %s", SLICE_ARG(name),
                    SLICE_ARG(address), hosts_trouble(result));
    } else if (!leads_back(peer, &answer)) {
        peer->name_status = NAME_STATUS_FORGED;
        log_warning("hostname %.*s does not resolve to address %.*s", SLICE_ARG(name),
                    SLICE_ARG(address));
    } else {
        peer->name_status = NAME_STATUS_OK;
        peer->text.name = name;
    }
}

static void look_up_names(struct peer *peer, struct arena *arena)
{
    CLEANUP(arena_release) struct arena scratch = ARENA_INIT;
    struct endpoint numeric;
    struct dns_answer answer;
    struct error error;
    enum dns_result result =
        dns_host_names(&peer->endpoint, deadline_in(LOOKUP_LIMIT), &scratch, &answer, &error);
    struct slice name;

    peer->name_status = peer->reverse_name_status = status_of(result);
    if (result != DNS_OK)
        return;
    name = answer.records[0].target;
    if (endpoint_parse(&numeric, name, 0) == 0) {
        log_warning("numeric hostname: %.*s", SLICE_ARG(name));
        peer->name_status = peer->reverse_name_status = NAME_STATUS_UNKNOWN;
        return;
    }
    if (!hostname_is_valid(name)) {
        peer->name_status = peer->reverse_name_status = NAME_STATUS_UNKNOWN;
        return;
    }
    peer->text.reverse_name = arena_slice(arena, name);
    confirm_name(peer, &scratch);
}

void peer_identify(struct peer *peer, const struct endpoint *remote,
                   const struct endpoint *local, struct arena *arena)
{
    char text[ENDPOINT_TEXT_BYTES];

    *peer = (struct peer){
        .endpoint = *remote,
        .name_status = NAME_STATUS_UNKNOWN,
        .reverse_name_status = NAME_STATUS_UNKNOWN,
    };
    endpoint_unmap(&peer->endpoint);
    peer->text = (struct client_attributes){
        .name = UNKNOWN,
        .reverse_name = UNKNOWN,
        .address = arena_slice(arena, slice_from(endpoint_text(&peer->endpoint, text))),
        .port = slice_from(arena_printf(arena, "%u", endpoint_port(&peer->endpoint))),
        .helo = SLICE_EMPTY,
        .protocol = SLICE_EMPTY,
    };
    peer->server_address = arena_slice(arena, slice_from(endpoint_text(local, text)));
    peer->server_port = slice_from(arena_printf(arena, "%u", endpoint_port(local)));
    if (params.smtpd_peername_lookup)
        look_up_names(peer, arena);
    peer_update_full_name(peer, arena);
}

void peer_set_local(struct peer *peer, struct arena *arena)
{
    *peer = (struct peer){
        .text = {.name = SLICE("localhost"),
                 .reverse_name = SLICE("localhost"),
                 .address = SLICE("127.0.0.1"),
                 .port = SLICE("0"),
                 .helo = SLICE_EMPTY,
                 .protocol = SLICE_EMPTY},
        .name_status = NAME_STATUS_OK,
        .reverse_name_status = NAME_STATUS_OK,
        .server_address = SLICE("127.0.0.1"),
        .server_port = SLICE("0"),
    };
    if (endpoint_parse(&peer->endpoint, peer->text.address, 0) < 0)
        peer->endpoint.len = 0;
    peer_update_full_name(peer, arena);
}

void peer_set_unknown(struct peer *peer, struct arena *arena)
{
    *peer = (struct peer){
        .text = {.name = UNKNOWN,
                 .reverse_name = UNKNOWN,
                 .address = UNKNOWN,
                 .port = SLICE("0"),
                 .helo = SLICE_EMPTY,
                 .protocol = SLICE_EMPTY},
        .name_status = NAME_STATUS_UNKNOWN,
        .reverse_name_status = NAME_STATUS_UNKNOWN,
        .server_address = UNKNOWN,
        .server_port = SLICE("0"),
    };
    peer_update_full_name(peer, arena);
}

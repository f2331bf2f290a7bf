/* Who the client is: address, names by reverse and forward look-up. */
#include "peer.h"

#include "conf/params.h"

#define UNKNOWN SLICE("unknown")

void peer_update_full_name(struct peer *peer, struct arena *arena)
{
    const struct client_attributes *text = &peer->text;
    const char *name =
        arena_printf(arena, "%.*s[%.*s]", SLICE_ARG(text->name), SLICE_ARG(text->address));

    if (params.smtpd_client_port_logging)
        name = arena_printf(arena, "%s:%.*s", name, SLICE_ARG(text->port));
    peer->full_name = slice_from(name);
}

static void look_up_names(struct peer *peer, struct arena *arena)
{
    struct client_name client;

    client_name_find(&client, &peer->endpoint, arena);
    peer->text.name = client.name;
    peer->text.reverse_name = client.reverse;
    peer->name_status = client.status;
    peer->reverse_name_status = client.reverse_status;
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

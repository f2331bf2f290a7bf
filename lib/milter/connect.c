/* Connection and negotiation. */
#include "milter/connect.h"

#include <unistd.h>

#include "base/log.h"
#include "dns/dns.h"
#include "net/socket.h"

static int connect_host(const struct hostport *inet, deadline_t until, struct error *error)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct dns_answer answer = {0};
    struct endpoint endpoint;
    int fd = -1;

    if (endpoint_parse(&endpoint, inet->host, inet->port) == 0)
        return socket_connect(&endpoint, NULL, until, error);
    if (dns_host_addresses(inet->host, AF_UNSPEC, until, &arena, &answer, error) != DNS_OK)
        return -1;
    for (size_t i = 0; fd < 0 && i < answer.n_records; i++) {
        endpoint = answer.records[i].address;
        endpoint_set_port(&endpoint, inet->port);
        fd = socket_connect(&endpoint, NULL, until, error);
    }
    return fd;
}

static int connect_socket(const struct milter_config *config, deadline_t until,
                          struct error *error)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;

    if (config->address.kind == SOCKET_UNIX)
        return socket_connect_unix(arena_text(&arena, config->address.path), until, error);
    return connect_host(&config->address.inet, until, error);
}

/* The lists lie in the packet, which goes. */
static void keep_macro_lists(struct milter_agreement *agreement, struct arena *arena)
{
    for (size_t i = 0; i < N_MILTER_EVENTS; i++) {
        if (agreement->has_macros[i])
            agreement->macros[i] = arena_slice(arena, agreement->macros[i]);
    }
}

static bool negotiate(struct milter *milter, struct arena *arena)
{
    CLEANUP(buf_release) struct buf out = BUF_INIT;
    struct milter_agreement offer;
    struct slice packet = SLICE_EMPTY;
    struct error error;
    size_t begin;

    milter_offer(milter->config->version, &offer);
    begin = milter_packet_begin(&out, MILTER_COMMAND_NEGOTIATE);
    milter_add_uint32(&out, offer.version);
    milter_add_uint32(&out, offer.actions);
    milter_add_uint32(&out, offer.steps);
    milter_packet_end(&out, begin);
    if (stream_write_slice(&milter->stream, buf_slice(&out)) < 0 ||
        stream_flush(&milter->stream) < 0) {
        milter_fail(milter, "write error in initial handshake");
        return false;
    }
    const char *trouble = milter_read_packet(milter, &packet);

    if (trouble) {
        log_warning("milter %s: can't read SMFIC_OPTNEG reply packet header: %s",
                    milter->config->name, trouble);
        milter_fail(milter, "read error in initial handshake");
        return false;
    }
    if (milter_agreement_parse(&milter->agreement, &offer, packet, &error) < 0) {
        milter_fail(milter, "%s", error.text);
        return false;
    }
    if (milter->config->no_header_reply)
        milter->agreement.steps |= MILTER_STEP_NO_HEADER_REPLY;
    keep_macro_lists(&milter->agreement, arena);
    return true;
}

bool milter_open(struct milter *milter, struct arena *arena)
{
    const struct milter_config *config = milter->config;
    deadline_t until = deadline_in(config->connect_timeout);
    struct error error;
    int fd;

    if (config->trouble) {
        log_warning("%s", config->trouble);
        milter_misconfigured(milter);
        return false;
    }
    fd = connect_socket(config, until, &error);
    if (fd < 0) {
        log_warning("connect to Milter service %s: %s", config->name, error.text);
        milter_settle(milter);
        return false;
    }
    stream_init(&milter->stream, fd);
    stream_set_deadline(&milter->stream, until);
    milter->packet_bytes = 0;
    if (!negotiate(milter, arena))
        return false;
    milter->state = MILTER_OPEN;
    return true;
}

/* Rate and concurrency limits for each client or network of clients. */
#include "limits.h"

#include <inttypes.h>

#include "base/log.h"
#include "conf/params.h"
#include "ehlo.h"
#include "ipc/anvil_client.h"
#include "session.h"
#include "settings.h"

#define ANVIL_LIMIT SECONDS(10)

/* An address cut to smtpd_client_ipv4_prefix_length or its IPv6 twin. */
static struct slice network_of(struct session *session)
{
    struct endpoint network = session->peer.endpoint;
    unsigned char *bytes = (unsigned char *)&network.address.in.sin_addr;
    unsigned size = 4;
    unsigned keep = (unsigned)params.smtpd_client_ipv4_prefix_length;
    char text[ENDPOINT_TEXT_BYTES];

    if (endpoint_family(&network) == AF_INET6) {
        bytes = (unsigned char *)&network.address.in6.sin6_addr;
        size = 16;
        keep = (unsigned)params.smtpd_client_ipv6_prefix_length;
    }
    for (unsigned i = 0; i < size; i++) {
        unsigned bits = keep > i * 8 ? keep - i * 8 : 0;

        if (bits < 8)
            bytes[i] &= (unsigned char)(0xff00U >> bits);
    }
    if (keep >= size * 8)
        return session->peer.text.address;
    return slice_from(
        arena_printf(&session->scratch, "%s/%u", endpoint_text(&network, text), keep));
}

static bool is_exempt(struct session *session)
{
    struct error error;

    /* Whoever speaks for others by XCLIENT is not the client that is to be limited. */
    if (session->is_standalone || session->is_rehearsal || session->peer.endpoint.len == 0 ||
        session_may_xclient(session))
        return true;
    switch (match_list_client(settings.event_limit_exceptions, session->peer.text.name,
                              &session->peer.endpoint, &error)) {
    case TABLE_FOUND:
        return true;
    case TABLE_NOT_FOUND:
        break;
    case TABLE_ERROR:
        log_warning("%s", error.text);
        break; /* no limit shall fall with a table */
    }
    return false;
}

static bool report(struct session *session, enum anvil_event event,
                   struct anvil_reply *counters)
{
    struct error error;

    if (anvil_report(event, slice_from(worker_service()), network_of(session),
                     deadline_in(ANVIL_LIMIT), counters, &error) == 0)
        return true;
    log_warning("%s", error.text);
    return false;
}

/* Count and compare; false when the limit is exceeded. */
static bool stays_below(struct session *session, int64_t count, int limit, const char *what)
{
    if (limit <= 0 || count <= limit)
        return true;
    session->notices |= NOTICE_POLICY;
    log_warning("%s limit exceeded: %" PRId64 " from %s for service %s", what, count,
                session_client(session), worker_service());
    return false;
}

static struct smtp_reply too_many(struct session *session, int code, const char *dsn,
                                  const char *what)
{
    return smtp_reply_printf(
        &session->scratch, code, dsn, "%sError: %s from %.*s",
        code == 421 ? arena_printf(&session->scratch, "%s ", params.myhostname) : "", what,
        SLICE_ARG(session->peer.text.address));
}

bool limits_allow_connection(struct session *session, struct smtp_reply *reply)
{
    struct anvil_reply counters;

    if ((params.smtpd_client_connection_count_limit <= 0 &&
         params.smtpd_client_connection_rate_limit <= 0) ||
        is_exempt(session) || !report(session, ANVIL_CONNECT, &counters))
        return true;
    session->is_counted = true;
    session->n_connections = counters.connections;
    if (stays_below(session, counters.connections, params.smtpd_client_connection_count_limit,
                    "Connection concurrency") &&
        stays_below(session, counters.connection_rate,
                    params.smtpd_client_connection_rate_limit, "Connection rate"))
        return true;
    *reply = too_many(session, 421, "4.7.0", "too many connections");
    return false;
}

bool limits_allow_message(struct session *session, struct smtp_reply *reply)
{
    struct anvil_reply counters;

    if (params.smtpd_client_message_rate_limit <= 0 || is_exempt(session) ||
        !report(session, ANVIL_MAIL, &counters) ||
        stays_below(session, counters.mail_rate, params.smtpd_client_message_rate_limit,
                    "Message delivery request rate"))
        return true;
    *reply = too_many(session, 450, "4.7.1", "too much mail");
    return false;
}

bool limits_allow_recipient(struct session *session, struct smtp_reply *reply)
{
    struct anvil_reply counters;

    if (params.smtpd_client_recipient_rate_limit <= 0 || is_exempt(session) ||
        !report(session, ANVIL_RECIPIENT, &counters) ||
        stays_below(session, counters.recipient_rate, params.smtpd_client_recipient_rate_limit,
                    "Recipient address rate"))
        return true;
    *reply = too_many(session, 450, "4.7.1", "too many recipients");
    return false;
}

bool limits_may_start_tls(struct session *session, struct smtp_reply *reply)
{
    int limit = params.smtpd_client_new_tls_session_rate_limit;
    struct anvil_reply counters;

    if (limit <= 0 || is_exempt(session) || !report(session, ANVIL_LOOKUP, &counters) ||
        counters.newtls_rate <= limit)
        return true;
    session->notices |= NOTICE_POLICY;
    log_warning("Refusing %s request from %s for service %s",
                params.smtpd_tls_wrappermode ? "TLS service" : "STARTTLS",
                session_client(session), worker_service());
    *reply =
        smtp_reply_printf(&session->scratch, 454, "4.7.0",
                          "Error: too many new TLS sessions from %s", session_client(session));
    return false;
}

bool limits_allow_new_tls(struct session *session, struct smtp_reply *reply)
{
    struct anvil_reply counters;

    if (params.smtpd_client_new_tls_session_rate_limit <= 0 || is_exempt(session) ||
        !report(session, ANVIL_NEWTLS, &counters) ||
        stays_below(session, counters.newtls_rate,
                    params.smtpd_client_new_tls_session_rate_limit, "New TLS session rate"))
        return true;
    *reply = smtp_reply_printf(&session->scratch, 421, "4.7.0",
                               "%s Error: too many new TLS sessions from %s", params.myhostname,
                               session_client(session));
    return false;
}

bool limits_allow_auth(struct session *session, struct smtp_reply *reply)
{
    struct anvil_reply counters;

    if (params.smtpd_client_auth_rate_limit <= 0 || is_exempt(session) ||
        !report(session, ANVIL_AUTH, &counters) ||
        stays_below(session, counters.auth_rate, params.smtpd_client_auth_rate_limit,
                    "AUTH command rate"))
        return true;
    *reply = too_many(session, 450, "4.7.1", "too many AUTH commands");
    return false;
}

void limits_disconnect(struct session *session)
{
    struct anvil_reply counters;

    if (!session->is_counted)
        return;
    session->is_counted = false;
    (void)report(session, ANVIL_DISCONNECT, &counters);
}

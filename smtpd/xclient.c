/*
 * XCLIENT and XFORWARD: a trusted peer tells on whose behalf it speaks. XCLIENT replaces the
 * client in every respect, XFORWARD only in what is logged and passed on.
 */
#include "commands.h"
#include "conf/params.h"
#include "ehlo.h"
#include "esmtp.h"
#include "limits.h"
#include "mail/address.h"
#include "settings.h"
#include "xattribute.h"

#define UNKNOWN SLICE("unknown")

static struct smtp_reply bad_syntax(struct session *session, const char *name,
                                    struct slice value)
{
    session->notices |= NOTICE_PROTOCOL;
    return smtp_reply_printf(&session->scratch, 501, "5.5.4", "Bad %s syntax: %.*s", name,
                             SLICE_ARG(value));
}

static bool has_words(struct slice arguments)
{
    struct slice word;

    return esmtp_next_word(&arguments, &word);
}

static struct smtp_reply bad_command(struct session *session, const char *text)
{
    session->notices |= NOTICE_PROTOCOL;
    return smtp_reply(501, "5.5.4", text);
}

/* -- XCLIENT --------------------------------------------------------------------------------
 */

struct xclient {
    struct session *session;
    struct peer peer;
    bool has_name, has_reverse_name;
    bool has_login;
    struct slice login; /* empty: nobody */
};

static bool set_name(struct xclient *xclient, struct slice value)
{
    struct peer *peer = &xclient->peer;

    xclient->has_name = true;
    if (slice_equals(value, XATTRIBUTE_TEMPORARY))
        peer->name_status = NAME_STATUS_TEMPORARY;
    else if (slice_equals(value, XATTRIBUTE_UNAVAILABLE))
        peer->name_status = NAME_STATUS_UNKNOWN;
    else if (hostname_is_valid(value))
        peer->name_status = NAME_STATUS_OK;
    else
        return false;
    peer->text.name = peer->name_status == NAME_STATUS_OK ? value : UNKNOWN;
    if (!xclient->has_reverse_name) {
        peer->text.reverse_name = peer->text.name;
        peer->reverse_name_status = peer->name_status;
    }
    return true;
}

static bool set_reverse_name(struct xclient *xclient, struct slice value)
{
    struct peer *peer = &xclient->peer;

    xclient->has_reverse_name = true;
    peer->text.reverse_name = UNKNOWN;
    if (slice_equals(value, XATTRIBUTE_TEMPORARY)) {
        peer->reverse_name_status = NAME_STATUS_TEMPORARY;
    } else if (slice_equals(value, XATTRIBUTE_UNAVAILABLE)) {
        peer->reverse_name_status = NAME_STATUS_UNKNOWN;
    } else if (hostname_is_valid(value)) {
        peer->reverse_name_status = NAME_STATUS_OK;
        peer->text.reverse_name = value;
    } else {
        return false;
    }
    return true;
}

/* The address of a peer whose protocol is not spoken here is none. */
static bool is_spoken(const struct endpoint *endpoint)
{
    return endpoint_family(endpoint) == AF_INET6 ? !settings.is_without_v6
                                                 : !settings.is_without_v4;
}

static bool set_address(struct xclient *xclient, struct slice value)
{
    struct peer *peer = &xclient->peer;

    if (slice_equals(value, XATTRIBUTE_UNAVAILABLE)) {
        peer->text.address = UNKNOWN;
        peer->endpoint.len = 0;
        return true;
    }
    if (!xattribute_address(value, &peer->endpoint, &xclient->session->arena,
                            &peer->text.address))
        return false;
    return is_spoken(&peer->endpoint);
}

static bool set_port(struct slice value, struct slice *port)
{
    if (slice_equals(value, XATTRIBUTE_UNAVAILABLE))
        value = SLICE("0");
    else if (!xattribute_is_port(value))
        return false;
    *port = value;
    return true;
}

static bool set_protocol(struct xclient *xclient, struct slice value)
{
    if (slice_equals_nocase(value, "SMTP"))
        xclient->peer.text.protocol = SLICE("SMTP");
    else if (slice_equals_nocase(value, "ESMTP"))
        xclient->peer.text.protocol = SLICE("ESMTP");
    else
        return false;
    return true;
}

static bool set_helo(struct slice value, struct slice *helo)
{
    if (slice_equals(value, XATTRIBUTE_UNAVAILABLE) || value.len > 255)
        value = SLICE_EMPTY;
    *helo = value;
    return true;
}

static bool set_server_address(struct xclient *xclient, struct slice value)
{
    struct endpoint endpoint;

    if (slice_equals(value, XATTRIBUTE_UNAVAILABLE)) {
        xclient->peer.server_address = UNKNOWN;
        return true;
    }
    return xattribute_address(value, &endpoint, &xclient->session->arena,
                              &xclient->peer.server_address) &&
           is_spoken(&endpoint);
}

static bool set_login(struct xclient *xclient, struct slice value)
{
    xclient->has_login = true;
    xclient->login = slice_equals(value, XATTRIBUTE_UNAVAILABLE) ? SLICE_EMPTY : value;
    return true;
}

/* Names are case-insensitive. *known: there is such an attribute. */
static bool set_attribute(struct xclient *xclient, const struct xattribute *attribute,
                          bool *known)
{
    struct slice value = attribute->value;
    const char *name = attribute->name;

    *known = true;
    if (strcmp(name, "NAME") == 0)
        return set_name(xclient, value);
    if (strcmp(name, "REVERSE_NAME") == 0)
        return set_reverse_name(xclient, value);
    if (strcmp(name, "ADDR") == 0)
        return set_address(xclient, value);
    if (strcmp(name, "PORT") == 0)
        return set_port(value, &xclient->peer.text.port);
    if (strcmp(name, "HELO") == 0)
        return set_helo(value, &xclient->peer.text.helo);
    if (strcmp(name, "PROTO") == 0)
        return set_protocol(xclient, value);
    if (strcmp(name, "DESTADDR") == 0)
        return set_server_address(xclient, value);
    if (strcmp(name, "DESTPORT") == 0)
        return set_port(value, &xclient->peer.server_port);
    if (strcmp(name, "LOGIN") == 0)
        return set_login(xclient, value);
    *known = false;
    return false;
}

/* Begin again as if the client that was described had just connected. */
static struct smtp_reply become(struct xclient *xclient)
{
    struct session *session = xclient->session;
    struct smtp_reply reply;

    limits_disconnect(session);
    session_restart(session);
    /* A login of the client before ends with it; one that XCLIENT brought stays. */
    if (xclient->has_login || !slice_equals(session->sasl_method, "XCLIENT")) {
        session->sasl_username = xclient->has_login ? xclient->login : SLICE_EMPTY;
        session->sasl_method = session->sasl_username.len ? SLICE("XCLIENT") : SLICE_EMPTY;
    }
    session->peer = xclient->peer;
    peer_update_full_name(&session->peer, &session->arena);
    buf_set(&session->helo, xclient->peer.text.helo);
    if (xclient->peer.text.protocol.len)
        session->protocol =
            slice_equals(xclient->peer.text.protocol, "ESMTP") ? "ESMTP" : "SMTP";
    session->stage = "CONNECT";
    reply = session_greeting(session);
    session->stage = "XCLIENT";
    return reply;
}

struct smtp_reply xclient_xclient(struct session *session, struct slice arguments)
{
    struct xclient xclient = {.session = session, .peer = session->peer};
    struct xattribute attribute;
    enum xattribute_result result;

    xclient.peer.text.helo = arena_slice(&session->scratch, buf_slice(&session->helo));
    if (session->transaction) {
        session->notices |= NOTICE_PROTOCOL;
        return smtp_reply(503, "5.5.1", "Error: MAIL transaction in progress");
    }
    if (!has_words(arguments))
        return bad_command(session, "Syntax: XCLIENT attribute=value...");
    if (!session_may_xclient(session)) {
        session->notices |= NOTICE_POLICY;
        return smtp_reply(550, "5.7.0", "Error: insufficient authorization");
    }
    while ((result = xattribute_next(&arguments, &session->arena, &attribute)) ==
           XATTRIBUTE_OK) {
        bool known;

        if (set_attribute(&xclient, &attribute, &known))
            continue;
        if (known)
            return bad_syntax(session, attribute.name, attribute.value);
        session->notices |= NOTICE_PROTOCOL;
        return smtp_reply_printf(&session->scratch, 501, "5.5.4",
                                 "Bad XCLIENT attribute name: %s", attribute.name);
    }
    if (result == XATTRIBUTE_BAD)
        return bad_command(session, "Error: attribute=value expected");
    return become(&xclient);
}

/* -- XFORWARD ---------------------------------------------------------------------------------
 */

/* Text for the log and the next hop alone; [UNAVAILABLE] is no text. */
static struct slice forwarded_text(struct slice value, struct slice unavailable)
{
    return slice_equals(value, XATTRIBUTE_UNAVAILABLE) ? unavailable : value;
}

static bool forward_name(struct client_attributes *forwarded, struct slice value)
{
    if (!slice_equals(value, XATTRIBUTE_UNAVAILABLE) && !hostname_is_valid(value))
        return false;
    forwarded->name = forwarded_text(value, UNKNOWN);
    return true;
}

static bool forward_address(struct session *session, struct slice value)
{
    struct client_attributes *forwarded = &session->forwarded;
    struct endpoint endpoint;

    if (slice_equals(value, XATTRIBUTE_UNAVAILABLE)) {
        forwarded->address = UNKNOWN;
        return true;
    }
    return xattribute_address(value, &endpoint, &session->forwarded_arena, &forwarded->address);
}

static bool forward_port(struct client_attributes *forwarded, struct slice value)
{
    if (!slice_equals(value, XATTRIBUTE_UNAVAILABLE) && !xattribute_is_port(value))
        return false;
    forwarded->port = forwarded_text(value, UNKNOWN);
    return true;
}

static bool forward_source(struct session *session, struct slice value)
{
    session->forwarded_has_source = !slice_equals(value, XATTRIBUTE_UNAVAILABLE);
    session->forwarded_is_local = slice_equals_nocase(value, "LOCAL");
    return session->forwarded_is_local || slice_equals_nocase(value, "REMOTE") ||
           slice_equals(value, XATTRIBUTE_UNAVAILABLE);
}

/* *is_client: the attribute says something of the client, for "orig_client=". */
static bool forward(struct session *session, const struct xattribute *attribute, bool *known,
                    bool *is_client)
{
    struct client_attributes *forwarded = &session->forwarded;
    const char *name = attribute->name;
    struct slice value = attribute->value;

    *known = *is_client = true;
    if (strcmp(name, "NAME") == 0)
        return forward_name(forwarded, value);
    if (strcmp(name, "ADDR") == 0)
        return forward_address(session, value);
    if (strcmp(name, "PORT") == 0)
        return forward_port(forwarded, value);
    if (strcmp(name, "HELO") == 0) {
        forwarded->helo = forwarded_text(value, SLICE_EMPTY);
        return true;
    }
    if (strcmp(name, "PROTO") == 0) {
        forwarded->protocol = forwarded_text(slice_sub(value, 0, 64), SLICE_EMPTY);
        return true;
    }
    *is_client = false;
    if (strcmp(name, "IDENT") == 0) {
        session->forwarded_ident = forwarded_text(value, SLICE_EMPTY);
        return true;
    }
    if (strcmp(name, "SOURCE") == 0)
        return forward_source(session, value);
    *known = false;
    return false;
}

/* What is not told is unknown. */
static void start_forwarded(struct session *session)
{
    if (session->has_forwarded)
        return;
    session->forwarded = (struct client_attributes){
        .name = UNKNOWN,
        .reverse_name = UNKNOWN,
        .address = UNKNOWN,
        .port = UNKNOWN,
        .helo = SLICE_EMPTY,
        .protocol = SLICE_EMPTY,
    };
}

static struct smtp_reply forward_all(struct session *session, struct slice arguments)
{
    struct xattribute attribute;
    enum xattribute_result result;

    start_forwarded(session);
    while ((result = xattribute_next(&arguments, &session->forwarded_arena, &attribute)) ==
           XATTRIBUTE_OK) {
        bool known, is_client;

        if (forward(session, &attribute, &known, &is_client)) {
            session->has_forwarded |= is_client;
            continue;
        }
        if (known)
            return bad_syntax(session, attribute.name, attribute.value);
        session->notices |= NOTICE_PROTOCOL;
        return smtp_reply_printf(&session->scratch, 501, "5.5.4",
                                 "Bad XFORWARD attribute name: %s", attribute.name);
    }
    if (result == XATTRIBUTE_BAD)
        return bad_command(session, "Error: attribute=value expected");
    return smtp_reply(250, "2.0.0", "Ok");
}

struct smtp_reply xclient_xforward(struct session *session, struct slice arguments)
{
    if (session->transaction) {
        session->notices |= NOTICE_PROTOCOL;
        return smtp_reply(503, "5.5.1", "Error: MAIL transaction in progress");
    }
    if (!has_words(arguments))
        return bad_command(session, "Syntax: XFORWARD attribute=value...");
    if (!session_may_xforward(session)) {
        session->notices |= NOTICE_POLICY;
        return smtp_reply(550, "5.7.0", "Error: insufficient authorization");
    }
    return forward_all(session, arguments); /* what was right before an error stays */
}

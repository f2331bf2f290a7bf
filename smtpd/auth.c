/* AUTH: who may, the dialogue with the client, and what is logged of it. */
#include "auth.h"

#include <sysexits.h>

#include "auth/sasl_security.h"
#include "auth_backend.h"
#include "base/bug.h"
#include "base/log.h"
#include "conf/params.h"
#include "conf/words.h"
#include "ehlo.h"
#include "esmtp.h"
#include "limits.h"
#include "milter.h"
#include "route/ehlo_keywords.h"
#include "route/open_maps.h"
#include "session.h"
#include "settings.h"
#include "starttls.h"

/* No mechanism needs so many challenges; a service that lies might ask for ever. */
#define ROUNDS_MAX 30

/* What is logged of a name that a client or a service chose. */
#define LOGGED_MAX 100

static const struct auth_backend *backend;  /* NULL: AUTH is not enabled */
static unsigned plain_demands, tls_demands; /* SECURITY_ bits */

void auth_open(void)
{
    if (!params.smtpd_sasl_auth_enable || worker_is_standalone())
        return;
    plain_demands =
        open_sasl_demands("smtpd_sasl_security_options", params.smtpd_sasl_security_options);
    tls_demands = open_sasl_demands("smtpd_sasl_tls_security_options",
                                    params.smtpd_sasl_tls_security_options);
    if (strcmp(params.smtpd_sasl_type, "dovecot") == 0)
        backend = &auth_dovecot;
    else if (strcmp(params.smtpd_sasl_type, "cyrus") == 0)
        backend = &auth_cyrus;
    else
        fatal(EX_CONFIG, "smtpd_sasl_type: unsupported type \"%s\": expected cyrus or dovecot",
              params.smtpd_sasl_type);
    backend->open();
}

static bool is_enabled(const struct session *session)
{
    return backend && !(session->discarded_keywords & EHLO_AUTH) &&
           (!starttls_before_auth() || session_is_encrypted(session));
}

static unsigned demands_for(const struct session *session)
{
    return session_is_encrypted(session) ? tls_demands : plain_demands;
}

/* -- EHLO ---------------------------------------------------------------------------------- */

static bool is_excepted(struct session *session)
{
    struct error error;

    if (match_list_is_empty(settings.sasl_exceptions))
        return false;
    switch (match_list_client(settings.sasl_exceptions, session->peer.text.name,
                              &session->peer.endpoint, &error)) {
    case TABLE_FOUND:
        return true;
    case TABLE_NOT_FOUND:
        return false;
    case TABLE_ERROR:
        break;
    }
    log_warning("%s", error.text);
    return false;
}

/* Does smtpd_sasl_mechanism_filter let it through? Trouble is logged. */
static enum table_result find_in_filter(struct slice mechanism)
{
    struct error error;
    enum table_result found = match_list_name(settings.sasl_mechanisms, mechanism, &error);

    if (found == TABLE_ERROR)
        log_warning("%s", error.text);
    return found;
}

static void add_if_offered(struct session *session, struct slice mechanism, struct buf *offered)
{
    switch (find_in_filter(mechanism)) {
    case TABLE_FOUND:
        buf_printf(offered, " %.*s", SLICE_ARG(mechanism));
        break;
    case TABLE_ERROR:
        session->login_is_down = true;
        break;
    case TABLE_NOT_FOUND:
        break;
    }
}

void auth_add_keyword(struct session *session, struct buf *reply)
{
    CLEANUP(buf_release) struct buf names = BUF_INIT;
    CLEANUP(buf_release) struct buf offered = BUF_INIT;
    struct slice rest, word;

    session->login_is_down = false;
    if (!is_enabled(session) || is_excepted(session))
        return;
    session->login_is_down = !backend->mechanisms(demands_for(session), &names);
    if (session->login_is_down)
        return;
    rest = buf_slice(&names);
    while ((word = slice_word(&rest, " ")).ptr)
        add_if_offered(session, word, &offered);
    if (offered.len == 0)
        return;
    buf_printf(reply, "\nAUTH%s", offered.data);
    /* What clients looked for before the RFC was one. */
    if (params.broken_sasl_auth_clients)
        buf_printf(reply, "\nAUTH=%s", offered.data + 1);
}

/* -- the dialogue ---------------------------------------------------------------------------
 */

/* Fit for a log line, an attribute and a header: no control bytes. */
static struct slice printable(struct arena *arena, struct slice text)
{
    char *copy = arena_text(arena, text);

    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)copy[i] < ' ' || copy[i] == 127)
            copy[i] = '?';
    }
    return (struct slice){copy, text.len};
}

static struct smtp_reply failed(struct session *session, const struct auth_dialogue *dialogue,
                                struct slice mechanism, enum auth_status status)
{
    struct slice reason = dialogue->text.len ? printable(&session->scratch, dialogue->text)
                                             : SLICE("(reason unavailable)");
    struct slice user = dialogue->username.len
                            ? printable(&session->scratch, dialogue->username)
                            : SLICE("(unavailable)");

    log_warning("%s: SASL %.*s authentication failed: %.*s, sasl_username=%.*s",
                session_client(session), SLICE_ARG(slice_sub(mechanism, 0, LOGGED_MAX)),
                SLICE_ARG(reason), SLICE_ARG(slice_sub(user, 0, LOGGED_MAX)));
    session->login_is_down = status == AUTH_TEMPORARY;
    if (status == AUTH_TEMPORARY)
        return smtp_reply_printf(&session->scratch, 454, "4.7.0",
                                 "Temporary authentication failure: %.*s", SLICE_ARG(reason));
    return smtp_reply_printf(&session->scratch, 535, "5.7.8",
                             "Error: authentication failed: %.*s", SLICE_ARG(reason));
}

/* Send the challenge and read the answer. False: *reply ends the dialogue. */
static bool challenge(struct session *session, struct slice mechanism, struct slice text,
                      struct slice *response, struct smtp_reply *reply)
{
    *reply = smtp_reply_none();
    session_send(session,
                 smtp_reply_printf(&session->scratch, 334, "", "%.*s", SLICE_ARG(text)));
    if (session->end != SESSION_OPEN)
        return false;
    switch (
        session_read_response(session, (size_t)params.smtpd_sasl_response_limit, response)) {
    case LINE_OK:
        break;
    case LINE_TOO_LONG:
        *reply = smtp_reply(500, "5.5.6", "SASL response limit exceeded");
        return false;
    case LINE_END:
    case LINE_TIMEOUT:
    case LINE_FAILED:
        return false;
    }
    if (!slice_equals(*response, "*"))
        return true;
    log_warning("%s: SASL %.*s authentication aborted", session_client(session),
                SLICE_ARG(slice_sub(mechanism, 0, LOGGED_MAX)));
    *reply = smtp_reply(501, "5.7.0", "Authentication aborted");
    return false;
}

static struct smtp_reply converse(struct session *session, struct auth_dialogue *dialogue,
                                  const struct auth_request *request)
{
    enum auth_status status = backend->begin(dialogue, request);
    struct smtp_reply reply;
    struct slice response;

    for (int round = 0; status == AUTH_MORE; round++) {
        if (!challenge(session, request->mechanism, dialogue->text, &response, &reply))
            return reply;
        if (round < ROUNDS_MAX) {
            status = backend->next(dialogue, response);
        } else {
            dialogue->text = SLICE("authentication protocol loop");
            status = AUTH_TEMPORARY;
        }
    }
    if (status == AUTH_DONE && dialogue->username.len == 0) {
        dialogue->text = SLICE("the authentication service gave no user name");
        status = AUTH_TEMPORARY;
    }
    if (status != AUTH_DONE)
        return failed(session, dialogue, request->mechanism, status);
    session->sasl_username = printable(&session->arena, dialogue->username);
    session->sasl_method = printable(&session->arena, request->mechanism);
    return smtp_reply(235, "2.7.0", "Authentication successful");
}

static struct smtp_reply authenticate(struct session *session, struct slice mechanism,
                                      bool has_response, struct slice response)
{
    struct auth_dialogue dialogue = {
        .arena = &session->scratch, .text = SLICE_EMPTY, .username = SLICE_EMPTY};
    const struct auth_request request = {
        .mechanism = arena_slice(&session->scratch, mechanism), /* lines come and go */
        .has_response = has_response,
        .response = response,
        .client_address = session->peer.text.address,
        .client_port = session->peer.text.port,
        .server_address = session->peer.server_address,
        .server_port = session->peer.server_port,
        .is_encrypted = session_is_encrypted(session),
        .demands = demands_for(session),
    };
    struct smtp_reply reply;

    switch (find_in_filter(request.mechanism)) {
    case TABLE_FOUND:
        break;
    case TABLE_NOT_FOUND:
        dialogue.text = SLICE("Invalid authentication mechanism");
        return failed(session, &dialogue, request.mechanism, AUTH_FAILED);
    case TABLE_ERROR:
    default:
        dialogue.text = SLICE("mechanism filter unavailable");
        return failed(session, &dialogue, request.mechanism, AUTH_TEMPORARY);
    }
    reply = converse(session, &dialogue, &request);
    backend->end(&dialogue);
    return reply;
}

static struct smtp_reply refuse(struct session *session, int code, const char *dsn,
                                const char *text)
{
    session->notices |= NOTICE_PROTOCOL;
    return smtp_reply(code, dsn, text);
}

struct smtp_reply auth_command(struct session *session, struct slice arguments)
{
    struct slice mechanism, response = SLICE_EMPTY, excess;
    struct smtp_reply reply;
    bool has_mechanism, has_response;

    if (!limits_allow_auth(session, &reply))
        return reply;
    if (params.smtpd_helo_required && session->helo.len == 0)
        return refuse(session, 503, "5.5.1", "Error: send HELO/EHLO first");
    if (!is_enabled(session))
        return refuse(session, 503, "5.5.1", "Error: authentication not enabled");
    if (session->transaction)
        return refuse(session, 503, "5.5.1", "Error: MAIL transaction in progress");
    if (!milter_security(session, &reply))
        return reply;
    if (session->sasl_username.len)
        return refuse(session, 503, "5.5.1", "Error: already authenticated");
    has_mechanism = esmtp_next_word(&arguments, &mechanism);
    has_response = has_mechanism && esmtp_next_word(&arguments, &response);
    if (!has_mechanism || esmtp_next_word(&arguments, &excess))
        return refuse(session, 501, "5.5.4", "Syntax: AUTH mechanism");
    return authenticate(session, mechanism, has_response, response);
}

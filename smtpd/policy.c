/* check_policy_service: what a policy server is told, and what follows from its answer. */
#include <inttypes.h>
#include <unistd.h>

#include "base/trace.h"
#include "conf/conf.h"
#include "conf/params.h"
#include "mail/xtext.h"
#include "policy_server.h"
#include "restriction.h"
#include "tls/peer.h"
#include "transaction.h"

/* Bytes that would end the attribute become '?'. */
static void put(struct buf *out, const char *name, struct slice value)
{
    size_t start;

    buf_printf(out, "%s=", name);
    start = out->len;
    buf_add_slice(out, value);
    for (size_t i = start; i < out->len; i++) {
        if (out->data[i] == '\0' || out->data[i] == '\n')
            out->data[i] = '?';
    }
    buf_add_char(out, '\n');
}

static void put_text(struct buf *out, const char *name, const char *value)
{
    put(out, name, slice_from(value));
}

static void put_xtext(struct buf *out, const char *name, struct slice value)
{
    buf_printf(out, "%s=", name);
    xtext_add(out, value, "");
    buf_add_char(out, '\n');
}

static void put_number(struct buf *out, const char *name, int64_t value)
{
    buf_printf(out, "%s=%" PRId64 "\n", name, value);
}

static void put_client(struct buf *out, struct session *session)
{
    const struct peer *peer = &session->peer;

    put(out, "client_address", peer->text.address);
    put(out, "client_name", peer->text.name);
    put(out, "client_port", peer->text.port);
    put(out, "reverse_client_name", peer->text.reverse_name);
    put(out, "server_address", peer->server_address);
    put(out, "server_port", peer->server_port);
    put(out, "helo_name", buf_slice(&session->helo));
}

static bool is_about_content(const char *state)
{
    return strcmp(state, "DATA") == 0 || strcmp(state, "END-OF-MESSAGE") == 0;
}

/* The recipient at hand; later, the only one of the message. */
static struct slice recipient_of(const struct check *check, const char *state)
{
    const struct transaction *transaction = check->session->transaction;

    if (check->has_recipient)
        return check->recipient;
    if (is_about_content(state) && transaction && transaction->n_recipients == 1)
        return transaction->recipient;
    return SLICE_EMPTY;
}

/* What MAIL announced; in the end, what came. */
static int64_t size_of(const struct transaction *transaction, const char *state)
{
    if (!transaction)
        return 0;
    return strcmp(state, "END-OF-MESSAGE") == 0 ? transaction->content.size_bytes
                                                : transaction->parameters.size_bytes;
}

static struct slice queue_id_of(struct session *session)
{
    if (!session->transaction || !session->transaction->has_destination)
        return SLICE_EMPTY;
    (void)session_queue_id(session);
    return slice_from(transaction_queue_id(session->transaction));
}

static void put_message(struct buf *out, const struct check *check, const char *state)
{
    struct session *session = check->session;
    const struct transaction *transaction = session->transaction;

    put(out, "sender", transaction ? transaction->sender : SLICE_EMPTY);
    put(out, "recipient", recipient_of(check, state));
    put_number(out, "recipient_count",
               is_about_content(state) && transaction ? transaction->n_recipients : 0);
    put(out, "queue_id", queue_id_of(session));
    if (transaction) {
        buf_printf(out, "instance=%x.%lx.%lx.%x\n", (unsigned)getpid(),
                   (unsigned long)transaction->arrival_time.tv_sec,
                   (unsigned long)transaction->arrival_time.tv_usec, transaction->instance);
    } else {
        put_text(out, "instance", "");
    }
    put_number(out, "size", size_of(transaction, state));
    put(out, "etrn_domain", check->etrn_domain);
}

static void put_login(struct buf *out, const struct session *session)
{
    put(out, "sasl_method", session->sasl_method);
    put(out, "sasl_username", session->sasl_username);
    put(out, "sasl_sender",
        session->transaction ? session->transaction->sasl_sender : SLICE_EMPTY);
}

static void put_encryption(struct buf *out, const struct session *session)
{
    const struct tls_peer none = TLS_PEER_NONE;
    const struct tls_peer *tls = session->tls ? session->tls : &none;
    bool is_trusted = tls->trust >= TLS_TRUSTED;

    put_xtext(out, "ccert_subject", is_trusted ? tls->subject : SLICE_EMPTY);
    put_xtext(out, "ccert_issuer", is_trusted ? tls->issuer : SLICE_EMPTY);
    put(out, "ccert_fingerprint", tls->fingerprint);
    put(out, "ccert_pubkey_fingerprint", tls->key_fingerprint);
    put_text(out, "encryption_protocol", tls->protocol);
    put_text(out, "encryption_cipher", tls->cipher);
    put_number(out, "encryption_keysize", tls->used_bits);
    put(out, "tls_sni", tls->sni);
}

static void compose(struct buf *out, const struct check *check,
                    const struct policy_server *server)
{
    struct session *session = check->session;
    /* BDAT is another way to say DATA. */
    const char *state = strcmp(session->stage, "BDAT") == 0 ? "DATA" : session->stage;

    put_text(out, "request", "smtpd_access_policy");
    put_text(out, "protocol_state", state);
    put_text(out, "protocol_name", session->protocol);
    put_client(out, session);
    put_message(out, check, state);
    put_text(out, "stress", conf_lookup("stress"));
    put_login(out, session);
    put_encryption(out, session);
    put_text(out, "policy_context", server->policy_context);
    put_text(out, "compatibility_level", params.compatibility_level);
    put_text(out, "mail_version", params.mail_version);
    buf_add_char(out, '\n');
}

enum access_result restrict_policy_service(struct check *check,
                                           const struct restriction *restriction)
{
    CLEANUP(buf_release) struct buf request = BUF_INIT;
    CLEANUP(buf_release) struct buf action = BUF_INIT;
    struct policy_server *server = restriction->policy;
    struct transaction *transaction = check->session->transaction;
    const struct access_match match = {
        .table = server->name,
        .key = SLICE("policy query"),
        .subject = check->subject,
        .class = check->class,
    };

    compose(&request, check, server);
    if (policy_server_ask(server, transaction ? &transaction->policy : NULL,
                          buf_slice(&request), &action) < 0)
        buf_set_text(&action, server->default_action);
    trace_step("%s: action=%s", server->name, action.data);
    return access_act(check, arena_slice(&check->session->scratch, buf_slice(&action)), &match);
}

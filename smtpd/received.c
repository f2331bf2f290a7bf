/* The trace header, in Postfix's form: parsers of it are many. */
#include "received.h"

#include "base/buf.h"
#include "base/time.h"
#include "conf/params.h"
#include "mail/address.h"
#include "mail/record.h"
#include "session.h"
#include "tls/peer.h"
#include "transaction.h"

/* "from HELO (NAME [ADDRESS])"; not where smtpd_hide_client_session keeps it private. */
static void add_from(const struct session *session, struct buf *line)
{
    const struct peer *peer = &session->peer;
    char literal[ENDPOINT_TEXT_BYTES + 8];
    struct slice address = peer->text.address;
    struct slice helo = buf_slice(&session->helo);

    if (peer->endpoint.len)
        address = slice_from(endpoint_literal(&peer->endpoint, literal));
    if (helo.len == 0)
        helo = peer->text.name;
    buf_printf(line, "Received: from %.*s (%.*s [%.*s])", SLICE_ARG(helo),
               SLICE_ARG(peer->text.name), SLICE_ARG(address));
}

static void put_line(struct transaction *transaction, struct buf *line)
{
    transaction_put(transaction, RECORD_LINE, buf_slice(line));
    buf_reset(line);
}

/* A comment holds no parentheses, quotes or backslashes of others (RFC 5322 section 3.2.2). */
static struct slice in_comment(struct session *session, struct slice text)
{
    char *copy = arena_text(&session->scratch, text);

    for (size_t i = 0; i < text.len; i++) {
        if (strchr("()\\\"", copy[i]))
            copy[i] = '?';
    }
    return slice_of(copy, text.len);
}

static void put_certificate(struct session *session, struct buf *line)
{
    const struct tls_peer *tls = session->tls;

    if (tls->trust != TLS_ANONYMOUS) {
        buf_printf(line, "\t(Client CN \"%.*s\", Issuer \"%.*s\" (%s))",
                   SLICE_ARG(in_comment(session, tls->subject)),
                   SLICE_ARG(in_comment(session, tls->issuer)),
                   tls->trust >= TLS_TRUSTED ? "verified OK" : "not verified");
    } else if (tls->was_asked) {
        buf_add_text(line, "\t(Client did not present a certificate)");
    } else {
        buf_add_text(line, "\t(No client certificate requested)");
    }
    put_line(session->transaction, line);
}

/* "(using TLSv1.3 with cipher ...)" and who showed a certificate. */
static void put_tls(struct session *session, struct buf *line)
{
    struct transaction *transaction = session->transaction;
    const struct tls_peer *tls = session->tls;
    struct buf details = BUF_INIT;
    size_t server_part;

    buf_printf(line, "\t(using %s with cipher %s (%d/%d bits)", tls->protocol, tls->cipher,
               tls->used_bits, tls->algorithm_bits);
    tls_peer_details(tls, &details);
    server_part = slice_find_text(buf_slice(&details), SLICE(" client-signature"));
    if (server_part > 0) {
        put_line(transaction, line);
        buf_printf(line, "\t%.*s", (int)server_part, details.data);
    }
    if (server_part < details.len) {
        put_line(transaction, line);
        buf_printf(line, "\t%s", details.data + server_part);
    }
    buf_release(&details);
    buf_add_char(line, ')');
    put_line(transaction, line);
    put_certificate(session, line);
}

/* smtpd_sasl_authenticated_header */
static void put_login(struct session *session, struct buf *line)
{
    if (!params.smtpd_sasl_authenticated_header || session->sasl_username.len == 0)
        return;
    buf_printf(line, "\t(Authenticated sender: %.*s)",
               SLICE_ARG(in_comment(session, session->sasl_username)));
    put_line(session->transaction, line);
}

static bool is_esmtp(const struct session *session)
{
    return strcmp(session->protocol, "ESMTP") == 0;
}

/* "by HOST (NAME) with ESMTPSA id QUEUEID"; protocol: RFC 3848, RFC 6531 section 4.3 */
static void put_by(struct session *session)
{
    CLEANUP(buf_release) struct buf line = BUF_INIT;
    struct transaction *transaction = session->transaction;
    const char *utf8 = transaction->parameters.is_smtputf8 ? "UTF8" : "";
    struct slice after = transaction->n_recipients > 1 ? SLICE(";") : SLICE_EMPTY;

    buf_printf(&line, "%sby %s (%s) with %s%s%s%s",
               params.smtpd_hide_client_session ? "Received: " : "\t", params.myhostname,
               params.mail_name, utf8, *utf8 ? "SMTP" : session->protocol,
               session->tls ? "S" : "",
               is_esmtp(session) && session->sasl_username.len ? "A" : "");
    if (!transaction->proxy) { /* a message that a filter takes over has no ID here */
        buf_add_text(&line, " id ");
        transaction_put_with_id(transaction, RECORD_LINE, buf_slice(&line), after);
        return;
    }
    buf_add_slice(&line, after);
    put_line(transaction, &line);
}

void received_put(struct session *session)
{
    CLEANUP(buf_release) struct buf line = BUF_INIT;
    struct transaction *transaction = session->transaction;
    const char *date = time_rfc5322(transaction->arrival_time.tv_sec);

    if (!params.smtpd_hide_client_session) {
        add_from(session, &line);
        put_line(transaction, &line);
        if (session->tls && params.smtpd_tls_received_header)
            put_tls(session, &line);
        put_login(session, &line);
    }
    put_by(session);
    if (transaction->n_recipients > 1) {
        buf_printf(&line, "\t%s", date);
    } else {
        buf_add_text(&line, "\tfor <");
        address_quote(&line, transaction->recipient);
        buf_printf(&line, ">; %s", date);
    }
    put_line(transaction, &line);
}

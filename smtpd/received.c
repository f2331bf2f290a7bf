/* The trace header, in Postfix's form: parsers of it are many. */
#include "received.h"

#include "base/buf.h"
#include "base/time.h"
#include "conf/params.h"
#include "mail/address.h"
#include "mail/record.h"
#include "session.h"
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

void received_put(struct session *session)
{
    CLEANUP(buf_release) struct buf line = BUF_INIT;
    struct transaction *transaction = session->transaction;
    const char *utf8 = transaction->parameters.is_smtputf8 ? "UTF8" : "";
    const char *protocol = *utf8 ? "SMTP" : session->protocol;
    const char *date = time_rfc5322(transaction->arrival_time.tv_sec);
    bool is_hidden = params.smtpd_hide_client_session;

    if (!is_hidden) {
        add_from(session, &line);
        put_line(transaction, &line);
    }
    buf_printf(&line, "%sby %s (%s) with %s%s id %s", is_hidden ? "Received: " : "\t",
               params.myhostname, params.mail_name, utf8, protocol,
               transaction_queue_id(transaction));
    if (transaction->n_recipients > 1)
        buf_add_char(&line, ';');
    put_line(transaction, &line);
    if (transaction->n_recipients > 1) {
        buf_printf(&line, "\t%s", date);
    } else {
        buf_add_text(&line, "\tfor <");
        address_quote(&line, transaction->recipient);
        buf_printf(&line, ">; %s", date);
    }
    put_line(transaction, &line);
}

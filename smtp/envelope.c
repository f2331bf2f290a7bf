#include "envelope.h"

#include <inttypes.h>

#include "body.h"
#include "conf/params.h"
#include "mail/address.h"
#include "mail/xtext.h"
#include "options.h"

/* Without quotes where a server cannot do with them (smtp_quote_rfc821_envelope). */
static void add_address(struct buf *line, struct slice address)
{
    if (options.quotes_envelope)
        address_quote(line, address);
    else
        buf_add_slice(line, address);
}

static void add_encoding(struct buf *line, struct slice encoding)
{
    if (slice_equals(encoding, "8bit"))
        buf_add_text(line, " BODY=8BITMIME");
    else if (slice_equals(encoding, "7bit"))
        buf_add_text(line, " BODY=7BIT");
}

void envelope_send_mail(struct session *session, const struct attempt *attempt)
{
    const struct delivery *delivery = attempt->delivery;
    const struct delivery_request *request = &delivery->request;
    CLEANUP(buf_release) struct buf line = BUF_INIT;

    buf_add_text(&line, "MAIL FROM:<");
    add_address(&line, attempt->addresses ? attempt->sender : request->sender);
    buf_add_char(&line, '>');
    if (session->features & FEATURE_SIZE)
        buf_printf(&line, " SIZE=%" PRId64, request->data_size);
    if (session->features & FEATURE_8BITMIME)
        add_encoding(&line, request->encoding);
    if (session->features & FEATURE_DSN) {
        if (request->envelope_id.len > 0) {
            buf_add_text(&line, " ENVID=");
            xtext_add(&line, request->envelope_id, "=");
        }
        if (request->ret)
            buf_printf(&line, " RET=%s", request->ret == RET_FULL ? "FULL" : "HDRS");
    }
    if ((session->features & FEATURE_SMTPUTF8) && body_needs_smtputf8(delivery))
        buf_add_text(&line, " SMTPUTF8");
    if (session->is_logged_in &&
        (options.is_lmtp ? params.lmtp_send_dummy_mail_auth : params.smtp_send_dummy_mail_auth))
        buf_add_text(&line, " AUTH=<>");
    if (attempt->requiretls != REQUIRETLS_NOT_ASKED && session->tls.is_active &&
        (session->features & FEATURE_REQUIRETLS))
        buf_add_text(&line, " REQUIRETLS");
    session_command(session, "%s", line.data);
}

static void add_notify(struct buf *line, int notify)
{
    const char *separator = "";

    if (notify == 0)
        return;
    buf_add_text(line, " NOTIFY=");
    if (notify & NOTIFY_NEVER) {
        buf_add_text(line, "NEVER");
        return;
    }
    if (notify & NOTIFY_SUCCESS) {
        buf_add_text(line, "SUCCESS");
        separator = ",";
    }
    if (notify & NOTIFY_FAILURE) {
        buf_printf(line, "%sFAILURE", separator);
        separator = ",";
    }
    if (notify & NOTIFY_DELAY)
        buf_printf(line, "%sDELAY", separator);
}

void envelope_send_rcpt(struct session *session, const struct attempt *attempt,
                        const struct recipient *recipient)
{
    size_t number = (size_t)(recipient - attempt->delivery->recipients);
    CLEANUP(buf_release) struct buf line = BUF_INIT;

    buf_add_text(&line, "RCPT TO:<");
    add_address(&line, attempt->addresses ? attempt->addresses[number] : recipient->address);
    buf_add_char(&line, '>');
    if (session->features & FEATURE_DSN) {
        if (recipient->dsn_original.len > 0) {
            struct slice address = recipient->dsn_original;
            struct slice type = slice_split(&address, ';');
            buf_printf(&line, " ORCPT=%.*s;", SLICE_ARG(type));
            xtext_add(&line, address, "=");
        }
        add_notify(&line, recipient->notify);
    }
    session_command(session, "%s", line.data);
}

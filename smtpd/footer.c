/* Reject footers: which one, and its $names. */
#include "footer.h"

#include <unistd.h>

#include "base/log.h"
#include "base/time.h"
#include "conf/expand.h"
#include "conf/params.h"
#include "mail/address.h"
#include "session.h"
#include "settings.h"
#include "transaction.h"

static const char *text_of(struct session *session, struct slice slice)
{
    return arena_text(&session->scratch, slice);
}

/* The attributes that Postfix offers; others expand to nothing. */
static const char *lookup(void *context, struct slice name)
{
    struct session *session = context;
    const struct transaction *transaction = session->transaction;

    const struct {
        const char *name;
        struct slice value;
    } known[] = {
        {"client_address", session->peer.text.address},
        {"client_name", session->peer.text.name},
        {"client_port", session->peer.text.port},
        {"reverse_client_name", session->peer.text.reverse_name},
        {"helo_name", buf_slice(&session->helo)},
        {"server_address", session->peer.server_address},
        {"server_port", session->peer.server_port},
        {"sender", transaction ? transaction->sender : SLICE_EMPTY},
        {"recipient",
         transaction && transaction->n_recipients == 1 ? transaction->recipient : SLICE_EMPTY},
        {"server_name", slice_from(params.myhostname)},
        {"myhostname", slice_from(params.myhostname)},
    };

    if (slice_equals(name, "localtime"))
        return time_syslog(time_wall_seconds());
    if (slice_equals(name, "process_id") || slice_equals(name, "pid"))
        return arena_printf(&session->scratch, "%ld", (long)getpid());
    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        if (slice_equals(name, known[i].name))
            return text_of(session, known[i].value);
    }
    return NULL;
}

/* The footer as configured for this reply: the maps are asked with the reply's text. */
static const char *find(const struct smtp_reply *reply, struct buf *value)
{
    CLEANUP(buf_release) struct buf key = BUF_INIT;
    struct error error;

    if (maps_is_empty(settings.reject_footer_maps))
        return params.smtpd_reject_footer;
    buf_printf(&key, "%d %s %.*s", reply->code, reply->dsn, SLICE_ARG(reply->text));
    switch (maps_find(settings.reject_footer_maps, buf_slice(&key), value, &error)) {
    case TABLE_FOUND:
        return value->data;
    case TABLE_NOT_FOUND:
        break;
    case TABLE_ERROR:
        log_warning("%s", error.text);
        break;
    }
    return params.smtpd_reject_footer;
}

void footer_add(struct session *session, struct smtp_reply *reply)
{
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    CLEANUP(buf_release) struct buf footer = BUF_INIT;
    const struct expansion expansion = {.lookup = lookup, .context = session};
    const char *text = find(reply, &value);
    struct error error;

    if (!*text)
        return;
    if (expand_text(&footer, slice_from(text), &expansion, &error) < 0) {
        log_warning("smtpd_reject_footer: %s", error.text);
        return;
    }
    smtp_reply_add_footer(reply, buf_slice(&footer), &session->scratch);
}

void footer_replace(struct session *session, struct smtp_reply *reply)
{
    CLEANUP(buf_release) struct buf key = BUF_INIT;
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    struct smtp_reply other;
    struct error error;

    if (maps_is_empty(settings.reject_filter_maps))
        return;
    buf_printf(&key, "%d %s%s%.*s", reply->code, reply->dsn, reply->dsn[0] ? " " : "",
               SLICE_ARG(reply->text));
    switch (maps_find(settings.reject_filter_maps, buf_slice(&key), &value, &error)) {
    case TABLE_NOT_FOUND:
        return;
    case TABLE_FOUND:
        break;
    case TABLE_ERROR:
        log_warning("%s", error.text);
        return;
    }
    if (!smtp_reply_refuses(buf_slice(&value))) {
        log_warning("smtpd_reject_filter_maps: bad reply \"%s\" for \"%s\"", value.data,
                    key.data);
        return;
    }
    other = smtp_reply_parse(arena_slice(&session->scratch, buf_slice(&value)));
    other.is_forgiven = reply->is_forgiven;
    *reply = other;
}

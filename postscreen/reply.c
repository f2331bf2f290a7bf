/* Replies. */
#include "reply.h"

#include "base/log.h"
#include "base/time.h"
#include "conf/expand.h"
#include "conf/params.h"
#include "mail/reject_footer.h"

void reply_soften(struct buf *reply)
{
    if (reply->len < 4 || reply->data[0] != '5')
        return;
    reply->data[0] = '4';
    if (reply->len > 5 && reply->data[4] == '5' && reply->data[5] == '.')
        reply->data[4] = '4';
}

/* "550 5.5.1 ", which stands in front of each line. */
static struct slice head_of(struct slice reply)
{
    size_t end = slice_find(reply, ' ') + 1;
    struct slice status = slice_from_offset(reply, end);
    size_t len = slice_find(status, ' ');

    if (len < status.len && slice_skip_any(slice_sub(status, 0, len), "0123456789.") == len &&
        len >= 5)
        end += len + 1;
    return slice_sub(reply, 0, end);
}

static void add_line(struct buf *out, struct slice head, bool is_last, struct slice text)
{
    buf_add_slice(out, slice_sub(head, 0, 3));
    buf_add_char(out, is_last ? ' ' : '-');
    buf_add_slice(out, slice_from_offset(head, 4));
    for (size_t i = 0; i < text.len; i++)
        buf_add_char(out, (unsigned char)text.ptr[i] < ' ' ? ' ' : text.ptr[i]);
    buf_add_text(out, "\r\n");
}

void reply_format(struct buf *out, struct slice reply, struct slice footer)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    struct slice head = head_of(reply);

    buf_add_slice(&text, slice_from_offset(reply, head.len));
    if (footer.len)
        reject_footer_add(&text, footer);
    struct slice rest = buf_slice(&text);
    bool is_last;

    do {
        size_t end = slice_find(rest, '\n');

        is_last = end >= rest.len;
        add_line(out, head, is_last, slice_sub(rest, 0, end));
        rest = slice_from_offset(rest, end + 1);
    } while (!is_last);
}

/* -- the footer -----------------------------------------------------------------------------
 */

struct names {
    const struct session *session;
    char address[ENDPOINT_TEXT_BYTES], port[8];
};

static const char *lookup(void *context, struct slice name)
{
    struct names *names = context;
    const struct endpoint *peer = &names->session->connection->peer;

    if (slice_equals(name, "client_address"))
        return endpoint_text(peer, names->address);
    if (slice_equals(name, "client_port")) {
        snprintf(names->port, sizeof(names->port), "%u", endpoint_port(peer));
        return names->port;
    }
    if (slice_equals(name, "localtime"))
        return time_syslog(time_wall_seconds());
    if (slice_equals(name, "server_name"))
        return params.myhostname;
    log_warning("unknown macro name \"%.*s\" in expansion request", SLICE_ARG(name));
    return NULL;
}

static void find_footer(struct slice reply, struct buf *text)
{
    struct error error;

    buf_set_text(text, settings.reject_footer);
    if (maps_is_empty(settings.reject_footer_maps))
        return;
    if (maps_find(settings.reject_footer_maps, reply, text, &error) == TABLE_ERROR)
        log_warning("postscreen_reject_footer_maps: %s", error.text);
}

static void make_footer(const struct session *session, struct slice reply, struct buf *footer)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    struct names names = {.session = session};
    const struct expansion expansion = {
        .lookup = lookup, .context = &names, .allowed = settings.expansion_filter};
    struct error error;

    if (!slice_starts_with(reply, "4") && !slice_starts_with(reply, "5"))
        return;
    find_footer(reply, &text);
    if (expand_text(footer, buf_slice(&text), &expansion, &error) < 0)
        log_warning("postscreen_reject_footer: %s", error.text);
}

int reply_send_raw(struct session *session, struct slice text)
{
    return stream_write_slice(session->stream, text) < 0 ? -1 : stream_flush(session->stream);
}

int reply_send(struct session *session, const char *line)
{
    CLEANUP(buf_release) struct buf reply = BUF_INIT;
    CLEANUP(buf_release) struct buf footer = BUF_INIT;
    CLEANUP(buf_release) struct buf out = BUF_INIT;

    buf_set_text(&reply, line);
    if (params.soft_bounce)
        reply_soften(&reply);
    make_footer(session, buf_slice(&reply), &footer);
    reply_format(&out, buf_slice(&reply), buf_slice(&footer));
    return reply_send_raw(session, buf_slice(&out));
}

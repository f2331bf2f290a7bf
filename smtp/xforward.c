/* The two commands of XFORWARD. */
#include "xforward.h"

#include "base/log.h"
#include "options.h"

#define UNAVAILABLE "[UNAVAILABLE]"

/* The order of the attributes; those before FIRST_OF_SECOND go with the first command. */
enum { NAME, ADDR, PORT, PROTO, HELO, IDENT, SOURCE, N_ATTRIBUTES, FIRST_OF_SECOND = PROTO };

static const char *const names[N_ATTRIBUTES] = {
    [NAME] = "NAME", [ADDR] = "ADDR",   [PORT] = "PORT",     [PROTO] = "PROTO",
    [HELO] = "HELO", [IDENT] = "IDENT", [SOURCE] = "SOURCE",
};

unsigned xforward_parse(struct slice words)
{
    unsigned attributes = 0;
    struct slice word;

    while ((word = slice_word(&words, " \t")).ptr) {
        for (unsigned i = 0; i < N_ATTRIBUTES; i++)
            attributes |= slice_equals_nocase(word, names[i]) ? 1U << i : 0;
    }
    return attributes;
}

/* RFC 3461 section 4. */
static void add_xtext(struct buf *line, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (c > 32 && c < 127 && c != '+' && c != '=')
            buf_add_char(line, (char)c);
        else
            buf_printf(line, "+%02X", c);
    }
}

/* Where the message came from; empty: not known. */
static struct slice value_of(const struct delivery_request *request, unsigned attribute)
{
    switch (attribute) {
    case NAME:
        return request->log_client_name;
    case ADDR:
        return request->log_client_address;
    case PORT:
        return request->log_client_port;
    case PROTO:
        return request->log_client_protocol;
    case HELO:
        return request->log_client_helo;
    case IDENT:
        return request->log_ident.len ? request->log_ident : request->queue_id;
    case SOURCE:
        return slice_equals(request->rewrite_context, "remote") ? SLICE("REMOTE")
                                                                : SLICE("LOCAL");
    default:
        return SLICE_EMPTY;
    }
}

static void add_value(struct buf *line, unsigned attribute, struct slice value)
{
    if (value.len == 0)
        value = SLICE(UNAVAILABLE);
    else if (attribute == ADDR && slice_find(value, ':') < value.len &&
             !slice_starts_with_nocase(value, "ipv6:"))
        buf_add_text(line, "IPV6:");
    add_xtext(line, value);
}

/* One command of those attributes from..to that the server takes; false: there are none. */
static bool send_some(struct session *session, const struct delivery_request *request,
                      unsigned from, unsigned to)
{
    CLEANUP(buf_release) struct buf line = BUF_INIT;

    for (unsigned i = from; i < to; i++) {
        if (!(session->xforward & (1U << i)))
            continue;
        buf_printf(&line, " %s=", names[i]);
        add_value(&line, i, value_of(request, i));
    }
    if (line.len == 0)
        return false;
    session_command(session, "XFORWARD%s", line.data);
    return true;
}

static enum step read_reply(struct session *session)
{
    enum step step = session_reply(session, options.xforward_timeout);

    if (step == STEP_REFUSED)
        log_warning("host %s said: %s (in reply to XFORWARD command)", session->label.data,
                    session->reply.data);
    return step;
}

enum step xforward_send(struct session *session, const struct delivery *delivery,
                        const char **activity)
{
    if (!options.send_xforward || !session->xforward)
        return STEP_OK;
    *activity = "sending XFORWARD name/address";
    if (send_some(session, &delivery->request, 0, FIRST_OF_SECOND) &&
        read_reply(session) == STEP_BROKEN)
        return STEP_BROKEN;
    *activity = "sending XFORWARD protocol/helo_name";
    if (send_some(session, &delivery->request, FIRST_OF_SECOND, N_ATTRIBUTES) &&
        read_reply(session) == STEP_BROKEN)
        return STEP_BROKEN;
    return STEP_OK;
}

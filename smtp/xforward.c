/* The two commands of XFORWARD. */
#include "xforward.h"

#include "base/log.h"
#include "mail/xforward.h"
#include "mail/xtext.h"
#include "options.h"

#define UNAVAILABLE "[UNAVAILABLE]"

/* What goes with each command. */
static const enum xforward_attribute who[] = {XFORWARD_NAME, XFORWARD_ADDR, XFORWARD_PORT};

static const enum xforward_attribute how[] = {XFORWARD_PROTO, XFORWARD_HELO, XFORWARD_IDENT,
                                              XFORWARD_SOURCE};

/* Where the message came from; empty: not known. */
static struct slice value_of(const struct delivery_request *request,
                             enum xforward_attribute attribute)
{
    switch (attribute) {
    case XFORWARD_NAME:
        return request->log_client_name;
    case XFORWARD_ADDR:
        return request->log_client_address;
    case XFORWARD_PORT:
        return request->log_client_port;
    case XFORWARD_PROTO:
        return request->log_client_protocol;
    case XFORWARD_HELO:
        return request->log_client_helo;
    case XFORWARD_IDENT:
        return request->log_ident.len ? request->log_ident : request->queue_id;
    case XFORWARD_SOURCE:
        return slice_equals(request->rewrite_context, "remote") ? SLICE("REMOTE")
                                                                : SLICE("LOCAL");
    }
    return SLICE_EMPTY;
}

static void add_value(struct buf *line, enum xforward_attribute attribute, struct slice value)
{
    buf_printf(line, " %s=", xforward_name(attribute));
    if (value.len == 0)
        value = SLICE(UNAVAILABLE);
    else if (attribute == XFORWARD_ADDR && slice_find(value, ':') < value.len &&
             !slice_starts_with_nocase(value, "ipv6:"))
        buf_add_text(line, "IPV6:");
    xtext_add(line, value, "=");
}

/* One command of those attributes that the server takes; false: there are none. */
static bool send_some(struct session *session, const struct delivery_request *request,
                      const enum xforward_attribute *attributes, size_t n)
{
    CLEANUP(buf_release) struct buf line = BUF_INIT;

    for (size_t i = 0; i < n; i++) {
        if (session->xforward & attributes[i])
            add_value(&line, attributes[i], value_of(request, attributes[i]));
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
    if (send_some(session, &delivery->request, who, ARRAY_SIZE(who)) &&
        read_reply(session) == STEP_BROKEN)
        return STEP_BROKEN;
    *activity = "sending XFORWARD protocol/helo_name";
    if (send_some(session, &delivery->request, how, ARRAY_SIZE(how)) &&
        read_reply(session) == STEP_BROKEN)
        return STEP_BROKEN;
    return STEP_OK;
}

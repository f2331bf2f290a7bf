/* One filter: its connection, telling it of an event, and what its answer means. */
#include "milter/milter.h"

#include <errno.h>

#include "base/log.h"
#include "base/mem.h"

#define TRY_LATER "451 4.7.1 Service unavailable - try again later"
/* How often a filter may have its time again by saying that it is busy. */
#define BUSY_TIMES   20
#define CONFIG_ERROR "451 4.3.5 Server configuration problem - try again later"

static struct milter_decision refusal(struct slice reply)
{
    return (struct milter_decision){.verdict = MILTER_REFUSE, .reply = reply};
}

static struct milter_decision go_on(void)
{
    return (struct milter_decision){.verdict = MILTER_GO_ON, .reply = SLICE_EMPTY};
}

/* The default action, as an answer. */
static struct milter_decision default_decision(const struct milter_config *config)
{
    struct milter_decision decision;

    switch (config->default_action) {
    case MILTER_DEFAULT_ACCEPT:
        return go_on();
    case MILTER_DEFAULT_REJECT:
        return refusal(SLICE("550 5.5.0 Service unavailable"));
    case MILTER_DEFAULT_TEMPFAIL:
        return refusal(SLICE(TRY_LATER));
    case MILTER_DEFAULT_QUARANTINE:
        return (struct milter_decision){.verdict = MILTER_HOLD, .reply = SLICE_EMPTY};
    case MILTER_DEFAULT_SHUTDOWN:
        decision = refusal(SLICE(TRY_LATER));
        decision.hang_up = true;
        return decision;
    case MILTER_DEFAULT_UNKNOWN:
    default:
        return refusal(SLICE(CONFIG_ERROR));
    }
}

static void stand(struct milter *milter, struct milter_decision decision)
{
    stream_release(&milter->stream);
    milter->packet_bytes = 0;
    milter->in_message = false;
    milter->standing = decision;
    milter->state = MILTER_SETTLED;
}

void milter_settle(struct milter *milter)
{
    if (milter->config->default_action == MILTER_DEFAULT_UNKNOWN)
        log_warning("milter %s: unrecognized default action: %s", milter->config->name,
                    milter->config->default_action_text);
    stand(milter, default_decision(milter->config));
}

void milter_fail(struct milter *milter, const char *format, ...)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    va_list arguments;

    va_start(arguments, format);
    buf_vprintf(&text, format, arguments);
    va_end(arguments);
    log_warning("milter %s: %s", milter->config->name, text.data);
    milter_settle(milter);
}

struct milter_decision milter_misconfigured(struct milter *milter)
{
    stand(milter, refusal(SLICE(CONFIG_ERROR)));
    return milter->standing;
}

bool milter_is_asked(const struct milter *milter, enum milter_event event)
{
    return milter->state == MILTER_OPEN && !milter_skips_event(&milter->agreement, event) &&
           !(event == MILTER_BODY && milter->skips_body);
}

struct milter_decision milter_unasked(const struct milter *milter)
{
    return milter->state == MILTER_SETTLED ? milter->standing : go_on();
}

static int64_t time_limit(const struct milter *milter, enum milter_event event)
{
    return event >= MILTER_HEADER ? milter->config->content_timeout
                                  : milter->config->command_timeout;
}

/* In front of each event; Postfix sends an empty list as well. */
static void add_macros(struct milters *milters, const struct milter *milter,
                       enum milter_event event, struct buf *out)
{
    /* Headers have no list of their own; nor has the body. */
    enum milter_event stage = event == MILTER_HEADER ? MILTER_END_OF_HEADER
                              : event == MILTER_BODY ? MILTER_END_OF_BODY
                                                     : event;
    size_t begin = milter_packet_begin(out, MILTER_COMMAND_MACROS);

    buf_add_char(out, milter_event_command(event));
    if (milter->is_handed_over)
        buf_add_slice(out, milter->ready_macros[stage == MILTER_END_OF_BODY]);
    else if (milter->agreement.has_macros[stage])
        milter_macros_collect(milters->macros, milter->agreement.macros[stage], out);
    else
        milter_macros_collect(milters->macros, slice_from(milters->macros->lists[stage]), out);
    milter_packet_end(out, begin);
}

static const char *read_trouble(const struct stream *stream)
{
    switch (stream->state) {
    case STREAM_TIMEOUT:
        return strerror(ETIMEDOUT);
    case STREAM_FAILED:
        return strerror(stream->saved_errno);
    case STREAM_END:
        return "Application error"; /* what Postfix calls a connection that was closed */
    case STREAM_CANCELLED:
    case STREAM_OK:
    default:
        return stream_trouble(stream);
    }
}

bool milter_tell(struct milters *milters, struct milter *milter, enum milter_event event,
                 struct slice data)
{
    CLEANUP(buf_release) struct buf out = BUF_INIT;
    size_t begin;

    add_macros(milters, milter, event, &out);
    begin = milter_packet_begin(&out, milter_event_command(event));
    buf_add_slice(&out, data);
    milter_packet_end(&out, begin);
    stream_set_deadline(&milter->stream, deadline_in(time_limit(milter, event)));
    /* Content without answers leaves in large writes; all else at once. */
    if (stream_write_slice(&milter->stream, buf_slice(&out)) == 0 &&
        ((event >= MILTER_HEADER && milter_skips_reply(&milter->agreement, event)) ||
         stream_flush(&milter->stream) == 0))
        return true;
    milter_fail(milter, "error writing command: %s", read_trouble(&milter->stream));
    return false;
}

const char *milter_read_packet(struct milter *milter, struct slice *packet)
{
    const unsigned char *bytes;
    struct slice available;
    size_t len;

    stream_consume(&milter->stream, milter->packet_bytes);
    milter->packet_bytes = 0;
    if (stream_fill_least(&milter->stream, 4, &available) < 0)
        return read_trouble(&milter->stream);
    bytes = (const unsigned char *)available.ptr;
    len = (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3];
    if (len == 0 || len > MILTER_PACKET_MOST_BYTES)
        return "Message too long";
    if (stream_fill_least(&milter->stream, 4 + len, &available) < 0)
        return read_trouble(&milter->stream);
    *packet = slice_sub(available, 4, len);
    milter->packet_bytes = 4 + len;
    return NULL;
}

static deadline_t earlier(deadline_t a, deadline_t b)
{
    return a < b ? a : b;
}

bool milter_read(struct milter *milter, enum milter_event event, struct milter_reply *reply)
{
    /* A filter that is for ever busy is broken as well. */
    deadline_t last = deadline_in(BUSY_TIMES * time_limit(milter, event));
    struct slice packet = SLICE_EMPTY;
    struct error error;

    do {
        const char *trouble = milter_read_packet(milter, &packet);

        if (trouble) {
            milter_fail(milter, "can't read %s reply packet header: %s",
                        milter_event_name(event), trouble);
            return false;
        }
        if (milter_reply_parse(reply, packet, &error) < 0) {
            milter_fail(milter, "%s", error.text);
            return false;
        }
        /* Whoever says that it is busy gets its time anew. */
        stream_set_deadline(&milter->stream,
                            earlier(last, deadline_in(time_limit(milter, event))));
    } while (reply->type == MILTER_REPLY_PROGRESS ||
             (reply->type == MILTER_REPLY_QUARANTINE && event != MILTER_END_OF_BODY));
    return true;
}

/* A refusal; of the client as such it stands for the whole session. */
static struct milter_decision refuse(struct milter *milter, enum milter_event event,
                                     struct slice reply)
{
    if (event <= MILTER_HELO || slice_starts_with(reply, "421"))
        stand(milter, refusal(reply));
    return refusal(reply);
}

static struct milter_decision refuse_with_text(struct milters *milters, struct milter *milter,
                                               enum milter_event event, struct slice text)
{
    CLEANUP(buf_release) struct buf reply = BUF_INIT;

    if (milter_reply_text(text, &reply))
        return refuse(milter, event, arena_slice(&milters->arena, buf_slice(&reply)));
    log_warning("milter %s: malformed reply: %.*s", milter->config->name, SLICE_ARG(text));
    return milter_misconfigured(milter);
}

static struct milter_decision discard(struct milter *milter, enum milter_event event)
{
    if (event <= MILTER_HELO) {
        log_warning("milter %s: DISCARD action is not allowed for connect or helo",
                    milter->config->name);
        return go_on();
    }
    milter->state = MILTER_PASSES_MESSAGE;
    return (struct milter_decision){.verdict = MILTER_DISCARD, .reply = SLICE_EMPTY};
}

struct milter_decision milter_judge(struct milters *milters, struct milter *milter,
                                    enum milter_event event, const struct milter_reply *reply)
{
    switch (reply->type) {
    case MILTER_REPLY_CONTINUE:
        return go_on();
    case MILTER_REPLY_SKIP:
        milter->skips_body = milter->skips_body || event == MILTER_BODY;
        return go_on();
    case MILTER_REPLY_ACCEPT:
        milter->state = event <= MILTER_HELO ? MILTER_PASSES_SESSION : MILTER_PASSES_MESSAGE;
        return go_on();
    case MILTER_REPLY_DISCARD:
        return discard(milter, event);
    case MILTER_REPLY_REJECT:
        return refuse(milter, event, SLICE("550 5.7.1 Command rejected"));
    case MILTER_REPLY_TEMPFAIL:
        return refuse(milter, event, SLICE(TRY_LATER));
    case MILTER_REPLY_SHUTDOWN:
        return refuse(milter, event, SLICE("421 4.7.0 Server closing connection"));
    case MILTER_REPLY_CODE:
        return refuse_with_text(milters, milter, event, reply->name);
    default:
        milter_fail(milter, "unexpected filter response %s after event %s",
                    milter_reply_name(reply->type), milter_event_name(event));
        return milter->standing;
    }
}

struct milter_decision milter_hear(struct milters *milters, struct milter *milter,
                                   enum milter_event event)
{
    struct milter_reply reply;

    if (milter_skips_reply(&milter->agreement, event))
        return go_on();
    if (!milter_read(milter, event, &reply))
        return milter->standing;
    return milter_judge(milters, milter, event, &reply);
}

/* All filters of a session: the events, asked side by side or one after the other. */
#include "base/mem.h"
#include "co/co.h"
#include "milter/connect.h"
#include "milter/milter.h"

/* How long saying good-bye may keep us. */
#define GOODBYE_MS 1000

static const struct milter_decision go_on = {.verdict = MILTER_GO_ON, .reply = {"", 0}};

void milters_init(struct milters *milters, const struct milter_list *list,
                  const struct milter_macros *macros)
{
    *milters = (struct milters){
        .items = list->count ? mem_array(struct milter, list->count) : NULL,
        .count = list->count,
        .macros = macros,
        .connect_data = BUF_INIT,
        .helo_data = BUF_INIT,
    };
    for (size_t i = 0; i < list->count; i++)
        milters->items[i].config = &list->items[i];
}

/* A command without data, macros or answer; whether it arrived shows soon enough. */
static void say(struct milter *milter, char command)
{
    CLEANUP(buf_release) struct buf out = BUF_INIT;

    milter_packet_end(&out, milter_packet_begin(&out, command));
    stream_set_deadline(&milter->stream, deadline_in(GOODBYE_MS));
    if (stream_write_slice(&milter->stream, buf_slice(&out)) < 0 ||
        stream_flush(&milter->stream) < 0)
        milter_fail(milter, "error writing command: %s", stream_trouble(&milter->stream));
}

void milters_abort(struct milters *milters)
{
    for (size_t i = 0; i < milters->count; i++) {
        struct milter *milter = &milters->items[i];

        if (milter->state == MILTER_PASSES_MESSAGE)
            milter->state = MILTER_OPEN;
        if (milter->state == MILTER_OPEN && milter->in_message)
            say(milter, MILTER_COMMAND_ABORT);
        milter->in_message = false;
        milter->skips_body = false;
    }
}

void milters_release(struct milters *milters)
{
    for (size_t i = 0; i < milters->count; i++) {
        struct milter *milter = &milters->items[i];

        if (milter->state == MILTER_OPEN || milter->state == MILTER_PASSES_MESSAGE ||
            milter->state == MILTER_PASSES_SESSION)
            say(milter, MILTER_COMMAND_QUIT);
        stream_release(&milter->stream);
    }
    mem_free(milters->items);
    milters->items = NULL;
    milters->count = 0;
    if (milters->connect_data.data) {
        buf_release(&milters->connect_data);
        buf_release(&milters->helo_data);
    }
    arena_release(&milters->arena);
}

/* One filter after the other; what the first one that objects says is the answer. */
static struct milter_decision ask_in_turn(struct milters *milters, enum milter_event event,
                                          struct slice data)
{
    struct milter_decision decision = go_on;

    for (size_t i = 0; i < milters->count && decision.verdict == MILTER_GO_ON; i++) {
        struct milter *milter = &milters->items[i];

        if (!milter_is_asked(milter, event))
            decision = milter_unasked(milter);
        else if (milter_tell(milters, milter, event, data))
            decision = milter_hear(milters, milter, event);
        else
            decision = milter->standing;
    }
    return decision;
}

/*
 * Tell all of them, then hear all of them, in order. Only for events that a filter may as well
 * have seen when one in front of it objects: what follows is ABORT, or the end of the session.
 */
static struct milter_decision ask_side_by_side(struct milters *milters, enum milter_event event,
                                               struct slice data)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    bool *was_told = arena_array(&arena, bool, milters->count + 1);
    struct milter_decision decision = go_on;

    for (size_t i = 0; i < milters->count; i++) {
        struct milter *milter = &milters->items[i];

        was_told[i] =
            milter_is_asked(milter, event) && milter_tell(milters, milter, event, data);
    }
    for (size_t i = 0; i < milters->count; i++) {
        struct milter *milter = &milters->items[i];
        struct milter_decision its =
            was_told[i] ? milter_hear(milters, milter, event) : milter_unasked(milter);

        if (decision.verdict == MILTER_GO_ON)
            decision = its;
    }
    return decision;
}

/* "name\0", then family, port and address. */
static void describe_client(const struct milter_client *client, struct buf *data)
{
    const struct endpoint *endpoint = client->endpoint;
    char text[ENDPOINT_TEXT_BYTES + 8];
    uint16_t port;

    milter_add_string(data, client->name);
    switch (endpoint_family(endpoint)) {
    case AF_INET:
    case AF_INET6:
        port = endpoint_port(endpoint);
        buf_add_char(data, endpoint_family(endpoint) == AF_INET ? '4' : '6');
        buf_add_char(data, (char)(port >> 8));
        buf_add_char(data, (char)port);
        milter_add_string(data, slice_from(endpoint_literal(endpoint, text)));
        break;
    default:
        buf_add_char(data, 'U');
    }
}

struct opening {
    struct milter *milter;
    struct arena *arena;
};

static void open_one(void *arg)
{
    const struct opening *opening = arg;

    (void)milter_open(opening->milter, opening->arena);
}

/* It uses our memory, so it must have ended; when we are cancelled, so is it. */
static void await(struct co *opening)
{
    while (co_join(opening, DEADLINE_NONE) != WAKE_READY) {
        co_cancel(opening);
        co_yield();
    }
}

/* Connect to all that are closed, each in a coroutine of its own: slow ones wait together. */
static void open_all(struct milters *milters)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct opening *openings = arena_array(&arena, struct opening, milters->count + 1);
    struct co **running = arena_array(&arena, struct co *, milters->count + 1);

    for (size_t i = 0; i < milters->count; i++) {
        openings[i] = (struct opening){&milters->items[i], &milters->arena};
        if (milters->items[i].state != MILTER_CLOSED)
            continue;
        if (i + 1 < milters->count && co_self())
            running[i] = co_spawn("milter", open_one, &openings[i]);
        if (running[i])
            co_hold(running[i]);
        else
            open_one(&openings[i]);
    }
    for (size_t i = 0; i < milters->count; i++) {
        if (running[i])
            await(running[i]);
    }
}

struct milter_decision milters_connect(struct milters *milters,
                                       const struct milter_client *client)
{
    describe_client(client, &milters->connect_data);
    open_all(milters);
    return ask_side_by_side(milters, MILTER_CONNECT, buf_slice(&milters->connect_data));
}

/* A filter whose connection was lost with a message that was under way elsewhere. */
static void introduce_again(struct milters *milters)
{
    for (size_t i = 0; i < milters->count; i++) {
        struct milter *milter = &milters->items[i];

        if (milter->state != MILTER_CLOSED || !milter_open(milter, &milters->arena))
            continue;
        if (milter_is_asked(milter, MILTER_CONNECT) &&
            milter_tell(milters, milter, MILTER_CONNECT, buf_slice(&milters->connect_data)))
            (void)milter_hear(milters, milter, MILTER_CONNECT); /* a refusal stands */
        if (milters->has_helo && milter_is_asked(milter, MILTER_HELO) &&
            milter_tell(milters, milter, MILTER_HELO, buf_slice(&milters->helo_data)))
            (void)milter_hear(milters, milter, MILTER_HELO);
    }
}

struct milter_decision milters_helo(struct milters *milters, struct slice name)
{
    buf_reset(&milters->helo_data);
    milter_add_string(&milters->helo_data, name);
    milters->has_helo = true;
    return ask_side_by_side(milters, MILTER_HELO, buf_slice(&milters->helo_data));
}

static void join(const struct slice *words, size_t n_words, struct buf *data)
{
    for (size_t i = 0; i < n_words; i++)
        milter_add_string(data, words[i]);
}

struct milter_decision milters_mail(struct milters *milters, const struct slice *words,
                                    size_t n_words)
{
    CLEANUP(buf_release) struct buf data = BUF_INIT;

    introduce_again(milters);
    join(words, n_words, &data);
    for (size_t i = 0; i < milters->count; i++)
        milters->items[i].in_message = milters->items[i].state == MILTER_OPEN;
    return ask_side_by_side(milters, MILTER_MAIL, buf_slice(&data));
}

/* In turn: nothing takes a recipient back that only some of the filters have accepted. */
struct milter_decision milters_rcpt(struct milters *milters, const struct slice *words,
                                    size_t n_words)
{
    CLEANUP(buf_release) struct buf data = BUF_INIT;

    join(words, n_words, &data);
    return ask_in_turn(milters, MILTER_RCPT, buf_slice(&data));
}

void milters_rcpt_refused(struct milters *milters, const struct slice *words, size_t n_words)
{
    CLEANUP(buf_release) struct buf data = BUF_INIT;

    join(words, n_words, &data);
    for (size_t i = 0; i < milters->count; i++) {
        struct milter *milter = &milters->items[i];

        if (milter_is_asked(milter, MILTER_RCPT) &&
            (milter->agreement.steps & MILTER_STEP_RCPT_REJECTED) &&
            milter_tell(milters, milter, MILTER_RCPT, buf_slice(&data)))
            (void)milter_hear(milters, milter, MILTER_RCPT);
    }
}

struct milter_decision milters_data(struct milters *milters)
{
    return ask_side_by_side(milters, MILTER_DATA, SLICE_EMPTY);
}

struct milter_decision milters_unknown(struct milters *milters, struct slice line)
{
    CLEANUP(buf_release) struct buf data = BUF_INIT;

    milter_add_string(&data, line);
    return ask_in_turn(milters, MILTER_UNKNOWN, buf_slice(&data));
}

struct milter_decision milters_other(const struct milters *milters)
{
    for (size_t i = 0; i < milters->count; i++) {
        struct milter_decision decision = milter_unasked(&milters->items[i]);

        if (decision.verdict != MILTER_GO_ON)
            return decision;
    }
    return go_on;
}

/* The content of a message, and the changes that filters want. */
#include "milter/message.h"

#include "base/time.h"

/*
 * What one filter may order for one message: so many changes, and so much to keep in memory.
 * The new body is not kept there; the store bounds it.
 */
#define CHANGES_MAX       100000
#define CHANGES_MAX_BYTES ((size_t)16 << 20)

/* Neighbours in the list that see the same message, and what each has said so far. */
struct group {
    struct milters *milters;
    const struct milter_message *message;
    size_t first, end;
    struct milter_decision *decisions;
};

/* Header values differ in the space behind the colon, which not every filter wants. */
struct telling {
    struct slice with_space, without_space;
};

static struct slice wanted_form(const struct milter *milter, const struct telling *telling)
{
    return milter->agreement.steps & MILTER_STEP_LEADING_SPACE ? telling->with_space
                                                               : telling->without_space;
}

/* May what it says at the end make the message another one for those behind it? */
static bool may_change_content(const struct milter *milter)
{
    return milter->state == MILTER_OPEN &&
           (milter->agreement.actions &
            (MILTER_ADD_HEADERS | MILTER_CHANGE_HEADERS | MILTER_CHANGE_BODY));
}

static size_t group_end(const struct milters *milters, size_t first)
{
    size_t end = first + 1;

    while (end < milters->count && !may_change_content(&milters->items[end - 1]))
        end++;
    return end;
}

/*
 * Tell all of the group that still listen, then hear them. Whoever stands behind one that has
 * objected need not hear more.
 */
static void tell_group(struct group *group, enum milter_event event,
                       const struct telling *telling)
{
    struct milters *milters = group->milters;
    size_t end = group->first;

    for (; end < group->end && group->decisions[end].verdict == MILTER_GO_ON; end++) {
        struct milter *milter = &milters->items[end];

        if (milter_is_asked(milter, event) &&
            !milter_tell(milters, milter, event, wanted_form(milter, telling)))
            group->decisions[end] = milter->standing;
    }
    for (size_t i = group->first; i < end; i++) {
        if (milter_is_asked(&milters->items[i], event))
            group->decisions[i] = milter_hear(milters, &milters->items[i], event);
    }
}

/* Is there anybody left to tell of it? */
static bool group_wants(const struct group *group, enum milter_event event)
{
    for (size_t i = group->first; i < group->end; i++) {
        if (group->decisions[i].verdict != MILTER_GO_ON)
            return false;
        if (milter_is_asked(&group->milters->items[i], event))
            return true;
    }
    return false;
}

static void tell_headers(struct group *group)
{
    const struct milter_message *message = group->message;
    struct slice name, value;

    for (size_t i = 0; group_wants(group, MILTER_HEADER) &&
                       message->header(message->context, i, &name, &value);
         i++) {
        CLEANUP(buf_release) struct buf with_space = BUF_INIT;
        CLEANUP(buf_release) struct buf without_space = BUF_INIT;
        bool has_space = value.len && value.ptr[0] == ' ';

        milter_add_string(&with_space, name);
        milter_add_string(&with_space, value);
        milter_add_string(&without_space, name);
        milter_add_string(&without_space, slice_from_offset(value, has_space ? 1 : 0));
        tell_group(group, MILTER_HEADER,
                   &(struct telling){buf_slice(&with_space), buf_slice(&without_space)});
    }
}

/* -1: the store failed. */
static int tell_body(struct group *group)
{
    const struct milter_message *message = group->message;
    CLEANUP(buf_release) struct buf piece = BUF_INIT;
    int more = 1;

    message->rewind_body(message->context);
    while (group_wants(group, MILTER_BODY)) {
        buf_reset(&piece);
        more = message->body(message->context, &piece);
        if (more <= 0)
            break;
        tell_group(group, MILTER_BODY, &(struct telling){buf_slice(&piece), buf_slice(&piece)});
    }
    return more < 0 ? -1 : 0;
}

/* The permission that a change needs; 0: it is no change. */
static uint32_t needed_action(char type)
{
    switch (type) {
    case MILTER_REPLY_ADD_RECIPIENT:
        return MILTER_ADD_RECIPIENTS;
    case MILTER_REPLY_ADD_RECIPIENT_PAR:
        return MILTER_ADD_RECIPIENTS_PAR;
    case MILTER_REPLY_DELETE_RECIPIENT:
        return MILTER_DELETE_RECIPIENTS;
    case MILTER_REPLY_REPLACE_BODY:
        return MILTER_CHANGE_BODY;
    case MILTER_REPLY_ADD_HEADER:
        return MILTER_ADD_HEADERS;
    case MILTER_REPLY_INSERT_HEADER:
        return MILTER_ADD_HEADERS | MILTER_CHANGE_HEADERS;
    case MILTER_REPLY_CHANGE_HEADER:
        return MILTER_CHANGE_HEADERS;
    case MILTER_REPLY_CHANGE_SENDER:
        return MILTER_CHANGE_SENDER;
    case MILTER_REPLY_QUARANTINE:
        return MILTER_QUARANTINE;
    default:
        return 0;
    }
}

/* "value" as it stands behind the colon: filters that do not see the space do not send it. */
static struct slice header_value(const struct milter *milter, const struct milter_reply *reply,
                                 struct buf *value)
{
    if (!(milter->agreement.steps & MILTER_STEP_LEADING_SPACE))
        buf_add_char(value, ' ');
    buf_add_slice(value, reply->value);
    return buf_slice(value);
}

static void change_header(const struct milter *milter, const struct milter_message *message,
                          const struct milter_reply *reply)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    struct slice value = header_value(milter, reply, &text);

    switch (reply->type) {
    case MILTER_REPLY_ADD_HEADER:
        message->add_header(message->context, reply->name, value);
        break;
    case MILTER_REPLY_INSERT_HEADER:
        message->insert_header(message->context, reply->index, reply->name, value);
        break;
    default:
        message->change_header(message->context, reply->index ? reply->index : 1, reply->name,
                               reply->value.len ? value : SLICE_EMPTY);
    }
}

/* -1: the store failed. */
static int change(const struct milter *milter, const struct milter_message *message,
                  const struct milter_reply *reply)
{
    switch (reply->type) {
    case MILTER_REPLY_REPLACE_BODY:
        return message->replace_body(message->context, reply->name);
    case MILTER_REPLY_ADD_RECIPIENT:
    case MILTER_REPLY_ADD_RECIPIENT_PAR:
        message->add_recipient(message->context, reply->name, reply->value);
        return 0;
    case MILTER_REPLY_DELETE_RECIPIENT:
        message->delete_recipient(message->context, reply->name);
        return 0;
    case MILTER_REPLY_CHANGE_SENDER:
        message->change_sender(message->context, reply->name, reply->value);
        return 0;
    case MILTER_REPLY_QUARANTINE:
        message->quarantine(message->context, reply->name);
        return 0;
    default:
        change_header(milter, message, reply);
        return 0;
    }
}

struct tally {
    size_t n, n_bytes;
};

/* Count one more change; false: it is one too many. */
static bool is_within_limits(struct tally *tally, const struct milter_reply *reply)
{
    tally->n++;
    if (reply->type != MILTER_REPLY_REPLACE_BODY)
        tally->n_bytes += reply->name.len + reply->value.len;
    return tally->n <= CHANGES_MAX && tally->n_bytes <= CHANGES_MAX_BYTES;
}

/* After the end of the message: changes, then the verdict. -1: the store failed. */
static int hear_end(const struct group *group, struct milter *milter,
                    struct milter_decision *decision)
{
    const struct milter_message *message = group->message;
    struct milter_reply reply;
    struct tally tally = {0};
    bool has_new_body = false;
    int result = 0;

    while (milter_read(milter, MILTER_END_OF_BODY, &reply)) {
        uint32_t needed = needed_action(reply.type);
        bool is_change = needed && (milter->agreement.actions & needed);

        if (is_change && is_within_limits(&tally, &reply)) {
            has_new_body = has_new_body || reply.type == MILTER_REPLY_REPLACE_BODY;
            if (result == 0)
                result = change(milter, message, &reply);
            continue;
        }
        if (is_change)
            milter_fail(milter, "filter orders too many changes of one message");
        *decision = is_change
                        ? milter->standing
                        : milter_judge(group->milters, milter, MILTER_END_OF_BODY, &reply);
        milter->in_message = false; /* for the filter, too, the message has ended */
        if (has_new_body && milter->state != MILTER_SETTLED) /* else it may be half of one */
            message->body_is_replaced(message->context);
        return result;
    }
    *decision = milter->standing;
    return result;
}

/* The end of the message is told in turn. -1: the store failed. */
static int end_group(struct group *group, struct milter_decision *decision)
{
    struct milters *milters = group->milters;

    for (size_t i = group->first; i < group->end; i++) {
        struct milter *milter = &milters->items[i];

        *decision = group->decisions[i];
        if (decision->verdict == MILTER_GO_ON && !milter_is_asked(milter, MILTER_END_OF_BODY))
            *decision = milter_unasked(milter);
        else if (decision->verdict == MILTER_GO_ON &&
                 !milter_tell(milters, milter, MILTER_END_OF_BODY, SLICE_EMPTY))
            *decision = milter->standing;
        else if (decision->verdict == MILTER_GO_ON && hear_end(group, milter, decision) < 0)
            return -1;
        if (decision->verdict != MILTER_GO_ON)
            return 0;
    }
    return 0;
}

struct milter_decision milters_message(struct milters *milters,
                                       const struct milter_message *message)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct group group = {.milters = milters, .message = message};
    struct milter_decision decision = {.verdict = MILTER_GO_ON, .reply = SLICE_EMPTY};
    const struct telling nothing = {SLICE_EMPTY, SLICE_EMPTY};

    group.decisions = arena_array(&arena, struct milter_decision, milters->count + 1);
    while (group.first < milters->count && decision.verdict == MILTER_GO_ON) {
        group.end = group_end(milters, group.first);
        tell_headers(&group);
        tell_group(&group, MILTER_END_OF_HEADER, &nothing);
        if (tell_body(&group) < 0 || end_group(&group, &decision) < 0)
            break;
        group.first = group.end;
    }
    return decision;
}

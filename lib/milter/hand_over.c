/* Descriptions of filters, out and in. */
#include "milter/hand_over.h"

#include "base/bug.h"
#include "base/mem.h"

/* Unread bytes would be lost; they are nothing that was asked for. */
static bool is_in_step(struct milter *milter)
{
    stream_consume(&milter->stream, milter->packet_bytes);
    milter->packet_bytes = 0;
    if (stream_pending(&milter->stream) == 0)
        return true;
    milter_fail(milter, "unexpected data between events");
    return false;
}

static struct slice collect(struct milters *milters, const struct milter *milter,
                            enum milter_event event, struct arena *arena)
{
    CLEANUP(buf_release) struct buf macros = BUF_INIT;
    const struct milter_agreement *agreement = &milter->agreement;

    milter_macros_collect(milters->macros,
                          agreement->has_macros[event]
                              ? agreement->macros[event]
                              : slice_from(milters->macros->lists[event]),
                          &macros);
    return arena_slice(arena, buf_slice(&macros));
}

size_t milters_describe(struct milters *milters, struct arena *arena,
                        struct cleanup_milter *described, int *fds)
{
    size_t count = 0;

    for (size_t i = 0; i < milters->count; i++) {
        struct milter *milter = &milters->items[i];

        milter->is_handed_over = milter->state == MILTER_OPEN && is_in_step(milter);
        if (!milter->is_handed_over)
            continue;
        fds[count] = milter->stream.fd;
        described[count++] = (struct cleanup_milter){
            .name = slice_from(milter->config->name),
            .version = milter->agreement.version,
            .actions = milter->agreement.actions,
            .steps = milter->agreement.steps,
            .content_timeout = milter->config->content_timeout,
            .default_action = milter->config->default_action,
            .default_action_text = slice_from(milter->config->default_action_text),
            .header_macros = collect(milters, milter, MILTER_END_OF_HEADER, arena),
            .body_macros = collect(milters, milter, MILTER_END_OF_BODY, arena),
        };
    }
    return count;
}

void milters_take_back(struct milters *milters, struct slice returned)
{
    for (size_t i = 0; i < milters->count; i++) {
        struct milter *milter = &milters->items[i];
        char state = returned.len ? returned.ptr[0] : '\0';

        if (!milter->is_handed_over)
            continue;
        milter->is_handed_over = false;
        milter->in_message = false;
        returned = slice_from_offset(returned, 1);
        if (state == MILTER_RETURNED_READY)
            continue;
        if (state == MILTER_RETURNED_BROKEN) {
            milter_settle(milter); /* the other side has logged why */
            continue;
        }
        stream_release(&milter->stream);
        milter->state = MILTER_CLOSED;
    }
}

void milters_receive(struct milters *milters, const struct cleanup_milter *described,
                     const int *fds, size_t count)
{
    static const struct milter_macros none; /* never asked: they have come with the filter */
    struct milter_config *configs;

    bug_if(count > MILTERS_MAX);
    milters_init(milters, &(struct milter_list){0}, &none);
    configs = arena_array(&milters->arena, struct milter_config, count + 1);
    milters->items = mem_array(struct milter, count + 1);
    milters->count = count;
    for (size_t i = 0; i < count; i++) {
        const struct cleanup_milter *from = &described[i];
        struct milter *milter = &milters->items[i];

        configs[i] = (struct milter_config){
            .name = arena_text(&milters->arena, from->name),
            .content_timeout = from->content_timeout,
            .default_action = (enum milter_default)from->default_action,
            .default_action_text = arena_text(&milters->arena, from->default_action_text),
        };
        milter->config = &configs[i];
        milter->agreement.version = (uint32_t)from->version;
        milter->agreement.actions = (uint32_t)from->actions;
        milter->agreement.steps = (uint32_t)from->steps;
        milter->ready_macros[0] = from->header_macros;
        milter->ready_macros[1] = from->body_macros;
        milter->is_handed_over = true;
        milter->in_message = true;
        milter->state = MILTER_OPEN;
        stream_init(&milter->stream, fds[i]);
    }
}

void milters_return(struct milters *milters, struct buf *returned)
{
    milters_abort(milters);
    for (size_t i = 0; i < milters->count; i++) {
        struct milter *milter = &milters->items[i];
        bool is_ready = milter->state == MILTER_OPEN && is_in_step(milter);

        buf_add_char(returned, is_ready ? MILTER_RETURNED_READY : MILTER_RETURNED_BROKEN);
        stream_release(&milter->stream);
        milter->state = MILTER_CLOSED; /* no good-bye from here */
    }
    milters_release(milters);
}

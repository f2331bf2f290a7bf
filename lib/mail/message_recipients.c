/* Reading the recipients of a queue file. */
#include "base/mem.h"
#include "mail/message_walk.h"
#include "mail/record.h"

static void recipient_list_add(struct recipient_list *list, const struct recipient *recipient)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? list->capacity * 2 : 16;
        list->items = mem_resize(list->items, list->capacity, sizeof(*list->items));
    }
    list->items[list->count++] = *recipient;
}

void recipient_list_release(struct recipient_list *list)
{
    mem_free(list->items);
    *list = (struct recipient_list){0};
}

/* Note what the record says about the recipient that comes next. */
static void read_recipient_detail(struct recipient *next, const struct record *record,
                                  struct arena *arena)
{
    struct slice value = record->data;

    if (record->type == RECORD_ATTRIBUTE) {
        slice_split(&value, '=');
        value = slice_trim(value);
    }
    if (record->type == RECORD_ORIGINAL_RECIPIENT)
        next->original = arena_slice(arena, value);
    else if (record->type == RECORD_DSN_NOTIFY || record_is_attribute(record, "notify_flags="))
        next->notify = slice_small_number(value);
    else
        next->dsn_original = arena_slice(arena, value);
}

/* Add the recipient of the record, which `next` describes, unless it was taken back. */
static void keep_recipient(struct recipient_list *list, struct recipient *next,
                           const struct record *record, struct arena *arena)
{
    if (record->type == RECORD_CANCELLED)
        return;
    next->address = arena_slice(arena, record->data);
    next->offset = record->offset;
    next->done = record->type == RECORD_DONE;
    recipient_list_add(list, next);
}

#define RECIPIENT_NONE   \
    ((struct recipient){ \
        .address = SLICE_EMPTY, .original = SLICE_EMPTY, .dsn_original = SLICE_EMPTY})

int message_read_recipients(struct message *message, struct arena *arena, size_t max,
                            struct recipient_list *list, struct error *error)
{
    CLEANUP(message_walk_release) struct message_walk walk = {0};
    struct recipient next = RECIPIENT_NONE;
    const size_t before = list->count;
    off_t group = 0;
    struct record record;
    int result;

    if (message->next_recipient == 0)
        return 0;
    message_walk_init(&walk, message, message->next_recipient);
    while ((result = message_walk_next(&walk, &record, error)) > 0) {
        if (record_is_recipient_detail(&record)) {
            group = group ? group : record.offset;
            if (list->count - before < max)
                read_recipient_detail(&next, &record, arena);
            continue;
        }
        if (!record_is_recipient(&record))
            continue;
        if (list->count - before == max) {
            message->next_recipient = group ? group : record.offset;
            return 0;
        }
        keep_recipient(list, &next, &record, arena);
        if (record.offset == message->last_recipient) {
            result = 0;
            break;
        }
        next = RECIPIENT_NONE;
        group = 0;
    }
    if (result == 0)
        message->next_recipient = 0;
    return result;
}

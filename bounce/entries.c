/*
 * Walking over the entries of status logs.
 */
#include "entries.h"

#include <errno.h>

#include "base/buf.h"
#include "base/mem.h"

/* The recipients read from the queue file at a time. */
#define PIECE 100

/* The offsets of the recipients that the log accounts for, in the order of the log. */
struct offsets {
    off_t *items;
    size_t count, capacity;
};

struct walk {
    const struct entries *entries;
    entry_fn *each;
    void *arg;
    int count;
    struct offsets seen;
};

static void walk_release(struct walk *walk)
{
    mem_free(walk->seen.items);
}

static void offsets_add(struct offsets *offsets, off_t offset)
{
    if (offsets->count == offsets->capacity) {
        offsets->capacity = offsets->capacity ? offsets->capacity * 2 : 64;
        offsets->items = mem_resize(offsets->items, offsets->capacity, sizeof(off_t));
    }
    offsets->items[offsets->count++] = offset;
}

static int compare_offsets(const void *a, const void *b)
{
    off_t x = *(const off_t *)a, y = *(const off_t *)b;

    return x < y ? -1 : x > y;
}

static bool is_wanted(const struct entries *entries, const struct recipient *recipient)
{
    if (entries->for_postmaster)
        return true;
    if (recipient->notify == 0) /* nothing said: the sender hears of it */
        return true;
    if (entries->wanted == 0)
        return recipient->notify != NOTIFY_NEVER;
    return recipient->notify & entries->wanted;
}

static void offer(struct walk *walk, const struct status_entry *entry)
{
    if (!is_wanted(walk->entries, &entry->recipient))
        return;
    walk->count++;
    if (walk->each)
        walk->each(walk->arg, entry);
}

static int walk_log(struct walk *walk, struct error *error)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct status_log_reader *reader = status_log_open(walk->entries->path);
    struct status_entry entry;
    int result;

    if (!reader) {
        if (errno == ENOENT)
            return 0;
        return error_set(error, ERROR_TEMPORARY, "open %s: %m", walk->entries->path);
    }
    while ((result = status_log_next(reader, &arena, &walk->entries->defaults, &entry, error)) >
           0) {
        if (walk->entries->complete_from)
            offsets_add(&walk->seen, entry.recipient.offset);
        offer(walk, &entry);
        arena_reset(&arena);
    }
    status_log_close(reader);
    return result;
}

static void offer_unaccounted(struct walk *walk, const struct recipient *recipient)
{
    struct status_entry entry = {.recipient = *recipient};

    if (recipient->done)
        return;
    if (walk->seen.count > 0 && bsearch(&recipient->offset, walk->seen.items, walk->seen.count,
                                        sizeof(off_t), compare_offsets))
        return;
    entry.dsn.action = walk->entries->defaults.action;
    if (!dsn_status_parse(slice_from(walk->entries->defaults.status), entry.dsn.status, NULL))
        return;
    offer(walk, &entry);
}

static int walk_unaccounted(struct walk *walk, struct error *error)
{
    struct message message = *walk->entries->complete_from; /* a reading position of its own */
    int result = 0;

    if (walk->seen.count > 0)
        qsort(walk->seen.items, walk->seen.count, sizeof(off_t), compare_offsets);
    while (result == 0 && message.next_recipient != 0) {
        CLEANUP(arena_release) struct arena arena = ARENA_INIT;
        struct recipient_list list = {0};

        result = message_read_recipients(&message, &arena, PIECE, &list, error);
        for (size_t i = 0; result == 0 && i < list.count; i++)
            offer_unaccounted(walk, &list.items[i]);
        recipient_list_release(&list);
    }
    return result;
}

int entries_walk(const struct entries *entries, entry_fn *each, void *arg, struct error *error)
{
    CLEANUP(walk_release)
    struct walk walk = {.entries = entries, .each = each, .arg = arg};

    if (entries->only) {
        offer(&walk, entries->only);
        return walk.count;
    }
    if (walk_log(&walk, error) < 0)
        return -1;
    if (entries->complete_from && walk_unaccounted(&walk, error) < 0)
        return -1;
    return walk.count;
}

/*
 * A merge sort. Entries gather in memory; when that is full, they are sorted and written to
 * the file as one run. In the end all runs are read side by side, the one in memory included.
 * A run that starts behind the end of the one before only makes that one longer, so input that
 * is in order already is never compared twice.
 */
#include "base/sorter.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/bug.h"
#include "base/fd.h"
#include "base/mem.h"

/* What is read of each run at a time, if all of them together do not need too much. */
#define WINDOW_BYTES     ((size_t)64 << 10)
#define WINDOW_MIN_BYTES ((size_t)4 << 10)
#define WINDOWS_BYTES    ((size_t)8 << 20)

/* In front of the key, a NUL, the value and a NUL. */
struct head {
    uint32_t key_len, value_len;
    int number;
};

/* Where an entry in memory starts. */
struct place {
    uint64_t prefix; /* of the key, so that few comparisons need to look at it */
    size_t offset;
};

struct run {
    size_t ordinal;
    off_t next, end;   /* what is left of it in the file */
    struct buf window; /* what was read of it */
    size_t at;         /* the current entry in the window, its bytes there included: */
    size_t len;
    uint64_t prefix;
    struct sorter_entry entry;
};

struct sorter {
    char *path;
    size_t memory_bytes;
    enum sorter_ties ties;
    /* The run in memory. */
    struct buf texts;
    struct place *places;
    size_t n_places, capacity, next_place;
    bool is_sorted;
    /* Those in the file. */
    int fd;
    off_t size;
    struct buf last_key; /* of the newest run */
    struct run *runs;
    size_t n_runs, runs_capacity;
    /* Those that have entries left, as a heap, the smallest entry on top. NULL: still adding */
    struct run **heap;
    size_t n_heap;
};

struct sorter *sorter_new(const char *path, size_t memory_bytes, enum sorter_ties ties)
{
    struct sorter *sorter = mem_new(struct sorter);

    *sorter = (struct sorter){
        .path = mem_dup_text(path),
        .memory_bytes = memory_bytes,
        .ties = ties,
        .texts = BUF_INIT,
        .last_key = BUF_INIT,
        .is_sorted = true,
        .fd = -1,
    };
    return sorter;
}

void sorter_free(struct sorter *sorter)
{
    if (!sorter)
        return;
    for (size_t i = 0; i < sorter->n_runs; i++)
        buf_release(&sorter->runs[i].window);
    fd_close(&sorter->fd);
    buf_release(&sorter->texts);
    buf_release(&sorter->last_key);
    mem_free(sorter->path);
    mem_free(sorter->places);
    mem_free(sorter->runs);
    mem_free(sorter->heap);
    mem_free(sorter);
}

/* -- entries in memory ------------------------------------------------------------------------
 */

static uint64_t key_prefix(struct slice key)
{
    unsigned char bytes[8] = {0};
    uint64_t prefix = 0;

    memcpy(bytes, key.ptr, key.len < sizeof(bytes) ? key.len : sizeof(bytes));
    for (size_t i = 0; i < sizeof(bytes); i++)
        prefix = prefix << 8 | bytes[i];
    return prefix;
}

static struct sorter_entry entry_at(const char *text)
{
    struct head head;

    memcpy(&head, text, sizeof(head));
    text += sizeof(head);
    return (struct sorter_entry){
        .key = slice_of(text, head.key_len),
        .value = slice_of(text + head.key_len + 1, head.value_len),
        .number = head.number,
    };
}

static size_t entry_bytes(const char *text)
{
    struct head head;

    memcpy(&head, text, sizeof(head));
    return sizeof(head) + head.key_len + 1 + head.value_len + 1;
}

static int compare_keys(uint64_t left_prefix, struct slice left, uint64_t right_prefix,
                        struct slice right)
{
    if (left_prefix != right_prefix)
        return left_prefix < right_prefix ? -1 : 1;
    return slice_compare(left, right);
}

static int compare_ordinals(size_t left, size_t right, enum sorter_ties ties)
{
    int order = left < right ? -1 : left > right;

    return ties == SORTER_NEWEST_FIRST ? -order : order;
}

static int compare_places(const void *left, const void *right, void *arg)
{
    const struct place *a = left, *b = right;
    const struct sorter *sorter = arg;
    int order = compare_keys(a->prefix, entry_at(sorter->texts.data + a->offset).key, b->prefix,
                             entry_at(sorter->texts.data + b->offset).key);

    return order ? order : compare_ordinals(a->offset, b->offset, sorter->ties);
}

static void sort_memory(struct sorter *sorter)
{
    if (!sorter->is_sorted)
        qsort_r(sorter->places, sorter->n_places, sizeof(*sorter->places), compare_places,
                sorter);
    sorter->is_sorted = true;
}

static void add_to_memory(struct sorter *sorter, const struct sorter_entry *entry)
{
    struct head head = {(uint32_t)entry->key.len, (uint32_t)entry->value.len, entry->number};
    size_t offset = sorter->texts.len;

    if (sorter->n_places == sorter->capacity) {
        sorter->capacity = sorter->capacity ? sorter->capacity * 2 : 1024;
        sorter->places = mem_resize(sorter->places, sorter->capacity, sizeof(*sorter->places));
    }
    buf_add(&sorter->texts, &head, sizeof(head));
    buf_add(&sorter->texts, entry->key.ptr, entry->key.len);
    buf_add_char(&sorter->texts, '\0');
    buf_add(&sorter->texts, entry->value.ptr, entry->value.len);
    buf_add_char(&sorter->texts, '\0');
    sorter->places[sorter->n_places] = (struct place){key_prefix(entry->key), offset};
    if (sorter->is_sorted && sorter->n_places > 0)
        sorter->is_sorted = compare_places(&sorter->places[sorter->n_places - 1],
                                           &sorter->places[sorter->n_places], sorter) < 0;
    sorter->n_places++;
}

/* -- runs in the file -------------------------------------------------------------------------
 */

static int open_file(struct sorter *sorter, struct error *error)
{
    CLEANUP(buf_release) struct buf name = BUF_INIT;
    CLEANUP(mem_free_text) char *copy = mem_dup_text(sorter->path);
    const char *directory = dirname(copy);

    sorter->fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (sorter->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) {
        /* A file system that knows no files without a name. */
        buf_printf(&name, "%s/.sort.XXXXXX", directory);
        sorter->fd = mkostemp(name.data, O_CLOEXEC);
        if (sorter->fd >= 0 && unlink(name.data) < 0)
            return error_set(error, ERROR_TEMPORARY, "remove %s: %m", name.data);
    }
    if (sorter->fd < 0)
        return error_set(error, ERROR_TEMPORARY, "create a temporary file in %s: %m",
                         directory);
    return 0;
}

static int write_texts(struct sorter *sorter, struct buf *texts, struct error *error)
{
    if (fd_write_all(sorter->fd, texts->data, texts->len) < 0)
        return error_set(error, ERROR_TEMPORARY, "write a temporary file beside %s: %m",
                         sorter->path);
    sorter->size += (off_t)texts->len;
    buf_reset(texts);
    return 0;
}

/* A new run at the end of the file, or the newest one that goes on. */
static struct run *run_for(struct sorter *sorter, struct slice first_key)
{
    struct run *run;

    if (sorter->n_runs > 0 && slice_compare(buf_slice(&sorter->last_key), first_key) < 0)
        return &sorter->runs[sorter->n_runs - 1];
    if (sorter->n_runs == sorter->runs_capacity) {
        sorter->runs_capacity = sorter->runs_capacity ? sorter->runs_capacity * 2 : 16;
        sorter->runs = mem_resize(sorter->runs, sorter->runs_capacity, sizeof(*sorter->runs));
    }
    run = &sorter->runs[sorter->n_runs];
    *run = (struct run){.ordinal = sorter->n_runs++, .next = sorter->size, .window = BUF_INIT};
    return run;
}

/* Make room: what is in memory goes to the file. */
static int write_run(struct sorter *sorter, struct error *error)
{
    CLEANUP(buf_release) struct buf out = BUF_INIT;
    struct run *run;

    if (sorter->fd < 0 && open_file(sorter, error) < 0)
        return -1;
    sort_memory(sorter);
    run = run_for(sorter, entry_at(sorter->texts.data + sorter->places[0].offset).key);
    for (size_t i = 0; i < sorter->n_places; i++) {
        const char *text = sorter->texts.data + sorter->places[i].offset;

        buf_add(&out, text, entry_bytes(text));
        if (out.len >= WINDOW_BYTES && write_texts(sorter, &out, error) < 0)
            return -1;
        if (i + 1 == sorter->n_places)
            buf_set(&sorter->last_key, entry_at(text).key);
    }
    if (write_texts(sorter, &out, error) < 0)
        return -1;
    run->end = sorter->size;
    buf_reset(&sorter->texts);
    sorter->n_places = 0;
    return 0;
}

int sorter_add(struct sorter *sorter, const struct sorter_entry *entry, struct error *error)
{
    size_t bytes = sizeof(struct head) + entry->key.len + 1 + entry->value.len + 1;

    bug_if(sorter->heap || entry->key.len >= UINT32_MAX || entry->value.len >= UINT32_MAX);
    if (sorter->n_places > 0 && sorter->texts.len + bytes > sorter->memory_bytes &&
        write_run(sorter, error) < 0)
        return -1;
    add_to_memory(sorter, entry);
    return 0;
}

/* -- reading them side by side ----------------------------------------------------------------
 */

/* Have so many bytes of the entry in the window. */
static int fill_window(struct sorter *sorter, struct run *run, size_t bytes,
                       struct error *error)
{
    size_t want = WINDOWS_BYTES / (sorter->n_runs + 1);

    if (run->window.len - run->at >= bytes)
        return 0;
    buf_remove_front(&run->window, run->at);
    run->at = 0;
    if (want > WINDOW_BYTES)
        want = WINDOW_BYTES;
    if (want < WINDOW_MIN_BYTES)
        want = WINDOW_MIN_BYTES;
    if (want < bytes)
        want = bytes;
    want -= run->window.len;
    if (want > (size_t)(run->end - run->next))
        want = (size_t)(run->end - run->next);
    while (want > 0) {
        ssize_t n = pread(sorter->fd, buf_reserve(&run->window, want), want, run->next);

        if (n <= 0)
            return error_set(error, ERROR_TEMPORARY, "read a temporary file beside %s: %s",
                             sorter->path, n < 0 ? strerror(errno) : "it is too short");
        run->window.len += (size_t)n;
        run->next += n;
        want -= (size_t)n;
    }
    return 0;
}

/* Step to the next entry of a run in the file. 1, 0 at its end, -1. */
static int run_step(struct sorter *sorter, struct run *run, struct error *error)
{
    run->at += run->len;
    run->len = 0;
    if (run->at == run->window.len && run->next == run->end)
        return 0;
    if (fill_window(sorter, run, sizeof(struct head), error) < 0 ||
        fill_window(sorter, run, entry_bytes(run->window.data + run->at), error) < 0)
        return -1;
    run->len = entry_bytes(run->window.data + run->at);
    run->entry = entry_at(run->window.data + run->at);
    run->prefix = key_prefix(run->entry.key);
    return 1;
}

/* The same of the run in memory. */
static int memory_step(struct sorter *sorter, struct run *run)
{
    if (sorter->next_place == sorter->n_places)
        return 0;
    const struct place *place = &sorter->places[sorter->next_place++];
    run->entry = entry_at(sorter->texts.data + place->offset);
    run->prefix = place->prefix;
    return 1;
}

static int step(struct sorter *sorter, struct run *run, struct error *error)
{
    return run->ordinal + 1 == sorter->n_runs ? memory_step(sorter, run)
                                              : run_step(sorter, run, error);
}

static bool is_before(const struct sorter *sorter, const struct run *left,
                      const struct run *right)
{
    int order = compare_keys(left->prefix, left->entry.key, right->prefix, right->entry.key);

    return (order ? order : compare_ordinals(left->ordinal, right->ordinal, sorter->ties)) < 0;
}

/* Let the run at that place sink to where it belongs. */
static void sink(struct sorter *sorter, size_t place)
{
    struct run *run = sorter->heap[place];

    for (;;) {
        size_t child = place * 2 + 1;

        if (child + 1 < sorter->n_heap &&
            is_before(sorter, sorter->heap[child + 1], sorter->heap[child]))
            child++;
        if (child >= sorter->n_heap || !is_before(sorter, sorter->heap[child], run))
            break;
        sorter->heap[place] = sorter->heap[child];
        place = child;
    }
    sorter->heap[place] = run;
}

static int start_reading(struct sorter *sorter, struct error *error)
{
    sort_memory(sorter);
    buf_reset(&sorter->last_key);
    /* The one in memory is the newest, and the last. Nothing is behind the empty key. */
    (void)run_for(sorter, SLICE_EMPTY);
    sorter->heap = mem_array(struct run *, sorter->n_runs);
    for (size_t i = 0; i < sorter->n_runs; i++) {
        int result = step(sorter, &sorter->runs[i], error);

        if (result < 0)
            return -1;
        if (result > 0)
            sorter->heap[sorter->n_heap++] = &sorter->runs[i];
    }
    for (size_t i = sorter->n_heap / 2; i-- > 0;)
        sink(sorter, i);
    return 0;
}

int sorter_next(struct sorter *sorter, struct sorter_entry *entry, struct error *error)
{
    if (!sorter->heap) {
        if (start_reading(sorter, error) < 0)
            return -1;
    } else if (sorter->n_heap > 0) {
        int result = step(sorter, sorter->heap[0], error);

        if (result < 0)
            return -1;
        if (result == 0)
            sorter->heap[0] = sorter->heap[--sorter->n_heap];
        if (sorter->n_heap > 0)
            sink(sorter, 0);
    }
    if (sorter->n_heap == 0)
        return 0;
    *entry = sorter->heap[0]->entry;
    return 1;
}

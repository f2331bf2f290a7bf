/* Reading the per-message status logs back. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "mail/address.h"
#include "mail/status_log.h"

#define CHUNK_BYTES  16384
#define LINE_MAX_LEN 65536 /* what is longer is cut there; we never write such */

struct status_log_reader {
    int fd;
    struct buf buffer;
    size_t used; /* of the buffer */
    bool at_end;
};

struct status_log_reader *status_log_open(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    return fd < 0 ? NULL : status_log_open_fd(fd);
}

struct status_log_reader *status_log_open_fd(int fd)
{
    struct status_log_reader *reader = mem_new(struct status_log_reader);

    reader->fd = fd;
    buf_init(&reader->buffer);
    return reader;
}

void status_log_close(struct status_log_reader *reader)
{
    if (!reader)
        return;
    fd_close(&reader->fd);
    buf_release(&reader->buffer);
    mem_free(reader);
}

static int fill(struct status_log_reader *reader, struct error *error)
{
    ssize_t n;

    buf_remove_front(&reader->buffer, reader->used);
    reader->used = 0;
    buf_reserve(&reader->buffer, CHUNK_BYTES);
    n = fd_read_full(reader->fd, reader->buffer.data + reader->buffer.len, CHUNK_BYTES);
    if (n < 0)
        return error_set(error, ERROR_TEMPORARY, "read status log: %m");
    reader->buffer.len += (size_t)n;
    reader->buffer.data[reader->buffer.len] = '\0';
    reader->at_end = n == 0;
    return 0;
}

/* 1: a line, without its end, valid until the next call; 0: the end; -1: error. */
static int next_line(struct status_log_reader *reader, struct slice *line, struct error *error)
{
    for (;;) {
        struct slice rest = slice_from_offset(buf_slice(&reader->buffer), reader->used);
        size_t len = slice_find(rest, '\n');

        if (len < rest.len || len >= LINE_MAX_LEN || (reader->at_end && len > 0)) {
            *line = slice_sub(rest, 0, len < LINE_MAX_LEN ? len : LINE_MAX_LEN);
            reader->used += line->len + (line->len < rest.len && line->len == len);
            return 1;
        }
        if (reader->at_end)
            return 0;
        if (fill(reader, error) < 0)
            return -1;
    }
}

/* "<address>: reason", the whole of an entry in old logs. */
static bool read_old_style(struct status_entry *entry, struct arena *arena, struct slice line)
{
    size_t end = slice_find_text(line, SLICE(">: "));

    if (line.len == 0 || line.ptr[0] != '<' || end == line.len)
        return false;
    entry->recipient.address = address_unquoted(arena, slice_sub(line, 1, end - 1));
    if (end + 3 < line.len)
        entry->dsn.reason = arena_slice(arena, slice_from_offset(line, end + 3));
    return true;
}

static struct slice read_address(struct arena *arena, struct slice value)
{
    return slice_equals(value, "<>") ? SLICE_EMPTY : address_unquoted(arena, value);
}

static void read_recipient_field(struct recipient *recipient, struct arena *arena,
                                 struct slice name, struct slice value)
{
    int64_t number = 0;

    if (slice_equals(name, "original_recipient")) {
        recipient->original = read_address(arena, value);
    } else if (slice_equals(name, "dsn_orig_rcpt")) {
        recipient->dsn_original = arena_slice(arena, value);
    } else if (slice_equals(name, "notify_flags")) {
        if (slice_to_int(value, 0, INT32_MAX, &number))
            recipient->notify = (int)number;
    } else if (slice_equals(name, "offset")) {
        if (slice_to_int(value, 0, INT64_MAX, &number))
            recipient->offset = (off_t)number;
    }
}

static void read_dsn_field(struct dsn *dsn, struct arena *arena, struct slice name,
                           struct slice value)
{
    if (slice_equals(name, "status"))
        dsn_status_parse(value, dsn->status, NULL);
    else if (slice_equals(name, "action"))
        dsn->action = arena_text(arena, value);
    else if (slice_equals(name, "diag_type"))
        dsn->diagnostic_type = arena_text(arena, value);
    else if (slice_equals(name, "diag_text"))
        dsn->diagnostic = arena_slice(arena, value);
    else if (slice_equals(name, "mta_type"))
        dsn->mta_type = arena_text(arena, value);
    else if (slice_equals(name, "mta_mname"))
        dsn->mta = arena_slice(arena, value);
    else if (slice_equals(name, "reason"))
        dsn->reason = arena_slice(arena, value);
}

/* Take what a line says into the entry; true when it names the recipient. */
static bool read_line(struct status_entry *entry, struct arena *arena, struct slice line)
{
    struct slice value = line;
    struct slice name;

    if (read_old_style(entry, arena, line))
        return true;
    name = slice_split(&value, '=');
    if (slice_equals(name, "recipient")) {
        entry->recipient.address = read_address(arena, value);
        return true;
    }
    read_recipient_field(&entry->recipient, arena, name, value);
    read_dsn_field(&entry->dsn, arena, name, value);
    return false;
}

int status_log_next(struct status_log_reader *reader, struct arena *arena,
                    const struct status_defaults *defaults, struct status_entry *entry,
                    struct error *error)
{
    struct status_entry found = {0};
    bool has_recipient = false;
    struct slice line;
    int result;

    found.recipient.address = found.recipient.original = found.recipient.dsn_original =
        SLICE_EMPTY;
    found.dsn.reason = found.dsn.diagnostic = found.dsn.mta = SLICE_EMPTY;
    found.dsn.action = defaults->action;
    dsn_status_parse(slice_from(defaults->status), found.dsn.status, NULL);
    while ((result = next_line(reader, &line, error)) > 0) {
        if (line.len > 0)
            has_recipient |= read_line(&found, arena, line);
        else if (has_recipient)
            break;
    }
    if (result < 0)
        return -1;
    if (has_recipient)
        *entry = found;
    return has_recipient;
}

/* Reading records through a buffer, over pointer records. */
#include "mail/record_reader.h"

#include <errno.h>
#include <unistd.h>

#include "mail/record.h"

void record_reader_init(struct record_reader *reader, int fd, off_t offset, size_t chunk_bytes)
{
    *reader = (struct record_reader){
        .fd = fd,
        .buffer = BUF_INIT,
        .buffer_start = offset,
        .position = offset,
        .chunk_bytes = chunk_bytes,
    };
}

void record_reader_release(struct record_reader *reader)
{
    buf_release(&reader->buffer);
}

void record_reader_seek(struct record_reader *reader, off_t offset)
{
    reader->position = offset;
}

/* What of the file from the position on is in the buffer. */
static struct slice buffered(const struct record_reader *reader)
{
    off_t skip = reader->position - reader->buffer_start;

    if (skip < 0 || skip >= (off_t)reader->buffer.len)
        return SLICE_EMPTY;
    return slice_from_offset(buf_slice(&reader->buffer), (size_t)skip);
}

/*
 * Drop what lies before the position and read a further chunk. 1: more bytes are there; 0: the
 * end of the file.
 */
static int fill(struct record_reader *reader, struct error *error)
{
    size_t kept = buffered(reader).len;
    ssize_t n;

    if (kept == 0)
        buf_reset(&reader->buffer);
    else
        buf_remove_front(&reader->buffer, reader->buffer.len - kept);
    reader->buffer_start = reader->position;
    buf_reserve(&reader->buffer, reader->chunk_bytes);
    do {
        n = pread(reader->fd, reader->buffer.data + kept, reader->chunk_bytes,
                  reader->position + (off_t)kept);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return error_set(error, ERROR_TEMPORARY, "read queue file at offset %jd: %m",
                         (intmax_t)reader->position);
    reader->buffer.len = kept + (size_t)n;
    reader->buffer.data[reader->buffer.len] = '\0';
    return n > 0;
}

/* Decode the record at the position, whatever its type. */
static int read_record(struct record_reader *reader, struct record *record, struct error *error)
{
    for (;;) {
        struct slice bytes = buffered(reader);
        ssize_t taken = bytes.len > 0 ? record_decode(bytes, &record->type, &record->data) : 0;
        int filled;

        if (taken > 0) {
            record->offset = reader->position;
            reader->position += taken;
            return 1;
        }
        if (taken < 0 || bytes.len > RECORD_BYTES_MAX)
            return error_set(error, ERROR_PERMANENT, "malformed record at offset %jd",
                             (intmax_t)reader->position);
        filled = fill(reader, error);
        if (filled < 0)
            return -1;
        if (filled == 0 && bytes.len == 0)
            return 0;
        if (filled == 0)
            return error_set(error, ERROR_PERMANENT,
                             "file ends within the record at offset %jd",
                             (intmax_t)reader->position);
    }
}

int record_reader_follow(struct record_reader *reader, const struct record *record,
                         struct error *error)
{
    int64_t target;

    if (!slice_to_int(slice_trim(record->data), 0, INT64_MAX, &target))
        return error_set(error, ERROR_PERMANENT, "bad pointer record at offset %jd",
                         (intmax_t)record->offset);
    if (target == 0) /* a slot not in use */
        return 0;
    if (target <= record->offset && ++reader->backward_jumps > RECORD_BACKWARD_JUMPS_MAX)
        return error_set(error, ERROR_PERMANENT, "pointer records loop at offset %jd",
                         (intmax_t)record->offset);
    reader->position = (off_t)target;
    return 0;
}

int record_reader_next(struct record_reader *reader, struct record *record, struct error *error)
{
    for (;;) {
        int result = read_record(reader, record, error);

        if (result <= 0 || record->type != RECORD_POINTER ||
            reader->pointers == RECORD_POINTERS_SHOW)
            return result;
        if (record_reader_follow(reader, record, error) < 0)
            return -1;
    }
}

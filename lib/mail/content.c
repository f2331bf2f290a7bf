/* Reading the content of a queue file line by line: the hot path of delivery. */
#include "mail/message.h"
#include "mail/record.h"

#define CONTENT_CHUNK_BYTES 65536

void content_open(struct content_reader *reader, const struct message *message)
{
    record_reader_init(&reader->records, message->fd, (off_t)message->envelope.content_offset,
                       CONTENT_CHUNK_BYTES);
    reader->line = BUF_INIT;
    reader->line_was_read = false;
}

void content_close(struct content_reader *reader)
{
    record_reader_release(&reader->records);
    buf_release(&reader->line);
}

/* Hand out what was joined. */
static int joined_line(struct content_reader *reader, struct slice *line)
{
    reader->line_was_read = true;
    *line = buf_slice(&reader->line);
    return 1;
}

/* At the X record. It stays the next one, so that further calls see the end as well. */
static int content_end(struct content_reader *reader, const struct record *record,
                       struct slice *line)
{
    record_reader_seek(&reader->records, record->offset);
    return reader->line.len > 0 ? joined_line(reader, line) : 0;
}

int content_next_line(struct content_reader *reader, struct slice *line, bool *continues,
                      struct error *error)
{
    struct record record;
    int result;

    if (reader->line_was_read) {
        buf_reset(&reader->line);
        reader->line_was_read = false;
    }
    *continues = false;
    while ((result = record_reader_next(&reader->records, &record, error)) > 0) {
        switch (record.type) {
        case RECORD_LINE:
            if (reader->line.len == 0) {
                *line = record.data;
                return 1;
            }
            buf_add_slice(&reader->line, record.data);
            return joined_line(reader, line);
        case RECORD_PART:
            buf_add_slice(&reader->line, record.data);
            *continues = reader->line.len >= CONTENT_LINE_MAX;
            if (*continues)
                return joined_line(reader, line);
            break;
        case RECORD_PADDING:
            break;
        case RECORD_EXTRACTED:
            return content_end(reader, &record, line);
        default:
            return error_set(error, ERROR_PERMANENT,
                             "unexpected record in the content at offset %jd",
                             (intmax_t)record.offset);
        }
    }
    return result < 0 ? -1 : error_set(error, ERROR_PERMANENT, "file ends within the content");
}

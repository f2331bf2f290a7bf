#include "net/netstring.h"

#include "base/time.h"

const char *netstring_trouble(enum netstring_result result)
{
    switch (result) {
    case NETSTRING_LOST:
        return "lost connection";
    case NETSTRING_TIMEOUT:
        return "read/write timeout";
    case NETSTRING_SIZE:
        return "netstring length exceeds storage limit";
    case NETSTRING_OK:
    case NETSTRING_FORMAT:
    default:
        return "netstring format error";
    }
}

static enum netstring_result fill(const struct netstring_reader *reader,
                                  struct slice *available)
{
    stream_set_deadline(reader->stream, deadline_in(reader->timeout_ms));
    if (stream_fill(reader->stream, available) == 0)
        return NETSTRING_OK;
    return reader->stream->state == STREAM_TIMEOUT ? NETSTRING_TIMEOUT : NETSTRING_LOST;
}

static void consume(struct netstring_reader *reader, size_t count)
{
    stream_consume(reader->stream, count);
    reader->n_read += (int64_t)count;
}

static enum netstring_result next_byte(struct netstring_reader *reader, char *byte)
{
    struct slice available;
    enum netstring_result result = fill(reader, &available);

    if (result != NETSTRING_OK)
        return result;
    *byte = available.ptr[0];
    consume(reader, 1);
    return NETSTRING_OK;
}

enum netstring_result netstring_read_length(struct netstring_reader *reader, int64_t limit,
                                            int64_t *length)
{
    enum netstring_result result;
    int64_t value = 0;
    char byte;

    while ((result = next_byte(reader, &byte)) == NETSTRING_OK && byte != ':') {
        if (byte < '0' || byte > '9')
            return NETSTRING_FORMAT;
        if (value > (INT64_MAX - 9) / 10)
            return NETSTRING_SIZE;
        value = value * 10 + (byte - '0');
        if (value > limit)
            return NETSTRING_SIZE;
    }
    if (result == NETSTRING_OK)
        *length = value;
    return result;
}

enum netstring_result netstring_read_data(struct netstring_reader *reader, int64_t length,
                                          struct buf *data)
{
    while (length > 0) {
        struct slice available;
        enum netstring_result result = fill(reader, &available);

        if (result != NETSTRING_OK)
            return result;
        if ((int64_t)available.len > length)
            available.len = (size_t)length;
        buf_add_slice(data, available);
        length -= (int64_t)available.len;
        consume(reader, available.len);
    }
    return NETSTRING_OK;
}

enum netstring_result netstring_read_end(struct netstring_reader *reader)
{
    char byte;
    enum netstring_result result = next_byte(reader, &byte);

    if (result == NETSTRING_OK && byte != ',')
        return NETSTRING_FORMAT;
    return result;
}

enum netstring_result netstring_read(struct netstring_reader *reader, int64_t limit,
                                     struct buf *data)
{
    int64_t length;
    enum netstring_result result = netstring_read_length(reader, limit, &length);

    buf_reset(data);
    if (result == NETSTRING_OK)
        result = netstring_read_data(reader, length, data);
    if (result == NETSTRING_OK)
        result = netstring_read_end(reader);
    return result;
}

#include "request.h"

#include <string.h>

#define VERP_MARK "-@[]"

void request_release(struct request *request)
{
    buf_release(&request->message);
}

static enum netstring_result read_message(struct request *request,
                                          struct netstring_reader *reader)
{
    int64_t length;
    enum netstring_result result;

    request->where = "receiving message content";
    result = netstring_read_length(reader, request->message_limit, &length);
    if (result == NETSTRING_OK)
        result = netstring_read_data(reader, length, &request->message);
    if (result != NETSTRING_OK)
        return result;
    /* Postfix: when nothing follows the content, that is an error of format, too. */
    return netstring_read_end(reader) == NETSTRING_OK ? NETSTRING_OK : NETSTRING_FORMAT;
}

/* What no address can hold must not break our records either; the mail bounces, as it should.
 */
static void clean(struct buf *address)
{
    buf_truncate(address, strlen(address->data));
    for (size_t i = 0; i < address->len; i++) {
        if ((unsigned char)address->data[i] < ' ' || address->data[i] == 0x7f)
            address->data[i] = '?';
    }
}

static enum netstring_result read_address(struct request *request,
                                          struct netstring_reader *reader, struct buf *address)
{
    enum netstring_result result = netstring_read(reader, request->address_limit, address);

    if (result == NETSTRING_OK)
        clean(address);
    return result;
}

enum netstring_result request_read(struct request *request, struct netstring_reader *reader,
                                   const struct request_sink *sink)
{
    CLEANUP(buf_release) struct buf address = BUF_INIT;
    int64_t length, start;
    enum netstring_result result;

    request->where = "receiving QMQP packet header";
    result = netstring_read_length(reader, INT64_MAX, &length);
    start = reader->n_read;
    if (result == NETSTRING_OK)
        result = read_message(request, reader);
    if (result != NETSTRING_OK)
        return result;
    request->where = "receiving sender address";
    result = read_address(request, reader, &address);
    if (result != NETSTRING_OK)
        return result;
    sink->sender(sink->arg, buf_slice(&address));
    request->where = "receiving recipient address";
    while (reader->n_read - start < length) {
        result = read_address(request, reader, &address);
        if (result != NETSTRING_OK)
            return result;
        sink->recipient(sink->arg, buf_slice(&address));
    }
    return netstring_read_end(reader);
}

bool request_asks_for_verp(struct slice *sender, struct buf *rewritten, char delimiters[3])
{
    struct slice rest = *sender;
    size_t at;

    if (!slice_ends_with(rest, VERP_MARK))
        return false;
    rest.len -= strlen(VERP_MARK);
    at = slice_find(rest, '@');
    if (at == rest.len || at < 2 || at + 1 == rest.len)
        return false;
    delimiters[0] = rest.ptr[at - 1];
    delimiters[1] = '=';
    delimiters[2] = '\0';
    buf_reset(rewritten);
    buf_add(rewritten, rest.ptr, at - 1);
    buf_add_slice(rewritten, slice_from_offset(rest, at));
    *sender = buf_slice(rewritten);
    return true;
}

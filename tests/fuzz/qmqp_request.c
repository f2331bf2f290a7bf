/*
 * What a QMQP client sends: never more is kept than the limits allow, and the addresses are
 * such that a record can hold them.
 */
// links: qmqpd/request
#include <fcntl.h>
#include <string.h>

#include "../../qmqpd/request.h"
#include "base/bug.h"
#include "base/time.h"

#define MESSAGE_LIMIT 1000
#define ADDRESS_LIMIT 100

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static ssize_t read_input(struct stream *stream, void *data, size_t len, unsigned *wait_for)
{
    struct slice *rest = stream->layer_data;
    size_t count = rest->len < len ? rest->len : len;

    *wait_for = 0;
    memcpy(data, rest->ptr, count);
    *rest = slice_from_offset(*rest, count);
    return (ssize_t)count;
}

static const struct stream_layer input_layer = {.read = read_input};

static void check_address(void *arg, struct slice address)
{
    struct slice sender = address;
    struct buf *rewritten = arg;
    char delimiters[3];

    bug_if(address.len > ADDRESS_LIMIT);
    for (size_t i = 0; i < address.len; i++)
        bug_if((unsigned char)address.ptr[i] < ' ');
    if (request_asks_for_verp(&sender, rewritten, delimiters))
        bug_if(sender.len + strlen("-@[]") + 1 != address.len);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    CLEANUP(buf_release) struct buf rewritten = BUF_INIT;
    CLEANUP(stream_release) struct stream stream = {.fd = -1};
    struct slice rest = slice_of(data, size);
    struct netstring_reader reader = {&stream, SECONDS(10), 0};
    struct request_sink sink = {check_address, check_address, &rewritten};
    struct request request = {
        .message = BUF_INIT, .message_limit = MESSAGE_LIMIT, .address_limit = ADDRESS_LIMIT};
    enum netstring_result result;

    stream_init_nonblocking(&stream, open("/dev/null", O_RDONLY | O_CLOEXEC));
    stream_set_layer(&stream, &input_layer, &rest);
    result = request_read(&request, &reader, &sink);
    bug_if(request.message.len > MESSAGE_LIMIT);
    bug_if(reader.n_read > (int64_t)size);
    bug_if(result == NETSTRING_TIMEOUT);
    request_release(&request);
    return 0;
}

/* Bytes that another process sends as messages: frames and bodies (ipc/message.h). */
#include <stdint.h>

#include "base/bug.h"
#include "ipc/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was decoded encodes to the same bytes again. */
static void decode_and_encode(enum message_number number, struct slice body, struct slice frame)
{
    CLEANUP(buf_release) struct buf again = BUF_INIT;

    union {
        struct delivery_request largest;
        char bytes[4096];
    } message;

    if (message_decode(number, body, &message, NULL) < 0)
        return;
    message_encode(&again, number, &message);
    bug_if(!slice_same(buf_slice(&again), frame));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest = slice_of(data, size);
    enum message_number number;
    struct slice body;
    ssize_t bytes;

    while ((bytes = message_frame(rest, &number, &body)) > 0) {
        decode_and_encode(number, body, slice_sub(rest, 0, (size_t)bytes));
        rest = slice_from_offset(rest, (size_t)bytes);
    }
    return 0;
}

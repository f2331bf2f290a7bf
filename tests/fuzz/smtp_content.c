/*
 * Message content: however it is cut into buffers, the same records come out, no record is
 * longer than the limit, and nothing is made up.
 *
 * links: smtpd/content
 */
#include <stdint.h>

#include "../../smtpd/content.h"
#include "base/bug.h"
#include "mail/record.h"

#define LINE_LIMIT 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void collect(void *arg, char type, struct slice data)
{
    bug_if(type != RECORD_LINE && type != RECORD_PART);
    bug_if(data.len > LINE_LIMIT || memchr(data.ptr, '\n', data.len));
    record_append(arg, type, data);
}

/* Returns the bytes taken. */
static size_t run(struct slice input, size_t step, unsigned mode, struct buf *records)
{
    CLEANUP(content_release) struct content content;
    enum content_result result = CONTENT_MORE;
    size_t total = 0, used;

    content_init(&content, collect, records, LINE_LIMIT, mode & 4 ? 64 : 0);
    content.is_dotted = mode & 1;
    content.standard_end = mode & 2;
    while (input.len && result == CONTENT_MORE) {
        struct slice part = slice_sub(input, 0, step);

        result = content_feed(&content, part, &used);
        bug_if(used > part.len || (result == CONTENT_MORE && used != part.len));
        input = slice_from_offset(input, used);
        total += used;
    }
    if (result == CONTENT_MORE)
        content_finish(&content);
    else
        bug_if(!content.is_dotted);
    return total;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(buf_release) struct buf whole = BUF_INIT;
    CLEANUP(buf_release) struct buf pieces = BUF_INIT;
    struct slice input = slice_from_offset(slice_of(data, size), 2);
    unsigned mode;
    size_t step;

    if (size < 2)
        return 0;
    mode = data[0];
    step = (size_t)data[1] % 64 + 1;
    bug_if(run(input, input.len + 1, mode, &whole) != run(input, step, mode, &pieces));
    bug_if(whole.len != pieces.len || memcmp(whole.data, pieces.data, whole.len) != 0);
    return 0;
}

#include "records.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/log.h"
#include "mail/record.h"

#define READ_BYTES 65536

/* What users may say (queue format, section 4); the last one ends the segment. */
static const char *const allowed[] = {
    [SEGMENT_ENVELOPE] = "CFSRAVinM", [SEGMENT_CONTENT] = "LNX", [SEGMENT_EXTRACTED] = "ARE"};

void records_release(struct records *records)
{
    buf_release(&records->input);
}

/* False: the input ends here. */
static bool read_more(struct records *records)
{
    ssize_t n;

    buf_remove_front(&records->input, records->consumed);
    records->consumed = 0;
    char *to = buf_reserve(&records->input, READ_BYTES);

    do {
        n = read(records->fd, to, READ_BYTES);
    } while (n < 0 && errno == EINTR);
    if (n <= 0)
        return false;
    records->input.len += (size_t)n;
    records->input.data[records->input.len] = '\0';
    return true;
}

/* What the start of a record that is not all there says of its length; -1: not yet known. */
static int64_t announced_length(struct slice from)
{
    int64_t len = 0;

    for (size_t i = 1; i < from.len && i <= 4; i++) {
        len |= (int64_t)(from.ptr[i] & 0x7f) << (7 * (i - 1));
        if (!(from.ptr[i] & 0x80))
            return len;
    }
    return -1;
}

static enum records_result decode_next(struct records *records, char *type, struct slice *data)
{
    for (;;) {
        struct slice from = slice_from_offset(buf_slice(&records->input), records->consumed);
        int64_t announced = announced_length(from);
        int type_number = from.len ? from.ptr[0] : 0; /* reading more moves the input */
        ssize_t bytes = from.len ? record_decode(from, type, data) : 0;

        if (announced > (int64_t)records->length_limit) {
            log_warning("stdin: illegal length %ld, record type %d", (long)announced,
                        type_number);
            return RECORDS_MALFORMED;
        }
        if (bytes < 0)
            return RECORDS_MALFORMED;
        if (bytes > 0) {
            records->consumed += (size_t)bytes;
            return RECORDS_FOUND;
        }
        if (!read_more(records)) {
            if (from.len == 0)
                return RECORDS_ENDED;
            log_warning("stdin: unexpected EOF in data, record type %d length %ld", type_number,
                        (long)announced);
            return RECORDS_MALFORMED;
        }
    }
}

enum records_result records_next(struct records *records, char *type, struct slice *data)
{
    bug_if(records->segment == SEGMENT_END);
    const char *types = allowed[records->segment];
    enum records_result result = decode_next(records, type, data);

    if (result != RECORDS_FOUND)
        return result;
    if (*type == '\0' || !strchr(types, *type))
        return RECORDS_UNEXPECTED;
    if (types[strlen(types) - 1] == *type)
        records->segment++;
    return RECORDS_FOUND;
}

bool records_data_is_clean(enum segment segment, struct slice data)
{
    return segment == SEGMENT_CONTENT ||
           (slice_find(data, '\0') == data.len && slice_find_any(data, "\r\n") == data.len);
}

bool records_attribute_is_allowed(struct slice attribute, bool *has_value)
{
    static const char *const free_text[] = {"envelope_id", "ret_flags", "notify_flags",
                                            "dsn_orig_rcpt", "rewrite_context"};

    static const struct {
        const char *name, *value;
    } pairs[] = {
        {"encoding", "7bit"},   {"encoding", "8bit"},    {"trace_flags", "256"},
        {"trace_flags", "512"}, {"trace_flags", "1024"},
    };

    size_t equals = slice_find(attribute, '=');
    struct slice name = slice_trim(slice_sub(attribute, 0, equals));
    struct slice value = slice_trim(slice_from_offset(attribute, equals + 1));

    *has_value = equals < attribute.len;
    for (size_t i = 0; *has_value && i < ARRAY_SIZE(free_text); i++) {
        if (slice_equals(name, free_text[i]))
            return true;
    }
    for (size_t i = 0; *has_value && i < ARRAY_SIZE(pairs); i++) {
        if (slice_equals(name, pairs[i].name) && slice_equals(value, pairs[i].value))
            return true;
    }
    return false;
}

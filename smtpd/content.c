/*
 * Content: whole buffers are searched for line ends by memchr, and lines go to the sink where
 * they lie; nothing is done byte by byte.
 */
#include "content.h"

#include "mail/record.h"

void content_init(struct content *content, content_sink *sink, void *arg, size_t line_limit,
                  int64_t size_limit)
{
    *content = (struct content){
        .sink = sink,
        .arg = arg,
        .line_limit = line_limit,
        .size_limit = size_limit,
        .partial = BUF_INIT,
    };
}

void content_release(struct content *content)
{
    buf_release(&content->partial);
}

static void emit(struct content *content, char type, struct slice data)
{
    content->size_bytes += (int64_t)data.len + (type == RECORD_LINE ? 2 : 0);
    if (content->size_limit > 0 && content->size_bytes > content->size_limit)
        content->is_too_big = true;
    if (!content->is_too_big)
        content->sink(content->arg, type, data);
}

/*
 * Mailbox separators must not be taken for headers, and a message that starts with a blank has
 * no header at all: as Postfix does. Only the first record counts: of a longer line no more
 * need have come yet.
 */
static void begin(struct content *content, struct slice line)
{
    struct slice record = slice_sub(line, 0, content->line_limit);
    struct slice unquoted = slice_from_offset(record, slice_skip_any(record, ">"));

    if (slice_starts_with(unquoted, "From ")) {
        emit(content, RECORD_PART, SLICE("X-Mailbox-Line: "));
        return;
    }
    content->has_begun = true;
    if (line.len && (line.ptr[0] == ' ' || line.ptr[0] == '\t'))
        emit(content, RECORD_LINE, SLICE_EMPTY);
}

static struct slice undotted(const struct content *content, struct slice line)
{
    if (content->is_dotted && line.len && line.ptr[0] == '.')
        return slice_from_offset(line, 1);
    return line;
}

/* Hand over the parts of a long line that are sure not to hold its end. */
static struct slice emit_parts(struct content *content, struct slice line, size_t keep)
{
    while (line.len > content->line_limit + keep) {
        if (!content->is_inside_line) {
            line = undotted(content, line);
            if (!content->has_begun)
                begin(content, line);
            content->is_inside_line = true;
        }
        emit(content, RECORD_PART, slice_sub(line, 0, content->line_limit));
        line = slice_from_offset(line, content->line_limit);
    }
    return line;
}

static void emit_line(struct content *content, struct slice line)
{
    line = emit_parts(content, line, 0);
    if (!content->is_inside_line) {
        line = undotted(content, line);
        if (!content->has_begun)
            begin(content, line);
    }
    content->is_inside_line = false;
    emit(content, RECORD_LINE, line);
}

/*
 * All CRs in front of a line's LF go, as in Postfix; but for those in a full record that was
 * written before. One at its end has waited for what follows.
 */
static size_t trailing_crs(const struct content *content, struct slice line)
{
    size_t written = line.len ? (line.len - 1) / content->line_limit * content->line_limit : 0;
    size_t n = 0;

    while (line.len - n > written && line.ptr[line.len - n - 1] == '\r')
        n++;
    return n;
}

/* One line, without its LF. */
static enum content_result take_line(struct content *content, struct slice line)
{
    /* As if it had come byte by byte: what is sure to be a record by then is one. */
    line = emit_parts(content, line, 1);
    bool is_first = !content->is_inside_line;
    size_t n_crs = trailing_crs(content, line);
    bool after_bare_lf = content->after_bare_lf;

    content->saw_bare_lf |= n_crs == 0;
    content->after_bare_lf = n_crs == 0;
    line.len -= n_crs;
    if (content->is_dotted && is_first && line.len == 1 && line.ptr[0] == '.') {
        /* RFC 5321 section 2.3.8. Another "." line is a trick (SMTP smuggling), or sloppy:
         * it neither ends the message nor stays in it, as in Postfix. */
        if (!content->standard_end || (n_crs == 1 && !after_bare_lf))
            return CONTENT_END;
        return CONTENT_MORE;
    }
    emit_line(content, line);
    return CONTENT_MORE;
}

/* The line started in an earlier buffer: complete it. */
static enum content_result take_joined(struct content *content, struct slice end)
{
    enum content_result result;

    buf_add_slice(&content->partial, end);
    result = take_line(content, buf_slice(&content->partial));
    buf_reset(&content->partial);
    return result;
}

/* Keep what has no line end yet, but never more than a record: a line may be endless. */
static void keep_partial(struct content *content, struct slice rest)
{
    buf_add_slice(&content->partial, rest);
    /* One byte more is kept, so that a CR and its LF are seen together. */
    if (content->partial.len > content->line_limit + 1) {
        struct slice all = buf_slice(&content->partial);
        struct slice left = emit_parts(content, all, 1);

        buf_remove_front(&content->partial, all.len - left.len);
    }
}

enum content_result content_feed(struct content *content, struct slice input, size_t *used)
{
    const char *at = input.ptr;
    const char *end = input.ptr + input.len;
    enum content_result result = CONTENT_MORE;

    while (at < end && result == CONTENT_MORE) {
        const char *lf = memchr(at, '\n', (size_t)(end - at));
        struct slice line = {at, (size_t)((lf ? lf : end) - at)};

        if (!lf)
            keep_partial(content, line);
        else if (content->partial.len)
            result = take_joined(content, line);
        else
            result = take_line(content, line);
        at = lf ? lf + 1 : end;
    }
    *used = (size_t)(at - input.ptr);
    return result;
}

void content_finish(struct content *content)
{
    if (content->partial.len == 0 && !content->is_inside_line)
        return;
    emit_line(content, buf_slice(&content->partial));
    buf_reset(&content->partial);
}

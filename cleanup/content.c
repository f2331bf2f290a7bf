/* Reading the content. */
#include "content.h"

#include "base/log.h"
#include "checks.h"
#include "conf/params.h"
#include "headers.h"
#include "mail/header.h"

static void end_header(struct transaction *transaction)
{
    struct content *content = &transaction->content;

    if (content->header.len)
        header_take(transaction, &content->header);
    buf_reset(&content->header);
    content->header_is_cut = false;
}

/* Add to the header that is being collected, up to header_size_limit; the excess is lost. */
static void collect(struct content *content, const char *separator, struct slice text)
{
    size_t limit = (size_t)params.header_size_limit;

    if (content->header_is_cut)
        return;
    buf_add_text(&content->header, separator);
    if (content->header.len + text.len > limit) {
        content->header_is_cut = true;
        text.len = limit > content->header.len ? limit - content->header.len : 0;
    }
    buf_add_slice(&content->header, text);
}

static void end_headers(struct transaction *transaction)
{
    headers_end(transaction);
    transaction->content.part = PART_BODY;
}

static void body_line(struct transaction *transaction, char type, struct slice data)
{
    CLEANUP(buf_release) struct buf line = BUF_INIT;

    if (!(transaction->flags & CLEANUP_FILTER) ||
        maps_is_empty(tables.checks[CHECK_BODY].maps)) {
        put(transaction, type, data);
        return;
    }
    buf_set(&line, data);
    if (check_line(transaction, CHECK_BODY, &line) == CHECK_KEEP)
        put(transaction, type, buf_slice(&line));
}

/* A line where a header may begin, continue, or end the headers. */
static void header_line(struct transaction *transaction, char type, struct slice data)
{
    struct content *content = &transaction->content;

    if (content->line_continues && content->header.len) {
        collect(content, "", data);
        return;
    }
    if (content->header.len && header_is_continuation(data)) {
        collect(content, "\n", data);
        return;
    }
    end_header(transaction);
    if (header_name_length(data)) {
        collect(content, "", data);
        return;
    }
    end_headers(transaction);
    put(transaction, RECORD_LINE, SLICE_EMPTY);
    /* A line that is no header starts the body; the blank line before it was missing. */
    if (data.len)
        body_line(transaction, type, data);
}

static bool has_stray(struct slice data)
{
    return params.cleanup_replace_stray_cr_lf && data.len &&
           (memchr(data.ptr, '\r', data.len) || memchr(data.ptr, '\n', data.len));
}

static bool is_clean(struct slice data)
{
    return !byte_set_has_any(&tables.stripped_bytes, data) &&
           !byte_set_has_any(&tables.rejected_bytes, data) && !has_stray(data);
}

/* Without the bytes that may not be in a message. */
static void clean(struct transaction *transaction, struct slice data, struct buf *line)
{
    if ((transaction->flags & CLEANUP_FILTER) && byte_set_has_any(&tables.rejected_bytes, data))
        check_reject_characters(transaction, data);
    for (size_t i = 0; i < data.len; i++) {
        char c = data.ptr[i];

        if (params.cleanup_replace_stray_cr_lf && (c == '\r' || c == '\n'))
            c = ' '; /* what another server takes for a line end could smuggle a message */
        if (!tables.stripped_bytes.has[(unsigned char)c])
            buf_add_char(line, c);
    }
}

static void text_record(struct transaction *transaction, char type, struct slice data)
{
    struct content *content = &transaction->content;

    if (content->part == PART_HEADER)
        header_line(transaction, type, data);
    else
        body_line(transaction, type, data);
    content->line_continues = type == RECORD_PART;
}

void content_record(struct transaction *transaction, char type, struct slice data)
{
    CLEANUP(buf_release) struct buf line = BUF_INIT;

    if (type == RECORD_PADDING || type == RECORD_POINTER)
        return;
    if (type != RECORD_LINE && type != RECORD_PART) {
        log_warning("%s: unexpected record type %d in message content", transaction->file.id,
                    type);
        transaction_fail(transaction, CLEANUP_STATUS_BAD);
        return;
    }
    if (is_clean(data)) {
        text_record(transaction, type, data);
        return;
    }
    clean(transaction, data, &line);
    text_record(transaction, type, buf_slice(&line));
}

static bool passes_through(const struct transaction *transaction)
{
    return transaction->content.part == PART_BODY &&
           (!(transaction->flags & CLEANUP_FILTER) ||
            maps_is_empty(tables.checks[CHECK_BODY].maps));
}

size_t content_take_run(struct transaction *transaction, struct slice records)
{
    size_t run = 0;

    if (!passes_through(transaction))
        return 0;
    for (;;) {
        struct slice data;
        char type;
        ssize_t bytes = record_decode(slice_from_offset(records, run), &type, &data);

        if (bytes <= 0 || (type != RECORD_LINE && type != RECORD_PART) || !is_clean(data))
            break;
        run += (size_t)bytes;
    }
    if (run)
        put_run(transaction, slice_sub(records, 0, run));
    return run;
}

void content_end(struct transaction *transaction)
{
    if (transaction->content.part == PART_HEADER) {
        end_header(transaction);
        end_headers(transaction);
    }
    transaction->extracted_offset = queue_file_offset(&transaction->file);
}

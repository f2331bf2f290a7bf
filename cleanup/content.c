/* Reading the content. */
#include "content.h"

#include "base/log.h"
#include "checks.h"
#include "complete.h"
#include "conf/params.h"
#include "headers.h"

#define OPEN_HEADER "message header was not terminated by empty line"

/* The errors of structure for which a message is refused. */
static unsigned refused_errors(void)
{
    unsigned errors = 0;
    bool has_checks = false;

    if (params.disable_mime_input_processing)
        return 0;
    if (params.strict_8bitmime || params.strict_7bit_headers)
        errors |= MIME_ERROR_8BIT_IN_HEADER;
    if (params.strict_8bitmime || params.strict_8bitmime_body)
        errors |= MIME_ERROR_8BIT_IN_BODY;
    if (params.strict_mime_encoding_domain)
        errors |= MIME_ERROR_ENCODING_DOMAIN;
    for (size_t i = 0; i < N_CONTENT_CHECKS; i++)
        has_checks = has_checks || !maps_is_empty(tables.checks[i].maps);
    /* Who hides something deeper than we look would get it past the checks. */
    return errors || has_checks ? errors | MIME_ERROR_NESTING : 0;
}

void content_init(struct transaction *transaction)
{
    struct content *content = &transaction->content;
    const struct mime_options options = {
        .disabled = params.disable_mime_input_processing,
        .header_size_limit = (size_t)params.header_size_limit,
        .boundary_length_limit = (size_t)params.mime_boundary_length_limit,
        .nesting_limit = (size_t)params.mime_nesting_limit,
    };

    buf_init(&content->header);
    mime_init(&content->mime, &options);
    content->converts = params.force_mime_input_conversion && !options.disabled;
    if (content->converts)
        mime_7bit_init(&content->converter, &options);
    if (transaction->flags & CLEANUP_FILTER)
        content->mime_errors = refused_errors();
}

void content_release(struct content *content)
{
    buf_release(&content->header);
    mime_release(&content->mime);
    if (content->converts)
        mime_7bit_release(&content->converter);
}

/* A header of the message, or of a part inside, where only the checks look at it. */
static void header(struct transaction *transaction, const struct mime_item *item)
{
    struct buf *text = &transaction->content.header;
    enum check_kind kind =
        item->mime_class == MIME_NESTED ? CHECK_NESTED_HEADER : CHECK_MIME_HEADER;

    buf_set(text, item->text);
    if (transaction->content.part == PART_HEADER)
        header_take(transaction, text);
    else if (check_line(transaction, kind, text) == LINE_KEEP)
        header_put(transaction, buf_slice(text));
}

static bool is_checked(const struct transaction *transaction)
{
    return (transaction->flags & CLEANUP_FILTER) &&
           !maps_is_empty(tables.checks[CHECK_BODY].maps) &&
           (params.body_checks_size_limit == 0 ||
            transaction->content.part_offset < params.body_checks_size_limit);
}

static void body_line(struct transaction *transaction, const struct mime_item *item)
{
    CLEANUP(buf_release) struct buf line = BUF_INIT;
    char type = item->continues ? RECORD_PART : RECORD_LINE;
    bool checked = is_checked(transaction);

    transaction->content.part_offset += (int64_t)item->text.len + 1;
    if (!checked) {
        put(transaction, type, item->text);
        return;
    }
    buf_set(&line, item->text);
    if (check_line(transaction, CHECK_BODY, &line) == LINE_KEEP)
        put(transaction, type, buf_slice(&line));
}

static void look_for_errors(struct transaction *transaction, struct slice line)
{
    struct content *content = &transaction->content;
    unsigned errors = content->mime.errors & content->mime_errors;

    if (!errors)
        return;
    content->mime_errors &= ~errors; /* each kind is told once */
    content->mime_found |= errors;
    content->mime_refusal = mime_error_text(content->mime_found);
    if (errors & MIME_ERROR_ENCODING_DOMAIN) /* the value, as the log always had it */
        line = slice_trim(slice_from_offset(line, slice_find(line, ':') + 1));
    check_log_mime(transaction, mime_error_text(errors), line);
}

/* The empty line behind the header was not there. True: the message is refused for it, with the
 * line that stands in its place. */
static bool end_open_header(struct transaction *transaction)
{
    if (tables.open_header == OPEN_HEADER_MARK)
        header_put(transaction, SLICE("MIME-Error: " OPEN_HEADER));
    return tables.open_header == OPEN_HEADER_REJECT && (transaction->flags & CLEANUP_FILTER);
}

static void take_items(struct transaction *transaction)
{
    struct content *content = &transaction->content;
    bool is_refused = false;
    struct mime_item item;

    while (mime_next(&content->mime, &item)) {
        look_for_errors(transaction, item.text);
        if (is_refused)
            check_log_mime(transaction, content->mime_refusal = OPEN_HEADER, item.text);
        is_refused = item.kind == MIME_BODY && item.is_inserted && end_open_header(transaction);
        if (item.kind == MIME_HEADER) {
            header(transaction, &item);
        } else if (item.kind == MIME_BODY) {
            body_line(transaction, &item);
        } else {
            if (content->part == PART_HEADER)
                headers_complete(transaction);
            content->part = PART_BODY;
            content->part_offset = 0;
        }
    }
}

/* Not before all the rest has been looked at and logged: a graver error may come last. */
static void refuse_errors(struct transaction *transaction)
{
    const char *refusal = transaction->content.mime_refusal;

    if (refusal)
        transaction_fail_because(transaction, CLEANUP_STATUS_CONTENT, SLICE("5.6.0"),
                                 slice_from(refusal));
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

static void take_line(struct transaction *transaction, struct slice line, enum mime_line kind)
{
    mime_feed(&transaction->content.mime, line, kind);
    take_items(transaction);
}

/* Lines of the converter; the last may be a piece. */
static void take_converted(struct transaction *transaction, const struct buf *lines)
{
    struct slice rest = buf_slice(lines);

    while (rest.len > 0) {
        bool is_whole = slice_find(rest, '\n') < rest.len;
        struct slice line = slice_split(&rest, '\n');
        take_line(transaction, line, is_whole ? MIME_LINE_WHOLE : MIME_LINE_CONTINUES);
    }
}

static void convert(struct transaction *transaction, struct slice line, enum mime_line kind)
{
    CLEANUP(buf_release) struct buf lines = BUF_INIT;

    mime_7bit_feed(&transaction->content.converter, line, kind, &lines);
    take_converted(transaction, &lines);
}

static void text_record(struct transaction *transaction, char type, struct slice data)
{
    struct content *content = &transaction->content;

    if (content->passes_through) {
        put(transaction, type, data);
        return;
    }
    enum mime_line kind = type == RECORD_PART ? MIME_LINE_CONTINUES : MIME_LINE_WHOLE;
    if (content->converts)
        convert(transaction, data, kind);
    else
        take_line(transaction, data, kind);
}

void content_record(struct transaction *transaction, char type, struct slice data)
{
    CLEANUP(buf_release) struct buf line = BUF_INIT;

    if (type == RECORD_PADDING || type == RECORD_POINTER || !transaction_is_wanted(transaction))
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

static bool is_looked_at(const struct transaction *transaction)
{
    const struct content *content = &transaction->content;

    if (content->converts)
        return true;
    if (!(transaction->flags & CLEANUP_FILTER))
        return false;
    if (!maps_is_empty(tables.checks[CHECK_BODY].maps) ||
        (content->mime_errors & ~(unsigned)MIME_ERROR_NESTING))
        return true;
    /* Headers of parts there are only inside of parts. */
    return content->mime_errors &&
           (content->mime.n_boundaries || content->mime.state != MIME_IN_BODY);
}

/* Decides once and for all, at a place where the header that comes next has not begun. */
static bool passes_through(struct transaction *transaction)
{
    struct content *content = &transaction->content;

    if (!content->passes_through && content->part == PART_BODY &&
        content->mime.header.len == 0 && !content->mime.line_continues)
        content->passes_through = !is_looked_at(transaction);
    return content->passes_through;
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
    if (transaction->content.converts) {
        CLEANUP(buf_release) struct buf lines = BUF_INIT;

        mime_7bit_end(&transaction->content.converter, &lines);
        take_converted(transaction, &lines);
    }
    if (!transaction->content.passes_through) {
        mime_end(&transaction->content.mime);
        take_items(transaction);
    }
    refuse_errors(transaction);
    transaction->extracted_offset = queue_file_offset(&transaction->file);
}

/* Headers and body. */
#include "edit.h"

#include "base/log.h"
#include "base/mem.h"
#include "checks.h"
#include "conf/params.h"
#include "mail/header.h"

#define POINTER_FORMAT "%15ld"

off_t edit_slot(struct transaction *transaction)
{
    off_t offset = queue_file_offset(&transaction->file);

    put_printf(transaction, RECORD_POINTER, POINTER_FORMAT, 0L);
    return offset;
}

off_t edit_block(const struct transaction *transaction)
{
    return queue_file_offset(&transaction->file);
}

int edit_put(struct transaction *transaction, char type, struct slice data)
{
    struct error error;

    if (queue_file_put(&transaction->file, type, data, NULL, &error) == 0)
        return 0;
    transaction_write_failed(transaction, &error);
    return -1;
}

static int put_pointer(struct transaction *transaction, off_t target)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;

    buf_printf(&text, POINTER_FORMAT, (long)target);
    return edit_put(transaction, RECORD_POINTER, buf_slice(&text));
}

void edit_link(struct transaction *transaction, off_t slot, off_t block, off_t back)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    struct error error;

    if (put_pointer(transaction, back) < 0)
        return;
    buf_printf(&text, POINTER_FORMAT, (long)block);
    if (queue_file_patch(&transaction->file, slot + (off_t)record_header_bytes(text.len),
                         buf_slice(&text), &error) < 0)
        transaction_write_failed(transaction, &error);
}

/* A line of any length, in records of at most line_length_limit. */
static int put_line(struct transaction *transaction, struct slice line)
{
    size_t limit = (size_t)params.line_length_limit;

    for (; line.len > limit; line = slice_from_offset(line, limit)) {
        if (edit_put(transaction, RECORD_PART, slice_sub(line, 0, limit)) < 0)
            return -1;
    }
    return edit_put(transaction, RECORD_LINE, line);
}

/* -- the header ------------------------------------------------------------------------------
 */

static void insert(struct edit *edit, size_t at, struct slice text)
{
    if (edit->n_headers == edit->capacity) {
        edit->capacity = edit->capacity ? 2 * edit->capacity : 64;
        edit->headers = mem_resize(edit->headers, edit->capacity, sizeof(*edit->headers));
    }
    memmove(&edit->headers[at + 1], &edit->headers[at],
            (edit->n_headers - at) * sizeof(*edit->headers));
    edit->headers[at].text = text;
    edit->n_headers++;
    if (edit->hidden >= at)
        edit->hidden++;
}

static void delete (struct edit *edit, size_t at)
{
    edit->n_headers--;
    memmove(&edit->headers[at], &edit->headers[at + 1],
            (edit->n_headers - at) * sizeof(*edit->headers));
    if (edit->hidden > at)
        edit->hidden--;
}

static struct slice name_of(struct slice text)
{
    return slice_sub(text, 0, header_name_length(text));
}

/* A header that has been read is complete. */
static void take_header(struct edit *edit, struct buf *text)
{
    if (text->len == 0)
        return;
    /* Ours stands in front of those that were there before. */
    if (edit->hidden == edit->n_headers &&
        slice_equals_nocase(name_of(buf_slice(text)), "Received")) {
        insert(edit, edit->n_headers, arena_slice(&edit->arena, buf_slice(text)));
        edit->hidden = edit->n_headers - 1;
    } else {
        bool has_hidden = edit->hidden < edit->n_headers;

        insert(edit, edit->n_headers, arena_slice(&edit->arena, buf_slice(text)));
        if (!has_hidden)
            edit->hidden = edit->n_headers;
    }
    buf_reset(text);
}

/* Reads records up to the one that is no header; its offset becomes edit->separator. */
static int read_header(struct edit *edit, struct error *error)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    bool continues = false;
    struct record record;
    int found;

    while ((found = record_reader_next(&edit->reader, &record, error)) > 0) {
        bool is_text = record.type == RECORD_LINE || record.type == RECORD_PART;

        edit->separator = record.offset;
        if (!is_text && record.type != RECORD_PADDING)
            break;
        if (!is_text)
            continue;
        if (!continues && text.len && header_is_continuation(record.data))
            buf_add_char(&text, '\n');
        else if (!continues) {
            take_header(edit, &text);
            if (header_name_length(record.data) == 0)
                break;
        }
        buf_add_slice(&text, record.data);
        continues = record.type == RECORD_PART;
    }
    take_header(edit, &text);
    edit->body_start = edit->separator;
    if (found > 0 && record.type == RECORD_LINE && record.data.len == 0)
        edit->body_start += (off_t)record_header_bytes(0);
    return found < 0 ? -1 : 0;
}

int edit_begin(struct edit *edit, struct transaction *transaction)
{
    struct error error;

    *edit = (struct edit){
        .transaction = transaction,
        .carry = BUF_INIT,
        .line = BUF_INIT,
        .body_end = transaction->extracted_offset,
        .separator = transaction->extracted_offset,
    };
    edit->last_recipient = &edit->recipients;
    record_reader_init(&edit->reader, transaction->file.fd, transaction->content_offset, 65536);
    if (queue_file_flush(&transaction->file, &error) == 0 && read_header(edit, &error) == 0)
        return 0;
    transaction_write_failed(transaction, &error);
    return -1;
}

void edit_release(struct edit *edit)
{
    record_reader_release(&edit->reader);
    buf_release(&edit->carry);
    buf_release(&edit->line);
    mem_free(edit->headers);
    arena_release(&edit->arena);
}

static bool header(void *context, size_t number, struct slice *name, struct slice *value)
{
    struct edit *edit = context;
    size_t at = number < edit->hidden ? number : number + 1;
    struct slice text;

    if (at >= edit->n_headers)
        return false;
    text = edit->headers[at].text;
    *name = name_of(text);
    *value = slice_from_offset(text, slice_find(text, ':') + 1);
    return true;
}

/*
 * "name:value" as it goes into the file: line ends of filters may have CRs, and what continues
 * must begin with white space. False when milter_header_checks would not have it.
 */
static bool compose(struct edit *edit, struct slice name, struct slice value,
                    struct slice *text)
{
    CLEANUP(buf_release) struct buf header = BUF_INIT;
    bool is_first = true;

    buf_printf(&header, "%.*s:", SLICE_ARG(name));
    while (is_first || value.len) {
        struct slice line = slice_split(&value, '\n');

        if (line.len && line.ptr[line.len - 1] == '\r')
            line.len--;
        if (!is_first && line.len == 0)
            continue; /* an empty line would end the header */
        if (!is_first)
            buf_add_text(&header, header_is_continuation(line) ? "\n" : "\n\t");
        buf_add_slice(&header, line);
        is_first = false;
    }
    if (check_line(edit->transaction, CHECK_MILTER_HEADER, &header) == LINE_DROP)
        return false;
    *text = arena_slice(&edit->arena, buf_slice(&header));
    return true;
}

static void insert_header(void *context, size_t index, struct slice name, struct slice value)
{
    struct edit *edit = context;
    struct slice text;

    if (!compose(edit, name, value, &text))
        return;
    insert(edit, index < edit->n_headers ? index : edit->n_headers, text);
    edit->headers_changed = true;
}

static void add_header(void *context, struct slice name, struct slice value)
{
    insert_header(context, SIZE_MAX, name, value);
}

/* The index-th header of that name that filters see; n_headers: there is none. */
static size_t find_header(const struct edit *edit, size_t index, struct slice name)
{
    for (size_t i = 0; i < edit->n_headers; i++) {
        if (i != edit->hidden && slice_same_nocase(name_of(edit->headers[i].text), name) &&
            --index == 0)
            return i;
    }
    return edit->n_headers;
}

static void change_header(void *context, size_t index, struct slice name, struct slice value)
{
    struct edit *edit = context;
    size_t at = find_header(edit, index, name);
    struct slice text;

    if (value.len == 0 && at < edit->n_headers)
        delete (edit, at);
    else if (value.len == 0 || !compose(edit, name, value, &text))
        return;
    else if (at < edit->n_headers)
        edit->headers[at].text = text;
    else
        insert(edit, edit->n_headers, text);
    edit->headers_changed = true;
}

/* -- the body --------------------------------------------------------------------------------
 */

static void rewind_body(void *context)
{
    struct edit *edit = context;

    buf_reset(&edit->carry);
    /* A filter that died in the midst of its new body has none. */
    buf_reset(&edit->line);
    edit->new_body = 0;
    record_reader_seek(&edit->reader, edit->body_start);
}

/* 1: edit->carry has more, 0: the body ends. */
static int read_more(struct edit *edit)
{
    struct transaction *transaction = edit->transaction;
    struct record record;
    struct error error;
    int found = record_reader_next(&edit->reader, &record, &error);

    if (found < 0) {
        transaction_write_failed(transaction, &error);
        return -1;
    }
    if (found == 0 || (record.type != RECORD_LINE && record.type != RECORD_PART &&
                       record.type != RECORD_PADDING))
        return 0;
    if (record.type == RECORD_PADDING)
        return 1;
    buf_add_slice(&edit->carry, record.data);
    if (record.type == RECORD_LINE)
        buf_add_text(&edit->carry, "\r\n");
    return 1;
}

static int body(void *context, struct buf *piece)
{
    struct edit *edit = context;
    size_t bytes;
    int more = 1;

    while (edit->carry.len < MILTER_CHUNK_BYTES && (more = read_more(edit)) > 0)
        ;
    if (more < 0)
        return -1;
    bytes = edit->carry.len < MILTER_CHUNK_BYTES ? edit->carry.len : MILTER_CHUNK_BYTES;
    buf_add(piece, edit->carry.data, bytes);
    buf_remove_front(&edit->carry, bytes);
    return bytes > 0;
}

static int put_body_line(struct edit *edit)
{
    if (edit->line.len && edit->line.data[edit->line.len - 1] == '\r')
        buf_truncate(&edit->line, edit->line.len - 1);
    if (put_line(edit->transaction, buf_slice(&edit->line)) < 0)
        return -1;
    buf_reset(&edit->line);
    return 0;
}

static int replace_body(void *context, struct slice piece)
{
    struct edit *edit = context;
    struct transaction *transaction = edit->transaction;

    if (!edit->new_body) {
        edit->new_body = edit_block(transaction);
        edit->new_body_bytes = 0;
    }
    edit->new_body_bytes += (int64_t)piece.len;
    if (params.message_size_limit > 0 && edit->new_body_bytes > params.message_size_limit) {
        log_warning("%s: replaced body: queue file size limit exceeded", transaction->file.id);
        transaction_fail(transaction, CLEANUP_STATUS_SIZE);
        return -1;
    }
    while (piece.len) {
        size_t end = slice_find(piece, '\n');

        buf_add_slice(&edit->line, slice_sub(piece, 0, end));
        if (end < piece.len && put_body_line(edit) < 0)
            return -1;
        piece = slice_from_offset(piece, end + 1);
    }
    return 0;
}

static void body_is_replaced(void *context)
{
    struct edit *edit = context;
    struct transaction *transaction = edit->transaction;
    struct error error;

    if ((edit->line.len && put_body_line(edit) < 0) ||
        put_pointer(transaction, transaction->extracted_offset) < 0)
        return;
    if (queue_file_flush(&transaction->file, &error) < 0) {
        transaction_write_failed(transaction, &error);
        return;
    }
    edit->body_start = edit->new_body;
    edit->new_body = 0;
    edit->body_changed = true;
}

static int put_header(struct transaction *transaction, struct slice text)
{
    while (text.len) {
        if (put_line(transaction, slice_split(&text, '\n')) < 0)
            return -1;
    }
    return 0;
}

/* The whole header anew, then the body that holds. */
static void apply_content(struct edit *edit)
{
    struct transaction *transaction = edit->transaction;
    off_t block = edit_block(transaction);

    if (!edit->headers_changed && !edit->body_changed)
        return;
    for (size_t i = 0; i < edit->n_headers; i++) {
        if (put_header(transaction, edit->headers[i].text) < 0)
            return;
    }
    if (edit->body_changed && edit_put(transaction, RECORD_LINE, SLICE_EMPTY) < 0)
        return;
    edit_link(transaction, transaction->content_offset, block,
              edit->body_changed ? edit->body_start : edit->separator);
}

static void quarantine(void *context, struct slice reason)
{
    struct edit *edit = context;

    (void)reason; /* Postfix logs none */
    edit->transaction->is_quarantined = true;
}

void edit_apply(struct edit *edit)
{
    apply_content(edit);
    edit_apply_envelope(edit);
}

const struct milter_message edit_functions = {
    .header = header,
    .body = body,
    .rewind_body = rewind_body,
    .add_header = add_header,
    .insert_header = insert_header,
    .change_header = change_header,
    .add_recipient = edit_add_recipient,
    .delete_recipient = edit_delete_recipient,
    .change_sender = edit_change_sender,
    .replace_body = replace_body,
    .body_is_replaced = body_is_replaced,
    .quarantine = quarantine,
};

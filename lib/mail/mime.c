/* Telling headers from body, in all parts of a message. */
#include "mail/mime.h"

#include "base/bug.h"
#include "base/mem.h"
#include "mail/mime_value.h"

#define TSPECIALS "()<>@,;:\\\"/[]?=" /* RFC 2045 section 5.1 */

/* Postfix counts one boundary level less and compares one later than mime_nesting_limit says.
 */
#define NESTING_SLACK 2

const char *mime_error_text(unsigned errors)
{
    if (errors & MIME_ERROR_NESTING)
        return "MIME nesting exceeds safety limit";
    if (errors & MIME_ERROR_8BIT_IN_HEADER)
        return "improper use of 8-bit data in message header";
    if (errors & MIME_ERROR_8BIT_IN_BODY)
        return "improper use of 8-bit data in message body";
    return "invalid message/* or multipart/* encoding domain";
}

void mime_init(struct mime *mime, const struct mime_options *options)
{
    *mime = (struct mime){
        .options = *options,
        .state = MIME_IN_PRIMARY,
        .header = BUF_INIT,
        .done_header = BUF_INIT,
    };
}

static void drop_boundaries(struct mime *mime, size_t keep)
{
    while (mime->n_boundaries > keep)
        mem_free(mime->boundaries[--mime->n_boundaries].text);
}

void mime_release(struct mime *mime)
{
    drop_boundaries(mime, 0);
    mem_free(mime->boundaries);
    mime->boundaries = NULL;
    mime->boundaries_capacity = 0;
    buf_release(&mime->header);
    buf_release(&mime->done_header);
}

static struct mime_item *add_item(struct mime *mime, enum mime_item_kind kind)
{
    struct mime_item *item;

    bug_if(mime->n_items == MIME_ITEMS_MAX);
    item = &mime->items[mime->n_items++];
    *item = (struct mime_item){.kind = kind, .text = SLICE_EMPTY};
    return item;
}

bool mime_next(struct mime *mime, struct mime_item *item)
{
    if (mime->next_item == mime->n_items)
        return false;
    *item = mime->items[mime->next_item++];
    return true;
}

static void open_boundary(struct mime *mime, struct slice text)
{
    size_t limit = mime->options.boundary_length_limit;
    struct mime_boundary *boundary;

    if (mime->n_boundaries >= mime->options.nesting_limit + NESTING_SLACK) {
        mime->errors |= MIME_ERROR_NESTING;
        return;
    }
    if (mime->n_boundaries == mime->boundaries_capacity) {
        mime->boundaries_capacity =
            mime->boundaries_capacity ? mime->boundaries_capacity * 2 : 4;
        mime->boundaries =
            mem_resize(mime->boundaries, mime->boundaries_capacity, sizeof(*mime->boundaries));
    }
    boundary = &mime->boundaries[mime->n_boundaries++];
    boundary->len = text.len < limit ? text.len : limit;
    boundary->text = mem_dup(text.ptr, boundary->len);
    boundary->is_digest = mime->entity.is_digest;
}

/* The type itself: "multipart/mixed", "message/rfc822". */
static void read_type(struct mime_entity *entity, const struct mime_tokens *tokens)
{
    entity->type = MIME_LEAF;
    entity->is_rfc822 = entity->is_global = entity->is_partial = entity->is_digest = false;
    if (mime_token_is(tokens, 0, "multipart")) {
        entity->type = MIME_MULTIPART;
        entity->is_digest = mime_token_is(tokens, 2, "digest");
    } else if (mime_token_is(tokens, 0, "message")) {
        entity->type = MIME_MESSAGE;
        entity->is_global = mime_token_is(tokens, 2, "global");
        entity->is_rfc822 = entity->is_global || mime_token_is(tokens, 2, "rfc822");
        entity->is_partial =
            mime_token_is(tokens, 2, "partial") || mime_token_is(tokens, 2, "external-body");
    }
}

/* Boundaries count from here on, even if another Content-Type follows. */
static void read_content_type(struct mime *mime, struct slice value)
{
    CLEANUP(mime_tokens_release) struct mime_tokens tokens;

    mime_tokens_init(&tokens);
    if (!mime_tokens_read(&tokens, &value, TSPECIALS))
        return;
    read_type(&mime->entity, &tokens);
    if (mime->entity.type != MIME_MULTIPART)
        return;
    while (mime_tokens_read(&tokens, &value, TSPECIALS)) {
        if (tokens.count == MIME_VALUE_TOKENS_MAX && mime_token_is(&tokens, 0, "boundary") &&
            mime_token_is(&tokens, 1, "=") && tokens.tokens[2].kind != MIME_TOKEN_SPECIAL)
            open_boundary(mime, buf_slice(&tokens.tokens[2].text));
    }
}

/* The header that was put together is whole. */
static void finish_header(struct mime *mime)
{
    struct buf whole = mime->header;
    struct mime_item *item;
    struct slice value;

    if (mime->header.len == 0)
        return;
    mime->header = mime->done_header;
    mime->done_header = whole;
    buf_reset(&mime->header);
    item = add_item(mime, MIME_HEADER);
    item->text = buf_slice(&mime->done_header);
    item->name_length = header_name_length(item->text);
    item->info = header_find(slice_sub(item->text, 0, item->name_length));
    item->mime_class = item->info && item->info->is_mime ? MIME_PART
                       : mime->state == MIME_IN_PART     ? MIME_PART
                       : mime->state == MIME_IN_NESTED   ? MIME_NESTED
                                                         : MIME_PRIMARY;
    if (mime->options.disabled)
        return;
    if (!slice_is_ascii(item->text))
        mime->errors |= MIME_ERROR_8BIT_IN_HEADER;
    if (!item->info || !item->info->is_mime)
        return;
    value = header_value(item->text);
    if (item->info->kind == HEADER_CONTENT_TYPE)
        read_content_type(mime, value);
    else if (item->info->kind == HEADER_CONTENT_TRANSFER_ENCODING)
        mime_encoding_parse(value, &mime->entity.encoding);
}

/* Composite types have to be readable without decoding (RFC 2045 section 6.4). */
static void check_domain(struct mime *mime)
{
    const struct mime_entity *entity = &mime->entity;
    bool is_encoded =
        entity->encoding == MIME_QUOTED_PRINTABLE || entity->encoding == MIME_BASE64;
    bool is_8bit = entity->encoding == MIME_8BIT || entity->encoding == MIME_BINARY;
    bool is_open = entity->type == MIME_MULTIPART || (entity->is_rfc822 && !entity->is_global);

    if ((is_open && is_encoded) || (entity->is_partial && is_8bit))
        mime->errors |= MIME_ERROR_ENCODING_DOMAIN;
}

static void finish_headers(struct mime *mime)
{
    struct mime_item *item;

    finish_header(mime);
    item = add_item(mime, MIME_HEADER_END);
    item->mime_class = mime->state == MIME_IN_PART     ? MIME_PART
                       : mime->state == MIME_IN_NESTED ? MIME_NESTED
                                                       : MIME_PRIMARY;
    item->entity = mime->entity;
    check_domain(mime);
    mime->state = MIME_IN_BODY;
}

/* Start the header of a part or nested message. */
static void begin_entity(struct mime *mime, enum mime_state state)
{
    mime->state = state;
    mime->entity = (struct mime_entity){.type = MIME_LEAF, .encoding = MIME_7BIT};
}

/* The index of the innermost open boundary that the line shows; n_boundaries: none. */
static size_t find_boundary(const struct mime *mime, struct slice line)
{
    struct slice text = slice_from_offset(line, 2);

    if (!slice_starts_with(line, "--") || text.len == 0)
        return mime->n_boundaries;
    for (size_t i = mime->n_boundaries; i > 0; i--) {
        const struct mime_boundary *boundary = &mime->boundaries[i - 1];

        /* A prefix will do: some software writes more behind it. */
        if (text.len >= boundary->len && memcmp(text.ptr, boundary->text, boundary->len) == 0)
            return i - 1;
    }
    return mime->n_boundaries;
}

/* A boundary line begins the next part, or with "--" behind it ends the last one. */
static void pass_boundary(struct mime *mime, size_t index, struct slice line)
{
    const struct mime_boundary *boundary = &mime->boundaries[index];
    bool is_last = slice_starts_with(slice_from_offset(line, 2 + boundary->len), "--");

    begin_entity(mime, is_last ? MIME_IN_BODY : MIME_IN_PART);
    if (boundary->is_digest && !is_last) {
        mime->entity.type = MIME_MESSAGE;
        mime->entity.is_rfc822 = true;
    }
    drop_boundaries(mime, is_last ? index : index + 1);
}

static void feed_body(struct mime *mime, struct slice line, bool is_line_start)
{
    struct mime_item *item = add_item(mime, MIME_BODY);
    size_t boundary = is_line_start ? find_boundary(mime, line) : mime->n_boundaries;

    item->text = line;
    item->continues = mime->line_continues;
    item->is_boundary = boundary < mime->n_boundaries;
    if (item->is_boundary)
        pass_boundary(mime, boundary, line);
    else if (!mime->options.disabled &&
             (mime->entity.encoding == MIME_7BIT || mime->entity.type == MIME_MULTIPART) &&
             !slice_is_ascii(line))
        mime->errors |= MIME_ERROR_8BIT_IN_BODY;
}

static bool holds_message(const struct mime *mime)
{
    const struct mime_entity *entity = &mime->entity;
    bool is_8bit = entity->encoding == MIME_8BIT || entity->encoding == MIME_BINARY;

    return entity->is_rfc822 && !(mime->options.encodes_global && entity->is_global && is_8bit);
}

/* The empty line between header and body; in a message part it leads to a nested header. */
static void feed_separator(struct mime *mime, bool is_inserted)
{
    struct mime_item *item = add_item(mime, MIME_BODY);

    item->is_inserted = is_inserted;
    if (holds_message(mime) && !is_inserted)
        begin_entity(mime, MIME_IN_NESTED);
}

/* Of a header that was cut off the last line goes if it began in the last tenth, as in Postfix.
 */
static void cut_back(struct mime *mime)
{
    size_t line_end = slice_find_last(buf_slice(&mime->header), '\n');

    if (line_end < mime->header.len && line_end >= mime->options.header_size_limit / 10 * 9)
        buf_truncate(&mime->header, line_end);
}

/*
 * Add to the header, up to its limit; of the line that goes beyond, a part may stay. A NUL ends
 * the line, as it does in Postfix.
 */
static void extend_header(struct mime *mime, const char *line_end, struct slice line)
{
    size_t limit = mime->options.header_size_limit;
    struct slice text = slice_sub(line, 0, slice_find(line, '\0'));

    if (mime->header_is_full)
        return;
    mime->header_is_full = strlen(line_end) + text.len > limit - mime->header.len;
    buf_add_slice(&mime->header, slice_sub(slice_from(line_end), 0, limit - mime->header.len));
    buf_add_slice(&mime->header, slice_sub(text, 0, limit - mime->header.len));
    if (mime->header_is_full)
        cut_back(mime);
}

/* "Name : value" becomes "Name: value". */
static void begin_header(struct mime *mime, struct slice line, size_t name_length)
{
    finish_header(mime);
    mime->header_is_full = false;
    extend_header(mime, "", slice_sub(line, 0, name_length));
    extend_header(mime, "", slice_from_offset(line, slice_find(line, ':')));
}

static void feed_header(struct mime *mime, struct slice line, bool is_line_start)
{
    size_t name_length = header_name_length(line);
    bool is_primary = mime->state == MIME_IN_PRIMARY;

    if (!is_line_start && mime->header.len == 0) { /* of a very long boundary line */
        feed_body(mime, line, false);
    } else if (!is_line_start) {
        if (!mime->header_is_full)
            extend_header(mime, "", line);
    } else if (mime->header.len > 0 && header_is_continuation(line)) {
        extend_header(mime, "\n", line);
    } else if (name_length > 0) {
        begin_header(mime, line, name_length);
    } else {
        finish_headers(mime);
        if (line.len == 0 && !mime->line_continues) {
            feed_separator(mime, false);
        } else {
            if (is_primary)
                feed_separator(mime, true);
            feed_body(mime, line, true);
        }
    }
}

void mime_feed(struct mime *mime, struct slice line, enum mime_line kind)
{
    bool is_line_start = !mime->line_continues;

    mime->n_items = mime->next_item = 0;
    mime->line_continues = kind == MIME_LINE_CONTINUES;
    if (mime->state == MIME_IN_BODY)
        feed_body(mime, line, is_line_start);
    else
        feed_header(mime, line, is_line_start);
}

void mime_end(struct mime *mime)
{
    mime->n_items = mime->next_item = 0;
    if (mime->state != MIME_IN_BODY)
        finish_headers(mime);
}

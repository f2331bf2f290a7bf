/* MIME structure and conversion, line by line, with long lines in pieces. */
#include "mail/mime.h"

#include <stdint.h>

#include "base/bug.h"
#include "mail/mime_7bit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PIECE_BYTES 80

static const struct mime_options options = {
    .header_size_limit = 300, .boundary_length_limit = 20, .nesting_limit = 3};

static void check_item(const struct mime_item *item)
{
    bug_if(item->is_inserted && item->text.len > 0);
    if (item->kind != MIME_HEADER)
        return;
    bug_if(item->text.len > options.header_size_limit);
    bug_if(header_name_length(item->text) != item->name_length);
}

static void check_items(struct mime *mime)
{
    struct mime_item item;

    while (mime_next(mime, &item))
        check_item(&item);
    bug_if(mime->n_boundaries > options.nesting_limit + 2);
}

/* A quoted-printable line is never longer than 76 (RFC 2045 section 6.7). */
static void feed_line(struct mime *mime, struct mime_7bit *converter, struct slice line,
                      struct buf *out)
{
    enum mime_line kind;

    do {
        struct slice piece = slice_sub(line, 0, PIECE_BYTES);

        line = slice_from_offset(line, piece.len);
        kind = line.len > 0 ? MIME_LINE_CONTINUES : MIME_LINE_WHOLE;
        mime_feed(mime, piece, kind);
        check_items(mime);
        mime_7bit_feed(converter, piece, kind, out);
        bug_if(converter->line.len > 76);
    } while (kind == MIME_LINE_CONTINUES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(mime_release) struct mime mime;
    CLEANUP(mime_7bit_release) struct mime_7bit converter;
    CLEANUP(buf_release) struct buf out = BUF_INIT;
    struct slice rest = slice_of(data, size);

    mime_init(&mime, &options);
    mime_7bit_init(&converter, &options);
    while (rest.len > 0)
        feed_line(&mime, &converter, slice_split(&rest, '\n'), &out);
    mime_end(&mime);
    check_items(&mime);
    mime_7bit_end(&converter, &out);
    bug_if(out.len > 4 * size + 1000);
    return 0;
}

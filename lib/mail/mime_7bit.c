/* Conversion of 8-bit parts to quoted-printable. */
#include "mail/mime_7bit.h"

#include "mail/mime_value.h"

/* With one more encoded byte and the "=" of a soft line break the line has at most 76. */
#define SOFT_BREAK_COLUMN 72

void mime_7bit_init(struct mime_7bit *converter, const struct mime_options *options)
{
    *converter = (struct mime_7bit){.line = BUF_INIT};
    mime_init(&converter->mime, options);
    converter->mime.options.encodes_global = true;
}

void mime_7bit_release(struct mime_7bit *converter)
{
    mime_release(&converter->mime);
    buf_release(&converter->line);
}

static bool is_8bit(enum mime_encoding encoding)
{
    return encoding == MIME_8BIT || encoding == MIME_BINARY;
}

static void add_encoded(struct buf *line, char c)
{
    buf_printf(line, "=%02X", (unsigned)(unsigned char)c);
}

static void flush_line(struct buf *line, struct buf *out)
{
    buf_add_slice(out, buf_slice(line));
    buf_add_char(out, '\n');
    buf_reset(line);
}

static void encode_body(struct buf *line, const struct mime_item *item, struct buf *out)
{
    for (size_t i = 0; i < item->text.len; i++) {
        char c = item->text.ptr[i];

        if (line->len > SOFT_BREAK_COLUMN) {
            buf_add_char(line, '=');
            flush_line(line, out);
        }
        if ((c < ' ' && c != '\t') || c == '=' || c > '~')
            add_encoded(line, c);
        else
            buf_add_char(line, c);
    }
    if (item->continues)
        return;
    if (line->len > 0) {
        char last = line->data[line->len - 1];

        if (last == ' ' || last == '\t') { /* blanks at the end do not survive the transport */
            buf_truncate(line, line->len - 1);
            add_encoded(line, last);
        }
    }
    flush_line(line, out);
}

/* Headers that announce 8-bit data are replaced when the whole header is known. */
static void pass_header(const struct mime_item *item, struct buf *out)
{
    enum mime_encoding encoding = MIME_7BIT;

    if (item->info && item->info->kind == HEADER_CONTENT_TRANSFER_ENCODING &&
        mime_encoding_parse(header_value(item->text), &encoding) && is_8bit(encoding))
        return;
    buf_add_slice(out, item->text);
    buf_add_char(out, '\n');
}

/*
 * A composite part is 7bit when its parts are. Other kinds of message part are marked as 7bit
 * and encoded all the same: Postfix does it, and receivers have lived with that.
 */
static void end_header(struct mime_7bit *converter, const struct mime_entity *entity,
                       struct buf *out)
{
    converter->is_converting = is_8bit(entity->encoding) && entity->type != MIME_MULTIPART &&
                               (!entity->is_rfc822 || entity->is_global);
    if (!is_8bit(entity->encoding))
        return;
    buf_printf(out, "Content-Transfer-Encoding: %s\n",
               entity->type == MIME_LEAF || entity->is_global ? "quoted-printable" : "7bit");
}

static void pass_body(struct mime_7bit *converter, const struct mime_item *item,
                      struct buf *out)
{
    if (item->is_boundary)
        converter->is_converting = false;
    if (converter->is_converting) {
        encode_body(&converter->line, item, out);
        return;
    }
    buf_add_slice(out, item->text);
    if (!item->continues)
        buf_add_char(out, '\n');
}

static void take_items(struct mime_7bit *converter, struct buf *out)
{
    struct mime_item item;

    while (mime_next(&converter->mime, &item)) {
        if (item.kind == MIME_HEADER)
            pass_header(&item, out);
        else if (item.kind == MIME_HEADER_END)
            end_header(converter, &item.entity, out);
        else
            pass_body(converter, &item, out);
    }
}

void mime_7bit_feed(struct mime_7bit *converter, struct slice line, enum mime_line kind,
                    struct buf *out)
{
    mime_feed(&converter->mime, line, kind);
    take_items(converter, out);
}

void mime_7bit_end(struct mime_7bit *converter, struct buf *out)
{
    mime_end(&converter->mime);
    take_items(converter, out);
    if (converter->line.len > 0)
        flush_line(&converter->line, out);
}

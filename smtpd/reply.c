/* Replies: making them, and their form on the wire. */
#include "reply.h"

#include <stdarg.h>

#include "base/bug.h"
#include "mail/reject_footer.h"

static struct smtp_reply make(int code, const char *dsn, struct slice text)
{
    struct smtp_reply reply = {.code = code, .text = text};
    size_t len = strlen(dsn);

    bug_if(len >= sizeof(reply.dsn));
    memcpy(reply.dsn, dsn, len + 1);
    return reply;
}

struct smtp_reply smtp_reply(int code, const char *dsn, const char *text)
{
    return make(code, dsn, slice_from(text));
}

struct smtp_reply smtp_reply_printf(struct arena *arena, int code, const char *dsn,
                                    const char *format, ...)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    va_list arguments;

    va_start(arguments, format);
    buf_vprintf(&text, format, arguments);
    va_end(arguments);
    return make(code, dsn, arena_slice(arena, buf_slice(&text)));
}

struct smtp_reply smtp_reply_parse(struct slice whole)
{
    char status[DSN_STATUS_BYTES];
    struct slice rest = slice_from_offset(whole, 4);
    uint64_t code;

    if (!slice_to_uint(slice_sub(whole, 0, 3), 10, 599, &code) || code < 200)
        return smtp_reply(451, "4.3.5", "Server configuration error");
    if (dsn_status_parse(rest, status, &rest))
        return make((int)code, status, slice_trim(rest));
    return make((int)code, "", slice_trim(rest));
}

bool smtp_reply_refuses(struct slice whole)
{
    return whole.len > 3 && (whole.ptr[0] == '4' || whole.ptr[0] == '5') &&
           ascii_is_digit(whole.ptr[1]) && ascii_is_digit(whole.ptr[2]) && whole.ptr[3] == ' ';
}

struct smtp_reply smtp_reply_none(void)
{
    return (struct smtp_reply){.code = 0};
}

void smtp_reply_soften(struct smtp_reply *reply)
{
    if (reply->code < 500)
        return;
    reply->code -= 100;
    if (reply->dsn[0] == '5')
        reply->dsn[0] = '4';
}

bool smtp_reply_ends_session(const struct smtp_reply *reply)
{
    return reply->code == 421 || reply->code == 521;
}

void smtp_reply_add_footer(struct smtp_reply *reply, struct slice footer, struct arena *arena)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;

    buf_add_slice(&text, reply->text);
    reject_footer_add(&text, footer);
    reply->text = arena_slice(arena, buf_slice(&text));
}

void smtp_reply_add_line(struct buf *out, struct slice text)
{
    size_t start = out->len;

    buf_add_slice(out, text);
    for (size_t i = start; i < out->len; i++) {
        if ((unsigned char)out->data[i] < ' ' || out->data[i] == 0x7f)
            out->data[i] = ' ';
    }
}

void smtp_reply_format(struct buf *out, const struct smtp_reply *reply)
{
    struct slice rest = reply->text;
    bool is_last;

    do {
        size_t end = slice_find(rest, '\n');

        is_last = end == rest.len;
        buf_printf(out, "%d%c%s%s", reply->code, is_last ? ' ' : '-', reply->dsn,
                   reply->dsn[0] ? " " : "");
        smtp_reply_add_line(out, slice_sub(rest, 0, end));
        buf_add_text(out, "\r\n");
        rest = slice_from_offset(rest, end + 1);
    } while (!is_last);
}

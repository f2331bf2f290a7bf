/* What the filter says. */
#include "base/log.h"
#include "conf/params.h"
#include "proxy.h"

#define LINE_MAX_BYTES  ((size_t)2048)
#define REPLY_MAX_BYTES ((size_t)20000)
#define REPLY_MAX_LINES 1000

/* "250-text" or "250 text"; a code alone is a reply, too. */
static bool parse_line(struct slice line, int *code, bool *is_last, struct slice *text)
{
    uint64_t number;

    if (!slice_to_uint(slice_sub(line, 0, 3), 10, 599, &number) || number < 200 ||
        line.len < 3 || (line.len > 3 && line.ptr[3] != ' ' && line.ptr[3] != '-'))
        return false;
    *code = (int)number;
    *is_last = line.len == 3 || line.ptr[3] == ' ';
    *text = slice_from_offset(line, 4);
    return true;
}

/* Without the status in front, which is that of the reply as a whole. */
static void add_text(struct buf *all, struct slice text, char status[DSN_STATUS_BYTES])
{
    struct slice rest;

    if (dsn_status_parse(text, status, &rest))
        text = slice_trim(rest);
    if (all->len)
        buf_add_char(all, '\n');
    if (all->len + text.len < REPLY_MAX_BYTES)
        buf_add_slice(all, text);
}

/* A line too long is cut; its rest is dropped. */
static bool read_line(struct stream *stream, struct slice *line, struct arena *arena)
{
    enum line_result result = stream_read_line(stream, line, LINE_MAX_BYTES);

    if (result == LINE_TOO_LONG) {
        struct slice rest;

        *line = arena_slice(arena, *line);
        do {
            result = stream_read_line(stream, &rest, LINE_MAX_BYTES);
        } while (result == LINE_TOO_LONG);
    }
    *line = slice_trim_right(*line);
    return result == LINE_OK;
}

bool proxy_read_reply(struct stream *stream, const char *name, struct arena *arena,
                      struct smtp_reply *reply)
{
    CLEANUP(buf_release) struct buf all = BUF_INIT;
    char status[DSN_STATUS_BYTES] = "";
    struct slice line, text;
    bool is_last = false;
    int code = 0;

    for (int n_lines = 0; !is_last; n_lines++) {
        if (n_lines == REPLY_MAX_LINES) {
            log_warning("proxy %s: a reply of more than %d lines", name, REPLY_MAX_LINES);
            return false;
        }
        if (!read_line(stream, &line, arena))
            return false;
        if (parse_line(line, &code, &is_last, &text))
            add_text(&all, text, status);
        else
            log_warning("received garbage from proxy %s: %.*s", name,
                        SLICE_ARG(slice_sub(line, 0, 100)));
    }
    *reply = (struct smtp_reply){.code = code, .text = arena_slice(arena, buf_slice(&all))};
    memcpy(reply->dsn, status, sizeof(status));
    return true;
}

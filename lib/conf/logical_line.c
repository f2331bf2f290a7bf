/*
 * Joins physical lines.
 */
#include "conf/logical_line.h"

void logical_lines_init(struct logical_lines *lines, struct slice text)
{
    *lines = (struct logical_lines){.rest = text, .next_line = 1};
}

static bool is_comment_or_empty(struct slice line)
{
    struct slice text = slice_trim(line);

    return text.len == 0 || text.ptr[0] == '#';
}

bool logical_lines_next(struct logical_lines *lines, struct buf *line)
{
    bool started = false;

    buf_reset(line);
    while (lines->rest.len > 0) {
        struct slice rest = lines->rest;
        struct slice physical = slice_split(&rest, '\n');

        if (!is_comment_or_empty(physical)) {
            if (started && !ascii_is_space(physical.ptr[0]))
                break;
            if (!started)
                lines->line = lines->next_line;
            started = true;
            buf_add_slice(line, physical);
        }
        lines->rest = rest;
        lines->next_line++;
    }
    buf_truncate(line, slice_trim_right(buf_slice(line)).len);
    return started;
}

#include "base/trace.h"

#include <stdarg.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/bug.h"
#include "base/fd.h"

#define INDENTATION 2

bool trace_is_on;

static int trace_fd = -1;
static size_t depth;
static struct buf begun = BUF_INIT; /* the innermost step, while it has no parts */
static bool has_begun;

void trace_open(int fd)
{
    trace_fd = fd;
    trace_is_on = true;
}

/* Nobody to tell (a closed pipe) is no reason to stop. */
static void write_line(struct slice text)
{
    CLEANUP(buf_release) struct buf line = BUF_INIT;

    buf_add_repeated(&line, ' ', depth * INDENTATION);
    buf_add_slice(&line, text);
    for (size_t i = 0; i < line.len; i++) {
        if ((unsigned char)line.data[i] < ' ' || line.data[i] == 0x7f)
            line.data[i] = '?';
    }
    buf_add_char(&line, '\n');
    (void)!fd_write_all(trace_fd, line.data, line.len);
}

static void settle_begun(void)
{
    if (!has_begun)
        return;
    has_begun = false;
    buf_add_char(&begun, ':');
    write_line(buf_slice(&begun));
    depth++;
}

void trace_write_step(const char *format, ...)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    va_list arguments;

    va_start(arguments, format);
    buf_vprintf(&text, format, arguments);
    va_end(arguments);
    settle_begun();
    write_line(buf_slice(&text));
}

void trace_write_begin(const char *format, ...)
{
    va_list arguments;

    settle_begun();
    buf_reset(&begun);
    va_start(arguments, format);
    buf_vprintf(&begun, format, arguments);
    va_end(arguments);
    has_begun = true;
}

void trace_write_end(const char *format, ...)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    bool is_one_line = has_begun;
    va_list arguments;

    bug_if(!has_begun && depth == 0);
    if (is_one_line)
        buf_printf(&text, "%s: ", begun.data);
    else
        buf_add_text(&text, "=> ");
    va_start(arguments, format);
    buf_vprintf(&text, format, arguments);
    va_end(arguments);
    write_line(buf_slice(&text));
    if (!is_one_line)
        depth--;
    has_begun = false;
}

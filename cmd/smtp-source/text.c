/*
 * The text of the messages.
 */
#include <string.h>

#include "base/bug.h"
#include "base/fd.h"
#include "source.h"

enum { BLOCK_BYTES = 80 };

#define FILE_MOST_BYTES (1000L * 1000 * 1000)

/* Numbered lines, each with its end of BLOCK_BYTES; what is left is the last, which ends beyond
 * the length. */
static void fill(struct buf *text, int64_t length)
{
    int64_t block = 1;

    for (; length > BLOCK_BYTES; length -= BLOCK_BYTES) {
        buf_printf(text, "%d", (int)(block++ % 10));
        buf_add_repeated(text, 'X', BLOCK_BYTES - strlen("1\r\n"));
        buf_add_text(text, "\r\n");
    }
    buf_add_repeated(text, 'X', (size_t)length);
    buf_add_text(text, "\r\n");
}

void text_make(void)
{
    struct buf *text = &smtp_source.text;

    buf_init(text);
    if (smtp_source.load.length > 0) {
        fill(text, smtp_source.load.length);
        return;
    }
    for (int i = 1; i <= 4; i++)
        buf_printf(text, "La de da de da %d.\r\n", i);
}

void text_read(const char *path)
{
    CLEANUP(buf_release) struct buf file = BUF_INIT;
    struct buf *text = &smtp_source.text;
    struct error error;

    if (file_read_all(path, &file, FILE_MOST_BYTES, &error) < 0)
        fatal(1, "%s", error.text);
    buf_init(text);
    for (struct slice rest = buf_slice(&file); rest.len;) {
        struct slice line = slice_split(&rest, '\n');
        if (slice_starts_with(line, "."))
            buf_add_char(text, '.');
        buf_add_slice(text, line);
        buf_add_text(text, "\r\n");
    }
    smtp_source.text_has_headers = true;
}

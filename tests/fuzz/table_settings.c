/*
 * The parameter file of a database table, and the formats in it: any bytes; the last line is
 * the key, the one before it a value.
 */
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "table/key_format.h"
#include "table/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool quote(struct key_format_quote *self, struct buf *out, struct slice text)
{
    (void)self;
    buf_printf(out, "'%.*s'", SLICE_ARG(text));
    return text.len < 100;
}

static struct slice cut_last_line(struct slice *text)
{
    size_t end = slice_find_last(*text, '\n');
    struct slice line = slice_from_offset(*text, end + 1);

    *text = slice_sub(*text, 0, end);
    return line;
}

static void expand(const struct table_settings *settings, struct slice key, struct slice value)
{
    static const struct plugin_setting limit = {"limit", PLUGIN_NUMBER, "0", 0, 1000};
    struct key_format_quote quoting = {quote};
    const char *format = table_settings_find(settings, "query");
    CLEANUP(buf_release) struct buf out = BUF_INIT;
    struct plugin_value number;

    (void)!table_settings_value(settings, &limit, &number, NULL);
    if (!format || key_format_check(format, "file", "query", NULL) < 0)
        return;
    (void)!key_format_query(format, key, &quoting, &out);
    (void)!key_format_result(format, key, value, &out);
    (void)!key_format_fits(format, key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_of(data, size);
    struct slice key = cut_last_line(&text), value = cut_last_line(&text);
    struct table_settings settings;
    char path[64];
    int fd = memfd_create("fuzz", MFD_CLOEXEC);

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (write(fd, text.ptr, text.len) == (ssize_t)text.len &&
        table_settings_open(&settings, path, NULL) == 0) {
        expand(&settings, key, value);
        table_settings_release(&settings);
    }
    close(fd);
    return 0;
}

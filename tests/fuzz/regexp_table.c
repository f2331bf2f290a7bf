/*
 * Tables of regular expressions, and keys, from any bytes: the first line is the key.
 */
#include "table_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const char *type, struct slice text, struct slice key,
                const struct table_options *options)
{
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    struct table *table = open_bytes(type, text, options);

    if (!table)
        return;
    (void)!table_lookup(table, key, &value, NULL);
    table_close(table);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct table_options binary = {.binary_keys = true};
    static const struct table_options sensitive = {.sensitive = true};
    struct slice text = slice_of(data, size);
    struct slice key = slice_split(&text, '\n');

    if (size > 2000)
        return 0;
    ask("pcre", text, key, NULL);
    ask("pcre", text, key, &binary);
    /* regcomp(3) itself takes all memory for nested repetitions; tables are written by
     * administrators, so that is theirs to avoid. */
    if (slice_find_any(text, "{*+\\") == text.len) {
        ask("regexp", text, key, &binary);
        ask("regexp", text, key, &sensitive);
    }
    return 0;
}

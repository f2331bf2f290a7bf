/*
 * A cidr table and keys from any bytes: the first line is the key.
 */
#include "table_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    struct slice text = slice_of(data, size);
    struct slice key = slice_split(&text, '\n');
    struct table *table = open_bytes("cidr", text, NULL);

    if (!table)
        return 0;
    if (table_lookup(table, key, &value, NULL) == TABLE_ERROR)
        __builtin_trap(); /* a cidr table always has an answer */
    table_close(table);
    return 0;
}

/*
 * The source of postmap and postalias, and the search for tables in values, from any bytes.
 */
#include "table/alias_source.h"
#include "table/entry.h"
#include "table/mention.h"
#include "table_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool look_up_again(void *arg, struct slice key, struct slice value)
{
    CLEANUP(buf_release) struct buf found = BUF_INIT;

    if (table_lookup(arg, key, &found, NULL) != TABLE_FOUND ||
        !slice_same(buf_slice(&found), value))
        __builtin_trap(); /* what is listed is there */
    return true;
}

static void read_aliases(struct slice text)
{
    CLEANUP(table_source_release) struct table_source source = TABLE_SOURCE_INIT;
    CLEANUP(buf_release) struct buf name = BUF_INIT;
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    struct slice line;

    source.name = "aliases";
    logical_lines_init(&source.lines, text);
    while (table_source_next(&source, &line)) {
        if (alias_source_parse(&source, line, &name, &value) && (!name.len || !value.len))
            __builtin_trap();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(buf_release) struct buf contents = BUF_INIT;
    static const struct table_options keep_case = {.keep_case = true};
    struct slice text = slice_of(data, size), rest = text;
    struct table *table = open_bytes("texthash", text, &keep_case);
    struct table_mention mention;

    if (table) {
        if (table_walk(table, look_up_again, table, NULL) < 0)
            __builtin_trap();
        table_close(table);
    }
    read_aliases(text);
    while (table_mention_next(&rest, &mention)) {
        if (mention.spec.ptr < text.ptr ||
            mention.spec.ptr + mention.spec.len > text.ptr + text.len)
            __builtin_trap();
    }
    (void)table_entry_decode(text, &contents);
    return 0;
}

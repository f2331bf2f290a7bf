/*
 * main.cf from any bytes: reading, expanding, loading, and the way to a worker and back.
 */
#include "conf/main_cf.h"

#include <stdint.h>

#include "conf/params.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expand_all(const struct main_cf *main_cf)
{
    struct hash_cursor cursor = {0};
    struct slice name;
    void *entry;

    while (hash_next(&main_cf->entries, &cursor, &name, &entry)) {
        CLEANUP(buf_release) struct buf value = BUF_INIT;

        if (main_cf_value(main_cf, ((struct main_cf_entry *)entry)->name, &value, NULL) < 0)
            continue;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(main_cf_release) struct main_cf main_cf;
    CLEANUP(main_cf_release) struct main_cf copy;
    CLEANUP(main_cf_release) struct main_cf foreign;
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    CLEANUP(buf_release) struct buf bytes = BUF_INIT;
    struct params *loaded = arena_new(&arena, struct params);
    struct slice text = slice_of(data, size);

    main_cf_init(&main_cf);
    main_cf_init(&copy);
    main_cf_init(&foreign);
    if (main_cf_unserialize(&foreign, text, NULL) == 0)
        expand_all(&foreign);
    if (main_cf_parse(&main_cf, text, "main.cf", NULL) < 0)
        return 0;
    expand_all(&main_cf);
    main_cf_serialize(&main_cf, &bytes);
    if (main_cf_unserialize(&copy, buf_slice(&bytes), NULL) < 0)
        __builtin_trap();
    (void)!params_load(loaded, &copy, NULL, &arena, NULL);
    return 0;
}

/*
 * randmap:{value, value, ...}: any one of the values, whatever the key.
 */
#include <stdlib.h>

#include "base/arena.h"
#include "base/mem.h"
#include "conf/words.h"
#include "table/drivers.h"

struct randmap {
    struct table table;
    struct arena arena;
    struct slice *values;
    size_t n_values;
};

static void randmap_close(struct table *table)
{
    struct randmap *random = CONTAINER_OF(table, struct randmap, table);

    arena_release(&random->arena);
    mem_free(random->values);
    mem_free(random);
}

static struct table *randmap_open(const char *name, const struct table_options *options,
                                  struct error *error)
{
    struct slice list, word;
    struct randmap *random;

    (void)options;
    if (words_unbrace(slice_from(name), &list, error) < 0 || list.len == 0) {
        error_set(error, ERROR_PERMANENT,
                  "bad syntax: \"randmap:%s\"; need \"randmap:{value...}\"", name);
        return NULL;
    }
    random = mem_new(struct randmap);
    while (words_next(&list, WORDS_COMMA_SPACE, &word)) {
        random->values =
            mem_resize(random->values, random->n_values + 1, sizeof(*random->values));
        random->values[random->n_values++] = arena_slice(&random->arena, word);
    }
    return &random->table;
}

static enum table_result randmap_lookup(struct table *table, struct slice key,
                                        struct buf *value, struct error *error)
{
    struct randmap *random = CONTAINER_OF(table, struct randmap, table);
    uint32_t choice;

    (void)key, (void)error;
    arc4random_buf(&choice, sizeof(choice));
    buf_set(value, random->values[choice % random->n_values]);
    return TABLE_FOUND;
}

const struct table_driver table_randmap = {
    .type = "randmap",
    .is_pattern = true,
    .open = randmap_open,
    .lookup = randmap_lookup,
    .close = randmap_close,
};

#include "aliases.h"

#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/mem.h"
#include "conf/params.h"
#include "conf/words.h"
#include "table/maps.h"

struct alias_table {
    struct maps *maps;
    struct user owner;
    bool has_owner;
    const char *spec; /* "hash:/etc/aliases" */
};

static struct alias_table *tables;
static size_t n_tables;

/* Root's and nobody's tables (inline, ldap) give their commands default_privs. */
static void find_owner(struct alias_table *table, const char *spec)
{
    static const char *const indexed[] = {"lmdb:", "hash:", "btree:"};
    static const char *const plain[] = {"texthash:", "regexp:", "pcre:", "cidr:"};
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    struct stat file;

    for (size_t i = 0; i < ARRAY_SIZE(indexed); i++)
        if (strncmp(spec, indexed[i], strlen(indexed[i])) == 0)
            buf_printf(&path, "%s.lmdb", spec + strlen(indexed[i]));
    for (size_t i = 0; i < ARRAY_SIZE(plain); i++)
        if (strncmp(spec, plain[i], strlen(plain[i])) == 0)
            buf_set_text(&path, spec + strlen(plain[i]));
    if (path.len == 0 || stat(path.data, &file) < 0 || file.st_uid == 0)
        return;
    table->owner = (struct user){.uid = file.st_uid, .gid = file.st_gid};
    table->has_owner = true;
}

void aliases_open(void)
{
    struct slice rest = slice_from(params.alias_maps), word;
    struct error error;

    while (words_next(&rest, WORDS_COMMA_SPACE, &word)) {
        char *spec = slice_dup(word);
        tables = mem_resize(tables, n_tables + 1, sizeof(*tables));
        struct alias_table *table = &tables[n_tables++];
        *table = (struct alias_table){0};
        error = ERROR_INIT;
        table->maps = maps_open_sensitive("alias_maps", spec, &error);
        if (error.kind != ERROR_NONE)
            log_error("%s", error.text);
        find_owner(table, spec);
        table->spec = spec; /* for as long as the process */
    }
}

/* *failed is the table that was in trouble. */
static enum table_result find(struct slice key, struct arena *arena, struct alias *alias,
                              const struct alias_table **failed, struct error *error)
{
    CLEANUP(buf_release) struct buf value = BUF_INIT;

    for (size_t i = 0; i < n_tables; i++) {
        enum table_result result = maps_find(tables[i].maps, key, &value, error);
        if (result == TABLE_NOT_FOUND)
            continue;
        if (result == TABLE_ERROR)
            *failed = &tables[i];
        if (result == TABLE_FOUND)
            *alias = (struct alias){.value = arena_slice(arena, buf_slice(&value)),
                                    .owner = tables[i].owner,
                                    .has_owner = tables[i].has_owner};
        return result;
    }
    return TABLE_NOT_FOUND;
}

enum table_result aliases_find(struct slice name, struct arena *arena, struct alias *alias,
                               struct error *error)
{
    struct slice key = arena_lower(arena, name);
    const struct alias_table *failed = NULL;
    enum table_result result = find(key, arena, alias, &failed, error);

    if (failed)
        error_set(error, ERROR_TEMPORARY, "%s: lookup of '%.*s' failed", failed->spec,
                  SLICE_ARG(key));
    return result;
}

enum table_result aliases_find_owner(struct slice name, struct arena *arena,
                                     struct alias *alias, struct error *error)
{
    const struct alias_table *failed = NULL;

    return find(arena_lower(arena, name), arena, alias, &failed, error);
}

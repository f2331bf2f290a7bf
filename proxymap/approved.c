/*
 * The set of approved tables.
 */
#include "approved.h"

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/conf.h"
#include "conf/overrides.h"
#include "table/cache.h"
#include "table/mention.h"
#include "table/shared.h"

static struct hash approved = {.key_case = HASH_EXACT};   /* spec -> struct table, open */
static struct hash changeable = {.key_case = HASH_EXACT}; /* spec -> struct cache, open */

static struct slice without_proxy(struct slice spec)
{
    while (slice_starts_with(spec, "proxy:"))
        spec = slice_from_offset(spec, sizeof("proxy:") - 1);
    return spec;
}

static void approve(struct slice spec)
{
    struct error error = ERROR_INIT;

    spec = without_proxy(spec);
    if (hash_has(&approved, spec) || slice_find(spec, ':') == spec.len)
        return;
    CLEANUP(mem_free_text) char *text = slice_dup(spec);

    hash_set(&approved, spec, table_shared(text, NULL, &error));
    if (error.kind != ERROR_NONE)
        log_error("%s", error.text);
}

static void approve_changes(struct slice spec)
{
    struct error error;
    struct cache *cache;

    spec = without_proxy(spec);
    if (hash_has(&changeable, spec) || slice_find(spec, ':') == spec.len)
        return;
    CLEANUP(mem_free_text) char *text = slice_dup(spec);

    cache = cache_open(text, &error);
    if (cache)
        hash_set(&changeable, spec, cache);
    else
        log_error("%s", error.text);
}

static void approve_proxied(const char *list, void (*take)(struct slice spec))
{
    struct slice rest = slice_from(list);
    struct table_mention mention;

    while (table_mention_next(&rest, &mention)) {
        if (slice_equals(mention.type, "proxy"))
            take(mention.name);
    }
}

/* "unix:private/auth" is how a parameter names a socket, "unix:passwd.byname" a table. */
static bool is_socket(const struct table_mention *mention)
{
    return slice_equals(mention->type, "unix") && !slice_ends_with(mention->name, ".byname");
}

static void approve_blocking(const char *value)
{
    struct slice rest = slice_from(value);
    struct table_mention mention;

    while (table_mention_next(&rest, &mention)) {
        if (table_driver_find(mention.type)->may_block && !is_socket(&mention))
            approve(mention.spec);
    }
}

static void approve_blocking_in_main_cf(void)
{
    struct hash_cursor cursor = {0};
    struct slice name;
    void *entry;

    while (hash_next(&conf_main_cf()->entries, &cursor, &name, &entry)) {
        const char *value = conf_lookup(((const struct main_cf_entry *)entry)->name);

        if (value)
            approve_blocking(value);
    }
}

static void approve_blocking_in_override(const char *name, const char *value)
{
    (void)name;
    approve_blocking(value);
}

void approved_open(const char *list)
{
    approve_proxied(list, approve);
    approve_blocking_in_main_cf();
    overrides_each(approve_blocking_in_override);
}

void approved_open_for_change(const char *list)
{
    approve_proxied(list, approve_changes);
}

struct table *approved_find(struct slice spec)
{
    return hash_get(&approved, without_proxy(spec));
}

struct cache *approved_find_for_change(struct slice spec)
{
    return hash_get(&changeable, without_proxy(spec));
}

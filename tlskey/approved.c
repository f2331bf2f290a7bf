#include "approved.h"

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/conf.h"
#include "conf/overrides.h"
#include "conf/words.h"

/* Every parameter is one of these before one of those. */
static const char *const owners[] = {"smtpd_tls_", "smtp_tls_", "lmtp_tls_", "postscreen_tls_"};
static const char *const endings[] = {
    "chain_files", "cert_file",   "key_file",   "dcert_file",
    "dkey_file",   "eccert_file", "eckey_file",
};
static const char sni_maps_name[] = "tls_server_sni_maps";

static struct hash files = {.key_case = HASH_EXACT};  /* path -> itself */
static struct hash tables = {.key_case = HASH_EXACT}; /* "type:name" -> struct table */
static struct hash lists = {.key_case = HASH_EXACT};  /* value of tls_server_sni_maps */

static const struct table_options sni_options = {.values_are_files = true};

static void approve_files(const char *value)
{
    struct slice rest = slice_from(value);
    struct slice word;

    while (words_next(&rest, WORDS_COMMA_SPACE, &word)) {
        if (!slice_equals(word, "none"))
            hash_set(&files, word, &files);
    }
}

static void approve_tables(const char *value)
{
    struct slice rest = slice_from(value);
    struct slice word;

    hash_set(&lists, slice_from(value), &lists);
    while (words_next(&rest, WORDS_COMMA_SPACE, &word)) {
        CLEANUP(mem_free_text) char *spec = slice_dup(word);
        struct error error = ERROR_INIT;

        if (hash_has(&tables, word))
            continue;
        hash_set(&tables, word, table_open_anyway(spec, &sni_options, &error));
        if (error.kind != ERROR_NONE)
            log_error("%s: %s", sni_maps_name, error.text);
    }
}

static bool names_files(struct slice name)
{
    for (size_t i = 0; i < ARRAY_SIZE(owners); i++) {
        if (!slice_starts_with(name, owners[i]))
            continue;
        struct slice ending = slice_from_offset(name, strlen(owners[i]));

        for (size_t k = 0; k < ARRAY_SIZE(endings); k++) {
            if (slice_equals(ending, endings[k]))
                return true;
        }
    }
    return false;
}

static void approve(const char *name, const char *value)
{
    if (names_files(slice_from(name)))
        approve_files(value);
    else if (strcmp(name, sni_maps_name) == 0)
        approve_tables(value);
}

static void approve_main_cf(void)
{
    const char *value = conf_lookup(sni_maps_name);

    if (value)
        approve_tables(value);
    for (size_t i = 0; i < ARRAY_SIZE(owners); i++) {
        for (size_t k = 0; k < ARRAY_SIZE(endings); k++) {
            CLEANUP(buf_release) struct buf name = BUF_INIT;

            buf_printf(&name, "%s%s", owners[i], endings[k]);
            value = conf_lookup(name.data);
            if (value)
                approve_files(value);
        }
    }
}

void approved_open(void)
{
    approve_main_cf();
    overrides_each(approve);
}

bool approved_file(struct slice path)
{
    return hash_has(&files, path);
}

/* Opened anew when it has changed: what is in it shall count at once. */
static struct table *current_table(struct slice spec)
{
    struct table *table = hash_get(&tables, spec);
    CLEANUP(mem_free_text) char *text = NULL;

    if (!table_has_changed(table))
        return table;
    text = slice_dup(spec);
    table_close(table);
    table = table_open_anyway(text, &sni_options, NULL);
    hash_set(&tables, spec, table);
    return table;
}

enum table_result approved_find(struct slice maps, struct slice name, struct buf *value,
                                struct error *error)
{
    struct slice rest = maps;
    struct slice word;

    if (!hash_has(&lists, maps)) {
        error_set(error, ERROR_PERMANENT, "%s \"%.*s\" is not in main.cf or master.cf",
                  sni_maps_name, SLICE_ARG(maps));
        return TABLE_ERROR;
    }
    while (words_next(&rest, WORDS_COMMA_SPACE, &word)) {
        enum table_result result = table_lookup(current_table(word), name, value, error);

        if (result != TABLE_NOT_FOUND)
            return result;
    }
    return TABLE_NOT_FOUND;
}

/*
 * Which names are parameters, and what is wrong with those that are set or referred to.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "conf/expand_syntax.h"
#include "conf/words.h"
#include "postconf.h"

static void add_known(struct postconf *postconf, struct slice name, int class,
                      const struct param_row *row)
{
    struct known *known;

    if (hash_has(&postconf->known, name))
        return;
    known = arena_new(&postconf->arena, struct known);
    *known =
        (struct known){.name = arena_text(&postconf->arena, name), .class = class, .row = row};
    (void)hash_set(&postconf->known, name, known);
}

/* The slices that an expression holds, for names_referenced to walk into. */
static size_t inner_texts(const struct expression *expression, struct slice inner[4])
{
    size_t n = 0;

    if (expression->kind != EXPRESSION_NAME)
        inner[n++] = expression->left;
    if (expression->kind == EXPRESSION_COMPARE)
        inner[n++] = expression->right;
    inner[n++] = expression->if_true;
    inner[n++] = expression->if_false;
    return n;
}

#define REFERENCE_DEPTH 64

void names_referenced(struct slice text, void (*visit)(void *context, struct slice name),
                      void *context)
{
    struct slice todo[REFERENCE_DEPTH] = {text};
    size_t n = 1;

    while (n > 0) {
        struct slice rest = todo[--n];
        struct expression expression;
        size_t dollar = slice_find(rest, '$');

        if (dollar == rest.len)
            continue;
        if (slice_starts_with(slice_from_offset(rest, dollar + 1), "$")) {
            todo[n++] = slice_from_offset(rest, dollar + 2);
            continue;
        }
        if (expression_parse(&expression, rest, dollar, NULL) < 0)
            continue;
        todo[n++] = slice_from_offset(rest, dollar + 1 + expression.length);
        if (expression.kind == EXPRESSION_NAME)
            visit(context, expression.name);
        if (n + 4 <= REFERENCE_DEPTH)
            n += inner_texts(&expression, todo + n);
    }
}

/* A name that a value refers to is a parameter when something defines it. */
static void validate_user_name(void *context, struct slice name)
{
    struct postconf *postconf = context;

    if (main_cf_find(&postconf->main_cf, name))
        add_known(postconf, name, CLASS_USER, NULL);
}

/* Programs that deliver mail have the qmgr's parameters under their service's name. */
static bool is_delivery_program(const char *program)
{
    static const char *const programs[] = {"local", "error", "virtual", "smtp", "lmtp", "pipe"};

    for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
        if (strcmp(program, programs[i]) == 0)
            return true;
    }
    return false;
}

static bool is_delivery_service(const struct postconf *postconf, struct slice name)
{
    for (size_t i = 0; i < postconf->master_cf.n_services; i++) {
        const struct master_service *service = &postconf->master_cf.services[i];

        if (slice_equals(name, service->name) && is_delivery_program(service->program))
            return true;
    }
    return false;
}

static void collect_rows(struct postconf *postconf)
{
    struct slice service;

    for (size_t i = 0; i < n_param_rows; i++) {
        const struct param_row *row = &param_rows[i];
        struct slice name = slice_from(row->name);

        if (row->kind != PARAM_KIND_TEMPLATE) {
            add_known(postconf, name,
                      param_template_find(name, &service) &&
                              is_delivery_service(postconf, service)
                          ? CLASS_SERVICE
                          : CLASS_BUILTIN,
                      row);
        }
    }
}

static bool template_applies(const struct param_row *row, const struct master_service *service)
{
    if (param_row_is_read_by(row, "qmgr"))
        return is_delivery_program(service->program);
    return param_row_is_read_by(row, service->program);
}

static void collect_service(struct postconf *postconf, const struct master_service *service)
{
    for (size_t i = 0; i < n_param_rows; i++) {
        const struct param_row *row = &param_rows[i];
        CLEANUP(buf_release) struct buf name = BUF_INIT;

        if (row->kind != PARAM_KIND_TEMPLATE || !template_applies(row, service))
            continue;
        buf_printf(&name, "%s_%s", service->name, row->name);
        add_known(postconf, buf_slice(&name), CLASS_SERVICE, row);
    }
    for (size_t i = 0; i < service->n_overrides; i++)
        names_referenced(slice_from(service->overrides[i].value), validate_user_name, postconf);
}

/* Restriction classes are parameters by being listed. */
static void collect_classes(struct postconf *postconf, const char *list)
{
    struct slice rest = slice_from(list);
    struct slice word;

    while (words_next(&rest, WORDS_COMMA_SPACE, &word))
        validate_user_name(postconf, word);
}

/* "ldap:NAME", where NAME is no file, has its settings in main.cf as NAME_server_host and so
 * on. */
static void collect_table_settings(struct postconf *postconf, const char *value)
{
    static const char *const types[] = {"ldap", "mysql", "pgsql", "sqlite", "memcache"};
    struct slice rest = slice_from(value);
    struct slice word;

    while (words_next(&rest, WORDS_COMMA_SPACE, &word)) {
        struct slice name = word;
        struct slice type = slice_split(&name, ':');
        struct hash_cursor cursor = {0};
        struct slice entry;
        void *unused;

        if (slice_equals(type, "proxy"))
            type = slice_split(&name, ':');
        for (size_t i = 0; i < ARRAY_SIZE(types) && name.len > 0 && name.ptr[0] != '/'; i++) {
            if (!slice_equals(type, types[i]))
                continue;
            while (hash_next(&postconf->main_cf.entries, &cursor, &entry, &unused)) {
                if (entry.len > name.len + 1 && entry.ptr[name.len] == '_' &&
                    slice_same(slice_sub(entry, 0, name.len), name))
                    add_known(postconf, entry, CLASS_USER, NULL);
            }
        }
    }
}

void names_collect(struct postconf *postconf)
{
    struct hash_cursor cursor = {0};
    struct slice name;
    void *value;

    collect_rows(postconf);
    for (size_t i = 0; i < postconf->master_cf.n_services; i++)
        collect_service(postconf, &postconf->master_cf.services[i]);
    while (hash_next(&postconf->main_cf.entries, &cursor, &name, &value)) {
        const struct main_cf_entry *entry = value;

        names_referenced(slice_from(entry->value), validate_user_name, postconf);
        collect_table_settings(postconf, entry->value);
        if (slice_equals(name, "smtpd_restriction_classes"))
            collect_classes(postconf, entry->value);
    }
}

/* Levenshtein's distance, for names of a length that parameters have; limit + 1 when above. */
static size_t distance(const char *a, const char *b, size_t limit)
{
    size_t rows[2][80];
    size_t la = strlen(a), lb = strlen(b);

    if (lb >= ARRAY_SIZE(rows[0]) || la > lb + limit || lb > la + limit)
        return limit + 1;
    for (size_t j = 0; j <= lb; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= la; i++) {
        const size_t *above = rows[(i - 1) % 2];
        size_t *row = rows[i % 2];

        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t best = above[j - 1] + (a[i - 1] != b[j - 1]);

            best = above[j] + 1 < best ? above[j] + 1 : best;
            row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
        }
    }
    return rows[la % 2][lb];
}

/* The known name that is at most two typing errors away, or NULL. */
static const char *nearest(const char *name)
{
    size_t best = 3;
    const char *found = NULL;

    for (size_t i = 0; i < n_param_rows; i++) {
        size_t d;

        if (param_rows[i].kind != PARAM_KIND_PLAIN)
            continue;
        d = distance(name, param_rows[i].name, 2);
        if (d < best) {
            best = d;
            found = param_rows[i].name;
        }
    }
    return found;
}

void names_warn_unknown(const struct postconf *postconf, const char *name)
{
    const char *known = nearest(name);

    (void)postconf;
    if (known)
        log_warning("%s: unknown parameter (the nearest is %s)", name, known);
    else
        log_warning("%s: unknown parameter", name);
}

static void warn_unused(const char *path, const char *name, const char *value)
{
    const char *known = nearest(name);

    if (known)
        log_warning("%s: unused parameter: %s=%s (the nearest name is %s)", path, name, value,
                    known);
    else
        log_warning("%s: unused parameter: %s=%s", path, name, value);
}

/* The name behind "deprecated: use NAME" in a row's note; empty when there is none. */
static struct slice replacement(const struct param_row *row)
{
    struct slice note = slice_from(row->note);

    if (row->kind == PARAM_KIND_OLD)
        return slice_from(row->replacement);
    if (!slice_starts_with(note, "deprecated: use "))
        return SLICE_EMPTY;
    note = slice_from_offset(note, strlen("deprecated: use "));
    return slice_word(&note, " ;");
}

static void warn_deprecated(const char *path, const struct param_row *row)
{
    struct slice use = replacement(row);

    if (row->kind == PARAM_KIND_OLD && use.len == 0)
        log_warning("%s: support for parameter \"%s\" has been removed", path, row->name);
    else if (use.len > 0) {
        log_warning(
            "%s: support for parameter \"%s\" will be removed; instead, specify \"%.*s\"", path,
            row->name, SLICE_ARG(use));
    } else if (slice_starts_with(slice_from(row->note), "deprecated")) {
        log_warning(
            "%s: support for parameter \"%s\" will be removed; instead, leave it at its "
            "default",
            path, row->name);
    }
}

struct undefined {
    const struct postconf *postconf;
    const struct master_service *service; /* whose -o options define names, too */
    const char *path;
    struct hash *reported;
};

static void warn_undefined(void *context, struct slice name)
{
    const struct undefined *undefined = context;
    const struct master_service *service = undefined->service;

    if (hash_has(&undefined->postconf->known, name) ||
        main_cf_find(&undefined->postconf->main_cf, name) ||
        hash_has(undefined->reported, name))
        return;
    for (size_t i = 0; service && i < service->n_overrides; i++) {
        if (slice_equals(name, service->overrides[i].name))
            return;
    }
    (void)hash_set(undefined->reported, name, undefined->reported);
    log_warning("%s: undefined parameter: %.*s", undefined->path, SLICE_ARG(name));
}

static void warn_comment(const char *path, const char *name, const char *value)
{
    struct slice rest = slice_from(value);
    struct slice word;

    while ((word = slice_word(&rest, " \t")).ptr) {
        if (word.ptr > value && slice_starts_with(word, "#")) {
            log_warning("%s: %s: #comment after other text is not allowed: %s", path, name,
                        word.ptr);
            return;
        }
    }
}

static int by_name(const void *a, const void *b)
{
    const struct main_cf_entry *const *left = a, *const *right = b;

    return strcmp((*left)->name, (*right)->name);
}

static void warn_entry(const struct postconf *postconf, const struct main_cf_entry *entry,
                       struct undefined *undefined)
{
    const struct known *known = hash_get(&postconf->known, slice_from(entry->name));

    if (!known)
        warn_unused(undefined->path, entry->name, entry->value);
    else if (known->row && !postconf->options.quiet)
        warn_deprecated(undefined->path, known->row);
    if (!known || !known->row || known->row->type != PARAM_TYPE_RAW)
        names_referenced(slice_from(entry->value), warn_undefined, undefined);
    warn_comment(undefined->path, entry->name, entry->value);
}

static void warn_main(const struct postconf *postconf)
{
    size_t n = 0, n_entries = postconf->main_cf.entries.n_entries;
    const struct main_cf_entry **entries =
        mem_array(const struct main_cf_entry *, n_entries + 1);
    struct hash reported = HASH_INIT;
    struct undefined undefined = {
        .postconf = postconf, .path = postconf->main_path.data, .reported = &reported};
    struct hash_cursor cursor = {0};
    struct slice name;
    void *value;

    while (hash_next(&postconf->main_cf.entries, &cursor, &name, &value))
        entries[n++] = value;
    qsort(entries, n, sizeof(void *), by_name);
    for (size_t i = 0; i < n; i++)
        warn_entry(postconf, entries[i], &undefined);
    hash_release(&reported, NULL);
    mem_free(entries);
}

static void warn_service(const struct postconf *postconf, const struct hash *used,
                         const struct master_service *service)
{
    struct hash reported = HASH_INIT;
    struct undefined undefined = {.postconf = postconf,
                                  .service = service,
                                  .path = postconf->master_path.data,
                                  .reported = &reported};

    for (size_t i = 0; i < service->n_overrides; i++) {
        const struct master_override *override = &service->overrides[i];
        const struct known *known = hash_get(&postconf->known, slice_from(override->name));

        if (!known && !hash_has(used, slice_from(override->name)))
            warn_unused(undefined.path, override->name, override->value);
        else if (known && known->row && !postconf->options.quiet)
            warn_deprecated(undefined.path, known->row);
        if (!known || !known->row || known->row->type != PARAM_TYPE_RAW)
            names_referenced(slice_from(override->value), warn_undefined, &undefined);
    }
    hash_release(&reported, NULL);
}

static void note_used(void *context, struct slice name)
{
    (void)hash_set(context, name, context);
}

static void note_overrides(struct hash *used, const struct master_service *service)
{
    for (size_t i = 0; i < service->n_overrides; i++) {
        const struct master_override *override = &service->overrides[i];
        struct slice rest = slice_from(override->value), word;

        names_referenced(slice_from(override->value), note_used, used);
        while (strcmp(override->name, "smtpd_restriction_classes") == 0 &&
               words_next(&rest, WORDS_COMMA_SPACE, &word))
            note_used(used, word);
    }
}

/* An -o name of the user's own is of use when main.cf or another -o refers to it. */
static void warn_master(const struct postconf *postconf)
{
    struct hash used = HASH_INIT;
    struct hash_cursor cursor = {0};
    struct slice name;
    void *value;

    while (hash_next(&postconf->main_cf.entries, &cursor, &name, &value))
        names_referenced(slice_from(((const struct main_cf_entry *)value)->value), note_used,
                         &used);
    for (size_t i = 0; i < postconf->master_cf.n_services; i++)
        note_overrides(&used, &postconf->master_cf.services[i]);
    for (size_t i = 0; i < postconf->master_cf.n_services; i++)
        warn_service(postconf, &used, &postconf->master_cf.services[i]);
    hash_release(&used, NULL);
}

void names_warn(const struct postconf *postconf)
{
    if (postconf->options.defaults)
        return;
    if (postconf->options.subject == SUBJECT_MAIN)
        warn_main(postconf);
    warn_master(postconf);
}

/*
 * Finding the names that are parameters.
 */
#include "conf/known_names.h"

#include <string.h>

#include "base/mem.h"
#include "conf/expand_syntax.h"
#include "conf/table_names.h"
#include "conf/words.h"

void known_names_init(struct known_names *known, const struct main_cf *main_cf,
                      const struct master_cf *master_cf)
{
    *known = (struct known_names){
        .main_cf = main_cf, .master_cf = master_cf, .arena = ARENA_INIT, .names = HASH_INIT};
}

void known_names_release(struct known_names *known)
{
    hash_release(&known->names, NULL);
    arena_release(&known->arena);
}

const struct known_name *known_names_find(const struct known_names *known, struct slice name)
{
    return hash_get(&known->names, name);
}

static void add_known(struct known_names *known, struct slice name, int class,
                      const struct param_row *row)
{
    struct known_name *entry;

    if (hash_has(&known->names, name))
        return;
    entry = arena_new(&known->arena, struct known_name);
    *entry = (struct known_name){
        .name = arena_text(&known->arena, name), .class = class, .row = row};
    (void)hash_set(&known->names, name, entry);
}

struct search {
    struct slice name;
    bool is_found;
};

static void search_name(void *context, struct slice name)
{
    struct search *search = context;

    search->is_found |= slice_same(name, search->name);
}

bool param_old_is_read(const struct param_row *row)
{
    const struct param_row *successor = param_row_find(slice_from(param_replacement(row)));
    struct search search = {.name = slice_from(param_name(row))};

    if (successor)
        names_referenced(slice_from(param_default(successor)), search_name, &search);
    return search.is_found;
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
    struct known_names *known = context;

    if (main_cf_find(known->main_cf, name))
        add_known(known, name, NAME_CLASS_USER, param_row_find(name));
}

/* A former name counts while the default of its successor refers to it. */
static void collect_former(struct known_names *known, const struct param_row *row)
{
    struct slice name = slice_from(param_name(row));
    bool is_set =
        main_cf_find(known->main_cf, name) || master_cf_overrides(known->master_cf, name);

    if (param_old_is_read(row))
        add_known(known, name, is_set ? NAME_CLASS_USER : NAME_CLASS_FORMER, row);
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

static bool is_delivery_service(const struct known_names *known, struct slice name)
{
    for (size_t i = 0; i < known->master_cf->n_services; i++) {
        const struct master_service *service = &known->master_cf->services[i];

        if (slice_equals(name, service->name) && is_delivery_program(service->program))
            return true;
    }
    return false;
}

/* smtp_destination_recipient_limit and the like are there as long as the service is. */
static void collect_plain(struct known_names *known, const struct param_row *row)
{
    struct slice name = slice_from(param_name(row));
    struct slice service;
    const struct param_row *template = param_template_find(name, &service);

    if (template && is_delivery_service(known, service))
        add_known(known, name, NAME_CLASS_SERVICE, row);
    else if (!template || strcmp(param_default(template), param_default(row)) != 0)
        add_known(known, name, NAME_CLASS_BUILTIN, row);
}

static void collect_rows(struct known_names *known)
{
    for (size_t i = 0; i < n_param_rows; i++) {
        if (param_rows[i].kind == PARAM_KIND_OLD)
            collect_former(known, &param_rows[i]);
        else if (param_rows[i].kind == PARAM_KIND_PLAIN)
            collect_plain(known, &param_rows[i]);
    }
}

static bool template_applies(const struct param_row *row, const struct master_service *service)
{
    if (param_row_is_read_by(row, "qmgr"))
        return is_delivery_program(service->program);
    return param_row_is_read_by(row, service->program);
}

static void collect_service(struct known_names *known, const struct master_service *service)
{
    for (size_t i = 0; i < n_param_rows; i++) {
        const struct param_row *row = &param_rows[i];
        CLEANUP(buf_release) struct buf name = BUF_INIT;

        if (row->kind != PARAM_KIND_TEMPLATE || !template_applies(row, service))
            continue;
        buf_printf(&name, "%s_%s", service->name, param_name(row));
        add_known(known, buf_slice(&name), NAME_CLASS_SERVICE, row);
    }
    for (size_t i = 0; i < service->n_overrides; i++)
        names_referenced(slice_from(service->overrides[i].value), validate_user_name, known);
}

/* Restriction classes are parameters by being listed. */
static void collect_classes(struct known_names *known, const char *list)
{
    struct slice rest = slice_from(list);
    struct slice word;

    while (words_next(&rest, WORDS_COMMA_SPACE, &word))
        validate_user_name(known, word);
}

/* "ldap:NAME", where NAME is no file, has its settings in main.cf as NAME_server_host and so
 * on. */
static void collect_table(void *context, const struct table_type *type, struct slice name)
{
    const char *setting;

    if (name.ptr[0] == '/')
        return;
    for (size_t i = 0; (setting = table_type_setting(type, i)); i++) {
        CLEANUP(buf_release) struct buf parameter = BUF_INIT;

        buf_printf(&parameter, "%.*s_%s", SLICE_ARG(name), setting);
        validate_user_name(context, buf_slice(&parameter));
    }
}

void known_names_collect(struct known_names *known)
{
    struct hash_cursor cursor = {0};
    struct slice name;
    void *value;

    collect_rows(known);
    for (size_t i = 0; i < known->master_cf->n_services; i++)
        collect_service(known, &known->master_cf->services[i]);
    while (hash_next(&known->main_cf->entries, &cursor, &name, &value)) {
        const struct main_cf_entry *entry = value;

        names_referenced(slice_from(entry->value), validate_user_name, known);
        tables_mentioned(slice_from(entry->value), collect_table, known);
        if (slice_equals(name, "smtpd_restriction_classes"))
            collect_classes(known, entry->value);
    }
}

/* Levenshtein's distance. */
size_t name_distance(const char *a, const char *b, size_t limit)
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

const char *param_name_nearest(const char *name)
{
    size_t best = NAME_ERRORS_MAX + 1;
    const char *found = NULL;

    for (size_t i = 0; i < n_param_rows; i++) {
        size_t d;

        if (param_rows[i].kind != PARAM_KIND_PLAIN)
            continue;
        d = name_distance(name, param_name(&param_rows[i]), NAME_ERRORS_MAX);
        if (d > 0 && d < best) {
            best = d;
            found = param_name(&param_rows[i]);
        }
    }
    return found;
}

/* The table of restrictions, and lists of them. */
#include "restriction.h"

#include <sysexits.h>

#include "base/bug.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/conf.h"
#include "conf/params.h"
#include "conf/restrictions.h"
#include "conf/words.h"
#include "dns/filter.h"
#include "policy_server.h"
#include "route/open_maps.h"

/* One for each row: a further restriction is a row of conf/restrictions.def and a function. */
static restriction_fn *const functions[] = {
#define RESTRICTION(name, function, argument) function,
#include "conf/restrictions.def"
};

/* -- restrictions that stand for trouble ----------------------------------------------------
 */

static enum access_result unknown(struct check *check, const struct restriction *restriction)
{
    log_warning("unknown smtpd restriction: \"%s\"", restriction->name);
    return check_misconfigured(check);
}

static enum access_result bad_table(struct check *check, const struct restriction *restriction)
{
    log_warning("restriction %s: bad argument \"%s\": need maptype:mapname", restriction->name,
                restriction->argument ? restriction->argument : restriction->name);
    return check_misconfigured(check);
}

static enum access_result bad_domain(struct check *check, const struct restriction *restriction)
{
    (void)check;
    log_warning("restriction %s requires domain name argument", restriction->name);
    return ACCESS_DUNNO;
}

static enum access_result bad_filter(struct check *check, const struct restriction *restriction)
{
    log_warning("restriction %s: malformed filter in \"%s\"", restriction->name,
                restriction->argument);
    return check_misconfigured(check);
}

static enum access_result bad_number(struct check *check, const struct restriction *restriction)
{
    log_warning("restriction %s must be followed by number", restriction->name);
    return check_misconfigured(check);
}

static enum access_result table_in_table(struct check *check,
                                         const struct restriction *restriction)
{
    log_warning("access table %s has entry with lookup table: %s", restriction->argument,
                restriction->name);
    log_warning("do not specify lookup tables inside SMTPD access maps");
    log_warning("define a restriction class and specify its name instead.");
    return check_misconfigured(check);
}

/* -- parsing ------------------------------------------------------------------------------- */

/* Class name -> struct restriction_list; filled in two steps, so that classes may be mutual. */
static struct hash classes;
static struct arena arena; /* of all lists in main.cf */

struct parser {
    struct slice rest;
    struct arena *arena;
    const char *table_name; /* the access table whose result it is; NULL: main.cf */
    struct restriction *items;
    size_t count, capacity;
    bool after_warn_if_reject;
};

static struct restriction *add(struct parser *parser, restriction_fn *run, const char *name)
{
    if (parser->count == parser->capacity) {
        size_t capacity = parser->capacity ? parser->capacity * 2 : 8;
        struct restriction *items = arena_array(parser->arena, struct restriction, capacity);

        if (parser->count)
            memcpy(items, parser->items, parser->count * sizeof(*items));
        parser->items = items;
        parser->capacity = capacity;
    }
    parser->items[parser->count] = (struct restriction){
        .run = run, .name = name, .only_warns = parser->after_warn_if_reject};
    parser->after_warn_if_reject = false;
    return &parser->items[parser->count++];
}

static bool spec_is_pattern(struct slice spec)
{
    const struct table_driver *driver;

    while (slice_starts_with(spec, "proxy:"))
        spec = slice_from_offset(spec, 6);
    driver = table_driver_find(slice_sub(spec, 0, slice_find(spec, ':')));
    return driver && driver->is_pattern;
}

static struct access_table open_table(const char *spec)
{
    return (struct access_table){
        .maps = open_maps(maps_open, "smtpd access", spec),
        .spec = spec,
        .is_pattern = spec_is_pattern(slice_from(spec)),
    };
}

/* Tables may be in braces: "check_client_access { inline:{a=b, c=d} }". */
static bool next_word(struct parser *parser, struct slice *word)
{
    struct error error;

    if (!words_next(&parser->rest, WORDS_COMMA_SPACE, word))
        return false;
    if (parser->table_name == NULL && word->len && word->ptr[0] == '{')
        return words_unbrace(*word, word, &error) == 0;
    return true;
}

static void parse_table_argument(struct parser *parser, struct restriction *item)
{
    struct slice word = SLICE_EMPTY; /* an argument may be missing */

    if (parser->table_name) {
        item->argument = parser->table_name;
        item->name = arena_printf(parser->arena, "%s%.*s", item->name,
                                  SLICE_ARG(slice_trim_right(parser->rest)));
        parser->rest = SLICE_EMPTY;
        item->run = table_in_table;
    } else if (!next_word(parser, &word) || !restriction_is_table(word)) {
        item->argument = word.len ? arena_text(parser->arena, word) : NULL;
        item->run = bad_table;
    } else {
        item->argument = arena_text(parser->arena, word);
        item->table = open_table(item->argument);
    }
}

static enum access_result bad_ccert_order(struct check *check,
                                          const struct restriction *restriction)
{
    log_warning("restriction %s: bad search_order in \"%s\": need some of cert_fingerprint, "
                "pubkey_fingerprint, subject, issuer",
                restriction->name, restriction->argument);
    return check_misconfigured(check);
}

/* "{ search_order = subject, issuer }" behind the table. */
static void parse_ccert_order(struct restriction *item, struct slice options)
{
    struct slice option, name;
    struct error error;

    item->number = -1;
    if (words_next(&options, WORDS_COMMA_SPACE, &option) &&
        words_unbrace(option, &option, &error) == 0) {
        name = slice_trim(slice_split(&option, '='));
        if (slice_equals(name, "search_order"))
            item->number = restriction_parse_ccert_order(option);
    }
    if (item->number < 0)
        item->run = bad_ccert_order;
}

static void parse_ccert(struct parser *parser, struct restriction *item)
{
    struct slice rest = SLICE_EMPTY;

    parse_table_argument(parser, item);
    if (item->run != restrict_ccert_access)
        return;
    rest = slice_from(item->argument);
    /* The table itself may have blanks and commas only within braces. */
    (void)words_next(&rest, WORDS_COMMA_SPACE, &(struct slice){.len = 0});
    if (slice_trim(rest).len > 0)
        parse_ccert_order(item, rest);
}

static enum access_result bad_policy(struct check *check, const struct restriction *restriction)
{
    log_warning("restriction %s: bad argument \"%s\": need transport:endpoint",
                restriction->name, restriction->argument);
    return check_misconfigured(check);
}

/* A server that main.cf names in a wrong way ends the start; one in a table, its request. */
static void parse_policy(struct parser *parser, struct restriction *item)
{
    struct slice word = SLICE_EMPTY;
    struct error error;

    (void)next_word(parser, &word);
    item->argument = arena_text(parser->arena, word);
    item->policy = policy_server_find(slice_from(item->argument), &error);
    if (item->policy)
        return;
    if (!parser->table_name)
        fatal(EX_CONFIG, "%s", error.text);
    item->run = bad_policy;
}

/* "bl.example.com=127.0.0.[2..4]" */
static bool has_bad_filter(struct slice list)
{
    size_t equals = slice_find(list, '=');

    return equals < list.len && !dns_filter_is_valid(slice_from_offset(list, equals + 1));
}

static void parse_argument(struct parser *parser, struct restriction *item,
                           enum restriction_argument argument)
{
    struct slice word = SLICE_EMPTY;
    int64_t number;

    switch (argument) {
    case RESTRICTION_ARGUMENT_NONE:
        return;
    case RESTRICTION_ARGUMENT_TABLE:
        parse_table_argument(parser, item);
        return;
    case RESTRICTION_ARGUMENT_CCERT:
        parse_ccert(parser, item);
        return;
    case RESTRICTION_ARGUMENT_DOMAIN:
        if (!next_word(parser, &word))
            item->run = bad_domain;
        else if (has_bad_filter(word))
            item->run = bad_filter;
        item->argument = arena_text(parser->arena, word);
        return;
    case RESTRICTION_ARGUMENT_NUMBER:
        if (!next_word(parser, &word) || !slice_to_int(word, 0, INT32_MAX, &number))
            item->run = bad_number;
        else
            item->number = (int)number;
        return;
    case RESTRICTION_ARGUMENT_POLICY:
        parse_policy(parser, item);
        return;
    }
}

static void parse_word(struct parser *parser, struct slice word)
{
    const char *name = arena_text(parser->arena, word);
    const struct restriction_row *row = restriction_row_find(word);
    const struct restriction_list *list;

    if (slice_equals_nocase(word, "warn_if_reject")) {
        parser->after_warn_if_reject = true;
        return;
    }
    if (row) {
        parse_argument(parser, add(parser, functions[row - restriction_rows], row->name),
                       row->argument);
        return;
    }
    list = hash_get(&classes, word);
    if (list) {
        add(parser, restrict_class, name)->list = list;
    } else if (!restriction_is_table(word)) {
        add(parser, unknown, name);
        if (slice_starts_with_nocase(word, "check_"))
            (void)next_word(parser, &word); /* its argument */
    } else if (parser->table_name) {
        add(parser, table_in_table, name)->argument = parser->table_name;
    } else {
        struct restriction *item = add(parser, restrict_table, name);

        item->argument = name;
        item->table = open_table(name);
    }
}

static void parse(struct parser *parser, const char *list_name, struct restriction_list *list)
{
    struct slice word;

    while (next_word(parser, &word))
        parse_word(parser, word);
    *list = (struct restriction_list){
        .name = list_name, .items = parser->items, .count = parser->count};
}

/* smtpd_restriction_classes: names first, then what they mean. */
static void open_classes(void)
{
    static bool is_open;
    struct slice rest = slice_from(params.smtpd_restriction_classes);
    struct hash_cursor cursor = {0};
    struct slice name;
    void *list;

    if (is_open)
        return;
    is_open = true;
    classes = HASH_INIT_NOCASE;
    while (words_next(&rest, WORDS_COMMA_SPACE, &name))
        (void)hash_set(&classes, name, arena_new(&arena, struct restriction_list));
    while (hash_next(&classes, &cursor, &name, &list)) {
        const char *class_name = arena_text(&arena, name);
        const char *text = conf_lookup(class_name);
        struct parser parser = {.rest = slice_from(text), .arena = &arena};

        if (!text)
            log_warning("restriction class `%.*s' needs a definition", SLICE_ARG(name));
        parse(&parser, class_name, list);
    }
}

const struct restriction_list *restriction_list_parse(const char *name, const char *text)
{
    struct restriction_list *list = arena_new(&arena, struct restriction_list);
    struct parser parser = {.rest = slice_from(text), .arena = &arena};

    open_classes();
    parse(&parser, name, list);
    return list;
}

const struct restriction_list *restriction_list_parse_result(struct slice text,
                                                             const char *table_name,
                                                             struct arena *result_arena)
{
    struct restriction_list *list = arena_new(result_arena, struct restriction_list);
    struct parser parser = {.rest = text, .arena = result_arena, .table_name = table_name};

    parse(&parser, table_name, list);
    return list;
}

/* The lists that a search has got to, each once: classes may name each other. */
struct search {
    const struct restriction_list **lists;
    size_t count;
};

static void search_in(struct search *search, const struct restriction_list *list)
{
    for (size_t i = 0; i < search->count; i++) {
        if (search->lists[i] == list)
            return;
    }
    search->lists[search->count++] = list;
}

bool restriction_list_has(const struct restriction_list *list, const char *name,
                          enum restriction_force force)
{
    CLEANUP(arena_release) struct arena scratch = ARENA_INIT;
    struct search search = {
        .lists = arena_array(&scratch, const struct restriction_list *, classes.n_entries + 1)};

    search_in(&search, list);
    for (size_t n = 0; n < search.count; n++) {
        for (size_t i = 0; i < search.lists[n]->count; i++) {
            const struct restriction *item = &search.lists[n]->items[i];

            if (force == RESTRICTION_ENFORCED && item->only_warns)
                continue;
            if (strcmp(item->name, name) == 0)
                return true;
            if (item->list)
                search_in(&search, item->list);
        }
    }
    return false;
}

/*
 * Matching names and clients against pattern lists.
 */
#include "table/match_list.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/trace.h"
#include "table/fold.h"
#include "table/match_pattern.h"

struct match_list *match_list_open(const char *title, const char *patterns,
                                   enum match_parents parents, struct error *error)
{
    struct match_list *list = mem_new(struct match_list);
    struct error first = ERROR_INIT;

    list->title = mem_dup_text(title);
    list->parents = parents;
    match_patterns_parse(list, slice_from(patterns), &first);
    if (error && first.kind != ERROR_NONE)
        *error = first;
    return list;
}

void match_list_free(struct match_list *list)
{
    if (!list)
        return;
    for (struct match_pattern *pattern = list->first; pattern; pattern = pattern->next) {
        if (pattern->is_own_table)
            table_close(pattern->table);
    }
    arena_release(&list->arena);
    mem_free(list->title);
    mem_free(list);
}

bool match_list_is_empty(const struct match_list *list)
{
    return list->first == NULL;
}

static enum table_result table_failed(const struct match_list *list, const struct table *table,
                                      const struct error *detail, struct error *error)
{
    if (detail->text[0])
        log_warning("%s", detail->text);
    error_set(error, ERROR_TEMPORARY, "%s: %s: table lookup problem", list->title, table->spec);
    return TABLE_ERROR;
}

static enum table_result ask_table(const struct match_list *list, struct table *table,
                                   struct slice key, struct error *error)
{
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    struct error detail = ERROR_INIT;
    enum table_result result = table_lookup(table, key, &value, &detail);

    return result == TABLE_ERROR ? table_failed(list, table, &detail, error) : result;
}

/* The name and, one by one, its parents: ".example.com" or "example.com". */
static enum table_result ask_table_name(const struct match_list *list, struct table *table,
                                        struct slice name, struct error *error)
{
    while (name.len) {
        enum table_result result = ask_table(list, table, name, error);
        size_t dot;

        if (result != TABLE_NOT_FOUND || list->parents == MATCH_PARENTS_NEVER)
            return result;
        dot = slice_find(slice_from_offset(name, 1), '.') + 1;
        if (dot >= name.len)
            break;
        name = slice_from_offset(name, list->parents == MATCH_PARENTS_BARE ? dot + 1 : dot);
    }
    return TABLE_NOT_FOUND;
}

static bool name_matches(const struct match_list *list, struct slice name, struct slice text)
{
    struct slice suffix;

    if (slice_same(name, text))
        return true;
    if (name.len <= text.len || text.len == 0)
        return false;
    suffix = slice_from_offset(name, name.len - text.len);
    switch (list->parents) {
    case MATCH_PARENTS_DOT:
        return text.ptr[0] == '.' && slice_same(suffix, text);
    case MATCH_PARENTS_BARE:
        return name.ptr[name.len - text.len - 1] == '.' && slice_same(suffix, text);
    case MATCH_PARENTS_NEVER:
    default:
        return false;
    }
}

/* What one pattern says about a folded name. */
static enum table_result match_name(const struct match_list *list,
                                    const struct match_pattern *pattern, struct slice name,
                                    struct error *error)
{
    if (pattern->table)
        return ask_table_name(list, pattern->table, name, error);
    return name_matches(list, name, pattern->text) ? TABLE_FOUND : TABLE_NOT_FOUND;
}

/* What one pattern says about an address. */
static enum table_result match_address(const struct match_list *list,
                                       const struct match_pattern *pattern,
                                       const struct endpoint *address, struct error *error)
{
    char text[ENDPOINT_TEXT_BYTES];
    struct slice numeric = slice_from(endpoint_text(address, text));

    if (pattern->table)
        return ask_table(list, pattern->table, numeric, error);
    if (slice_same_nocase(pattern->text, numeric))
        return TABLE_FOUND;
    if (!pattern->is_network || (slice_find(numeric, ':') < numeric.len) != pattern->is_ipv6)
        return TABLE_NOT_FOUND;
    if (pattern->trouble) {
        error_set(error, ERROR_TEMPORARY, "%s: %s", list->title, pattern->trouble);
        return TABLE_ERROR;
    }
    return network_contains(&pattern->network, address) ? TABLE_FOUND : TABLE_NOT_FOUND;
}

static void trace_match(const struct match_list *list, struct slice name,
                        const struct match_pattern *pattern)
{
    trace_step("%s: \"%.*s\" %s %s%.*s", list->title, SLICE_ARG(name),
               pattern->is_negated ? "is excluded by" : "matches",
               pattern->is_negated ? "!" : "",
               SLICE_ARG(pattern->table ? slice_from(pattern->table->spec) : pattern->text));
}

/* The first pattern that matches decides. address may be NULL. */
static enum table_result match(const struct match_list *list, struct slice name,
                               const struct endpoint *address, struct error *error)
{
    CLEANUP(buf_release) struct buf folded = BUF_INIT;

    table_fold(&folded, name);
    for (const struct match_pattern *pattern = list->first; pattern; pattern = pattern->next) {
        enum table_result result = match_name(list, pattern, buf_slice(&folded), error);

        if (result == TABLE_NOT_FOUND && address)
            result = match_address(list, pattern, address, error);
        if (result == TABLE_ERROR)
            return TABLE_ERROR;
        if (result == TABLE_FOUND && trace_is_on)
            trace_match(list, name, pattern);
        if (result == TABLE_FOUND)
            return pattern->is_negated ? TABLE_NOT_FOUND : TABLE_FOUND;
    }
    trace_step("%s: \"%.*s\" is not listed", list->title, SLICE_ARG(name));
    return TABLE_NOT_FOUND;
}

enum table_result match_list_name(struct match_list *list, struct slice name,
                                  struct error *error)
{
    return match(list, name, NULL, error);
}

enum table_result match_list_client(struct match_list *list, struct slice name,
                                    const struct endpoint *address, struct error *error)
{
    int family = endpoint_family(address);

    return match(list, name, family == AF_INET || family == AF_INET6 ? address : NULL, error);
}

/*
 * cidr:/path: networks in an ordered list, for keys that are addresses. No key but an address
 * is ever found.
 */
#include "base/arena.h"
#include "base/mem.h"
#include "net/endpoint.h"
#include "table/drivers.h"
#include "table/entry.h"
#include "table/rules.h"

struct cidr_rule {
    struct rule rule;
    struct network network;
    struct slice value;
};

struct cidr_table {
    struct table table;
    struct arena arena; /* the rules and their values */
    struct rule *first;
    struct file_watch watch;
};

static struct cidr_table *cidr_of(struct table *table)
{
    return CONTAINER_OF(table, struct cidr_table, table);
}

static const struct cidr_rule *cidr_rule(struct rule *rule)
{
    return CONTAINER_OF(rule, struct cidr_rule, rule);
}

/* A rule about networks of the other family holds in neither sense. */
static bool rule_holds(const struct cidr_rule *rule, const struct endpoint *address)
{
    return rule->network.family == endpoint_family(address) &&
           network_contains(&rule->network, address) != rule->rule.is_negated;
}

static struct slice skip_word(struct slice line, size_t len)
{
    return slice_trim(slice_from_offset(line, len));
}

/* "!10.0.0.0/8": the pattern without its signs. */
static struct slice parse_negation(struct slice line, bool *is_negated)
{
    *is_negated = false;
    while (line.len && line.ptr[0] == '!') {
        *is_negated = !*is_negated;
        line = skip_word(line, 1);
    }
    return line;
}

/* The text behind the pattern, read from files where the options say so. */
static bool parse_value(struct cidr_table *cidr, struct cidr_rule *rule, struct slice text,
                        const struct table_options *options, const struct table_source *source)
{
    CLEANUP(buf_release) struct buf contents = BUF_INIT;
    struct error error;

    if (text.len == 0) {
        rule_warn("cidr", source, "no lookup result: skipping this rule");
        return false;
    }
    if (options->values_are_files) {
        if (table_entry_read_files(text, &contents, &error) < 0) {
            rule_warn("cidr", source, "%s: skipping this rule", error.text);
            return false;
        }
        text = buf_slice(&contents);
    }
    rule->value = arena_slice(&cidr->arena, text);
    return true;
}

static bool parse_network(struct cidr_rule *rule, struct slice text,
                          const struct table_source *source)
{
    struct error error;

    if (text.len == 0) {
        rule_warn("cidr", source, "no address pattern: skipping this rule");
        return false;
    }
    if (network_parse(&rule->network, text, &error) < 0) {
        rule_warn("cidr", source, "%s: skipping this rule", error.text);
        return false;
    }
    return true;
}

static bool parse_rule(struct cidr_table *cidr, struct cidr_rule *rule, struct slice line,
                       const struct table_options *options, const struct table_source *source)
{
    if (rule_is_word(line, "IF")) {
        rule->rule.kind = RULE_IF;
        line = parse_negation(skip_word(line, 2), &rule->rule.is_negated);
        return parse_network(rule, line, source);
    }
    line = parse_negation(line, &rule->rule.is_negated);

    struct slice pattern = slice_sub(line, 0, slice_find_any(line, " \t\r\n\f\v"));
    struct slice value = skip_word(line, pattern.len);

    return parse_value(cidr, rule, value, options, source) &&
           parse_network(rule, pattern, source);
}

/* False, after a warning, when an ENDIF has no IF or has something behind it. */
static bool parse_endif(const struct rule_list *list, struct slice line,
                        const struct table_source *source)
{
    if (skip_word(line, sizeof("ENDIF") - 1).len) {
        rule_warn("cidr", source, "garbage after ENDIF: skipping this rule");
        return false;
    }
    if (!rule_list_in_if(list)) {
        rule_warn("cidr", source, "ENDIF without IF: skipping this rule");
        return false;
    }
    return true;
}

static void read_rules(struct cidr_table *cidr, struct table_source *source,
                       const struct table_options *options)
{
    struct rule_list list;
    struct slice line;

    rule_list_init(&list);
    while (table_source_next(source, &line)) {
        struct cidr_rule *rule = arena_new(&cidr->arena, struct cidr_rule);
        bool is_good;

        line = slice_trim(line);
        rule->rule.line = source->line;
        if (rule_is_word(line, "ENDIF")) {
            rule->rule.kind = RULE_ENDIF;
            is_good = parse_endif(&list, line, source);
        } else {
            is_good = parse_rule(cidr, rule, line, options, source);
        }
        if (is_good)
            rule_list_add(&list, &rule->rule);
    }
    rule_list_finish(&list, "cidr", source);
    cidr->first = list.first;
}

static struct table *cidr_open(const char *name, const struct table_options *options,
                               struct error *error)
{
    CLEANUP(table_source_release) struct table_source source;
    struct cidr_table *cidr;

    if (table_source_open_rules(&source, "cidr", name, error) < 0)
        return NULL;
    cidr = mem_new(struct cidr_table);
    read_rules(cidr, &source, options);
    cidr->watch = source.watch;
    source.watch = FILE_WATCH_INIT;
    return &cidr->table;
}

static void cidr_close(struct table *table)
{
    struct cidr_table *cidr = cidr_of(table);

    arena_release(&cidr->arena);
    file_watch_close(&cidr->watch);
    mem_free(cidr);
}

static enum table_result cidr_lookup(struct table *table, struct slice key, struct buf *value,
                                     struct error *error)
{
    struct endpoint address;
    struct rule *rule = cidr_of(table)->first;

    (void)error;
    if (endpoint_parse(&address, key, 0) < 0)
        return TABLE_NOT_FOUND;
    endpoint_unmap(&address);
    for (; rule; rule = rule->next) {
        if (rule->kind == RULE_ENDIF)
            continue;
        if (rule_holds(cidr_rule(rule), &address)) {
            if (rule->kind == RULE_IF)
                continue;
            buf_set(value, cidr_rule(rule)->value);
            return TABLE_FOUND;
        }
        if (rule->kind == RULE_IF && !(rule = rule->endif))
            break;
    }
    return TABLE_NOT_FOUND;
}

static bool cidr_has_changed(struct table *table)
{
    return file_watch_changed(&cidr_of(table)->watch);
}

const struct table_driver table_cidr = {
    .type = "cidr",
    .is_pattern = true,
    .open = cidr_open,
    .lookup = cidr_lookup,
    .close = cidr_close,
    .has_changed = cidr_has_changed,
};

/*
 * tassis check: values that stand in the tables a parameter names, as far as the tables are
 * here to be read: in main.cf itself, or in files.
 */
#include <string.h>

#include "base/mem.h"
#include "check.h"
#include "table/mention.h"
#include "table/table.h"

enum { ENTRIES_MAX = 10000, FINDINGS_MAX = 5 };

struct reading {
    struct entry entry;
    void (*look)(const struct entry *entry);
    int n_entries, n_findings;
};

/* A table that stands in main.cf itself is not said again. */
void check_entry_report(const struct entry *entry, const char *kind, const char *text)
{
    struct slice source = slice_equals(entry->mention->type, "inline") ? entry->mention->type
                                                                       : entry->mention->spec;

    (*entry->n_findings)++;
    report(entry->check->report, SEVERITY_WARNING, check_place(kind, entry->setting),
           "%s: %.*s: %.*s%s%s", entry->setting->name, SLICE_ARG(source), SLICE_ARG(entry->key),
           entry->key.len > 0 ? ": " : "", text);
}

static bool take(void *context, struct slice key, struct slice value)
{
    struct reading *reading = context;

    reading->entry.key = key;
    reading->entry.value = value;
    reading->look(&reading->entry);
    return ++reading->n_entries < ENTRIES_MAX && reading->n_findings < FINDINGS_MAX;
}

static void read_table(struct reading *reading)
{
    const struct table_driver *driver = table_driver_find(reading->entry.mention->type);
    CLEANUP(mem_free_text) char *spec = slice_dup(reading->entry.mention->spec);
    struct error error;

    if (!driver->walk || driver->may_block || driver->is_open_network)
        return;
    struct table *table = table_open(spec, NULL, &error);

    if (!table) /* which is said elsewhere */
        return;
    (void)!table_walk(table, take, reading, &error);
    table_close(table);
}

void check_entries(struct check *check, const struct setting *setting,
                   void (*look)(const struct entry *entry))
{
    struct slice rest = slice_from(setting->value);
    struct table_mention mention;

    while (table_mention_next(&rest, &mention)) {
        struct reading reading = {.look = look};

        reading.entry = (struct entry){.check = check,
                                       .setting = setting,
                                       .mention = &mention,
                                       .key = SLICE_EMPTY,
                                       .value = mention.name,
                                       .n_findings = &reading.n_findings};
        if (!slice_equals(mention.type, "static"))
            read_table(&reading);
        else if (!slice_starts_with(mention.name, "{"))
            look(&reading.entry);
    }
}

/*
 * What is wrong with the names that are set or referred to.
 */
#include "conf/examine.h"

#include <string.h>

#include "base/mem.h"
#include "conf/words.h"

/* Looking at one line of main.cf, or one service. */
struct examination {
    const struct known_names *known;
    name_finding_fn *report;
    void *context;
    struct name_finding at; /* where we are */
};

static void report(const struct examination *examination, struct name_finding finding)
{
    finding.entry = examination->at.entry;
    finding.service = examination->at.service;
    examination->report(examination->context, &finding);
}

bool param_value_is_ignored(const struct param_row *row, const struct main_cf *main_cf,
                            const char *value)
{
    return row && row->kind != PARAM_KIND_OLD && row->state != PARAM_STATE_USED &&
           strcmp(value, main_cf_default_of(main_cf, row)) != 0;
}

/* The name behind "deprecated: use NAME" in a row's note; empty when there is none. */
static struct slice replacement(const struct param_row *row)
{
    struct slice note = slice_from(param_note(row));

    if (row->kind == PARAM_KIND_OLD)
        return slice_from(param_replacement(row));
    if (!slice_starts_with(note, "deprecated: use "))
        return SLICE_EMPTY;
    note = slice_from_offset(note, strlen("deprecated: use "));
    return slice_word(&note, " ;");
}

static void examine_age(const struct examination *examination, const char *value,
                        const struct param_row *row)
{
    struct name_finding finding = {
        .name = param_name(row), .value = value, .row = row, .use_instead = replacement(row)};
    bool is_deprecated = slice_starts_with(slice_from(param_note(row)), "deprecated");

    if (row->kind == PARAM_KIND_OLD && !param_old_is_read(row))
        finding.trouble = NAME_REMOVED;
    else if (finding.use_instead.len > 0 || is_deprecated)
        finding.trouble = NAME_DEPRECATED;
    else
        return;
    report(examination, finding);
}

static void examine_state(const struct examination *examination, const char *value,
                          const struct param_row *row)
{
    if (!param_value_is_ignored(row, examination->known->main_cf, value))
        return;
    report(examination, (struct name_finding){.trouble = row->state == PARAM_STATE_NOT_YET
                                                             ? NAME_NOT_YET
                                                             : NAME_WITHOUT_WORK,
                                              .name = param_name(row),
                                              .value = value,
                                              .row = row});
}

/* Former names without effect are unused too. */
static void examine_unused(const struct examination *examination, const char *name,
                           const char *value)
{
    const struct param_row *row = param_row_find(slice_from(name));
    bool is_former = row && row->kind == PARAM_KIND_OLD;

    report(examination,
           (struct name_finding){.trouble = NAME_UNUSED,
                                 .name = name,
                                 .value = value,
                                 .row = is_former ? row : NULL,
                                 .nearest = row ? NULL : param_name_nearest(name)});
    if (is_former)
        examine_age(examination, value, row);
}

/* A value in main.cf may count on what services define. */
static void examine_reference(void *context, struct slice name)
{
    struct examination *examination = context;
    const struct known_names *known = examination->known;
    const struct master_service *service = examination->at.service;

    if (known_names_find(known, name) || main_cf_find(known->main_cf, name))
        return;
    if (service ? master_service_overrides(service, name)
                : master_cf_overrides(known->master_cf, name))
        return;
    CLEANUP(mem_free_text) char *text = slice_dup(name);

    report(examination,
           (struct name_finding){.trouble = NAME_UNDEFINED, .name = text, .value = ""});
}

static void examine_comment(const struct examination *examination,
                            const struct main_cf_entry *entry)
{
    struct slice rest = slice_from(entry->value);
    struct slice word;

    while ((word = slice_word(&rest, " \t")).ptr) {
        if (word.ptr > entry->value && slice_starts_with(word, "#")) {
            report(examination, (struct name_finding){.trouble = NAME_COMMENT,
                                                      .name = entry->name,
                                                      .value = word.ptr});
            return;
        }
    }
}

/* A restriction class must be defined. */
static void examine_classes(struct examination *examination, const char *list)
{
    struct slice rest = slice_from(list), word;

    while (words_next(&rest, WORDS_COMMA_SPACE, &word)) {
        if (!memchr(word.ptr, '$', word.len))
            examine_reference(examination, word);
    }
}

/* A parameter that is one, its value, and what the value refers to. */
static void examine_value(struct examination *examination, const struct known_name *known,
                          const char *value)
{
    if (known && strcmp(known->name, "smtpd_restriction_classes") == 0)
        examine_classes(examination, value);
    if (known && known->row) {
        examine_age(examination, value, known->row);
        examine_state(examination, value, known->row);
    }
    if (!known || !known->row || known->row->type != PARAM_TYPE_RAW)
        names_referenced(slice_from(value), examine_reference, examination);
}

static void examine_entry(struct examination *examination, const struct main_cf_entry *entry)
{
    const struct known_name *known =
        known_names_find(examination->known, slice_from(entry->name));

    examination->at = (struct name_finding){.entry = entry};
    if (!known)
        examine_unused(examination, entry->name, entry->value);
    examine_value(examination, known, entry->value);
    examine_comment(examination, entry);
}

static int by_name(const void *a, const void *b)
{
    const struct main_cf_entry *const *left = a, *const *right = b;

    return strcmp((*left)->name, (*right)->name);
}

void names_examine_main(const struct known_names *known, name_finding_fn *report_finding,
                        void *context)
{
    struct examination examination = {
        .known = known, .report = report_finding, .context = context};
    size_t n;
    const struct main_cf_entry **entries = main_cf_sorted(known->main_cf, by_name, &n);

    for (size_t i = 0; i < n; i++)
        examine_entry(&examination, entries[i]);
    mem_free(entries);
}

static void note_used(void *context, struct slice name)
{
    (void)hash_set(context, name, context);
}

static void note_value(struct hash *used, struct slice name, const char *value)
{
    struct slice rest = slice_from(value), word;

    names_referenced(rest, note_used, used);
    while (slice_equals(name, "smtpd_restriction_classes") &&
           words_next(&rest, WORDS_COMMA_SPACE, &word))
        note_used(used, word);
}

/* used_in_main: names that values of main.cf refer to. */
static void examine_service(struct examination *examination, const struct hash *used_in_main,
                            const struct master_service *service)
{
    struct hash used = HASH_INIT;

    examination->at = (struct name_finding){.service = service};
    for (size_t i = 0; i < service->n_overrides; i++) {
        if (!master_override_is_replaced(service, i))
            note_value(&used, slice_from(service->overrides[i].name),
                       service->overrides[i].value);
    }
    for (size_t i = 0; i < service->n_overrides; i++) {
        const struct master_override *override = &service->overrides[i];
        struct slice name = slice_from(override->name);
        const struct known_name *known = known_names_find(examination->known, name);

        if (master_override_is_replaced(service, i))
            continue;
        if (!known && !hash_has(&used, name) && !hash_has(used_in_main, name))
            examine_unused(examination, override->name, override->value);
        examine_value(examination, known, override->value);
    }
    hash_release(&used, NULL);
}

/* An -o name of the user's own is of use when main.cf or another -o of the service refers to
 * it.
 */
void names_examine_master(const struct known_names *known, name_finding_fn *report_finding,
                          void *context)
{
    struct examination examination = {
        .known = known, .report = report_finding, .context = context};
    const struct master_cf *master_cf = known->master_cf;
    struct hash used = HASH_INIT;
    struct hash_cursor cursor = {0};
    struct slice name;
    void *value;

    while (hash_next(&known->main_cf->entries, &cursor, &name, &value))
        note_value(&used, name, ((const struct main_cf_entry *)value)->value);
    for (size_t i = 0; i < master_cf->n_services; i++)
        examine_service(&examination, &used, &master_cf->services[i]);
    hash_release(&used, NULL);
}

/*
 * Printing entries, fields and parameters of master.cf.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/bug.h"
#include "base/log.h"
#include "base/mem.h"
#include "master_pattern.h"
#include "postconf.h"

static bool is_selected(struct slice part, const char *name)
{
    return slice_equals(part, "*") || slice_equals(part, name);
}

int service_expand(const struct postconf *postconf, const struct master_service *service,
                   const char *value, struct buf *out, struct error *error)
{
    CLEANUP(main_cf_release) struct main_cf scope;
    CLEANUP(buf_release) struct buf bytes = BUF_INIT;

    main_cf_init(&scope);
    main_cf_serialize(&postconf->main_cf, &bytes);
    if (main_cf_unserialize(&scope, buf_slice(&bytes), error) < 0)
        return -1;
    main_cf_set(&scope, SLICE("service_name"), slice_from(service->name));
    for (size_t i = 0; i < service->n_overrides; i++)
        main_cf_set(&scope, slice_from(service->overrides[i].name),
                    slice_from(service->overrides[i].value));
    return main_cf_expand(&scope, value, out, error);
}

static void expand_in_service(const struct postconf *postconf,
                              const struct master_service *service, const char *value,
                              struct buf *out)
{
    struct error error = ERROR_INIT;

    if (service_expand(postconf, service, value, out, &error) < 0)
        fatal(1, "%s: %s/%s: %s", postconf->master_path.data, service->name, service->fields[1],
              error.text);
}

/* An entry in whose -o options the values are expanded. The texts lie in the arena. */
static void expand_overrides(const struct postconf *postconf,
                             const struct master_service *service, struct arena *arena,
                             struct master_service *expanded)
{
    *expanded = *service;
    expanded->arguments = arena_array(arena, const char *, service->n_arguments + 1);
    for (size_t i = 0; i < service->n_arguments; i++) {
        struct slice value = slice_from(service->arguments[i]), name;
        CLEANUP(buf_release) struct buf text = BUF_INIT;
        bool is_override = i > 0 && strcmp(service->arguments[i - 1], "-o") == 0 &&
                           slice_find(value, '=') < value.len;

        expanded->arguments[i] = service->arguments[i];
        if (!is_override)
            continue;
        name = slice_split(&value, '=');
        const struct param_row *row = param_row_find(name);
        if (row && row->type == PARAM_TYPE_RAW)
            continue;
        expand_in_service(postconf, service, value.ptr, &text);
        expanded->arguments[i] = arena_printf(arena, "%.*s=%s", SLICE_ARG(name), text.data);
    }
}

static void show_entry(const struct postconf *postconf, const struct master_service *service)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct master_service expanded;
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    struct json_pair pairs[MASTER_FIELDS + 1];

    if (postconf->options.expand) {
        expand_overrides(postconf, service, &arena, &expanded);
        service = &expanded;
    }
    if (!postconf->options.json) {
        format_service(&text, service, postconf->options.fold);
        printf("%s\n", text.data);
        return;
    }
    for (size_t i = 0; i < MASTER_FIELDS; i++)
        pairs[i] = (struct json_pair){master_field_names[i], slice_from(service->fields[i])};
    format_command(&text, service, false, 0);
    pairs[MASTER_FIELDS] = (struct json_pair){"command", buf_slice(&text)};
    print_json(pairs, MASTER_FIELDS + 1);
}

/* "smtp/inet/NAME = value"; as one JSON object, with the name of the part as `kind`. */
static void show_part(const struct postconf *postconf, const struct master_service *service,
                      const char *kind, const char *name, struct slice value)
{
    const struct options *options = &postconf->options;
    CLEANUP(buf_release) struct buf full_name = BUF_INIT;
    struct json_pair pairs[] = {{"service", slice_from(service->name)},
                                {"type", slice_from(service->fields[1])},
                                {kind, slice_from(name)},
                                {"value", value}};

    if (options->json) {
        print_json(pairs, ARRAY_SIZE(pairs));
        return;
    }
    buf_printf(&full_name, "%s/%s/%s", service->name, service->fields[1], name);
    print_assignment(options, full_name.data, value);
}

static void show_command(const struct postconf *postconf, const struct master_service *service)
{
    const struct options *options = &postconf->options;
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    struct master_service expanded;

    if (options->expand) {
        expand_overrides(postconf, service, &arena, &expanded);
        service = &expanded;
    }
    if (options->json || options->no_values) {
        format_command(&text, service, false, 0);
        show_part(postconf, service, "field", "command", buf_slice(&text));
        return;
    }
    if (!options->no_names)
        buf_printf(&text, "%s/%s/command = ", service->name, service->fields[1]);
    format_command(&text, service, options->fold, text.len);
    printf("%s\n", text.data);
}

static void show_fields(const struct postconf *postconf, const struct master_service *service,
                        struct slice field)
{
    for (size_t i = 0; i < MASTER_FIELDS; i++) {
        if (is_selected(field, master_field_names[i]))
            show_part(postconf, service, "field", master_field_names[i],
                      slice_from(service->fields[i]));
    }
    if (is_selected(field, "command"))
        show_command(postconf, service);
}

static int by_name(const void *a, const void *b)
{
    const struct master_override *const *left = a, *const *right = b;

    return strcmp((*left)->name, (*right)->name);
}

/* True when one was shown. A later option of the same name wins. */
static bool show_overrides(const struct postconf *postconf,
                           const struct master_service *service, struct slice name)
{
    const struct master_override **list =
        mem_array(const struct master_override *, service->n_overrides + 1);
    size_t n = 0;

    for (size_t i = 0; i < service->n_overrides; i++) {
        const struct master_override *override = &service->overrides[i];
        size_t same = 0;

        if (!is_selected(name, override->name))
            continue;
        while (same < n && strcmp(list[same]->name, override->name) != 0)
            same++;
        list[same] = override;
        n = same == n ? n + 1 : n;
    }
    qsort(list, n, sizeof(void *), by_name);
    for (size_t i = 0; i < n; i++) {
        const struct param_row *row = param_row_find(slice_from(list[i]->name));
        bool expand = postconf->options.expand && (!row || row->type != PARAM_TYPE_RAW);
        CLEANUP(buf_release) struct buf expanded = BUF_INIT;

        if (expand)
            expand_in_service(postconf, service, list[i]->value, &expanded);
        show_part(postconf, service, "parameter", list[i]->name,
                  expand ? buf_slice(&expanded) : slice_from(list[i]->value));
    }
    mem_free(list);
    return n > 0;
}

static bool is_field_name(struct slice name)
{
    for (size_t i = 0; i < MASTER_FIELDS; i++) {
        if (is_selected(name, master_field_names[i]))
            return true;
    }
    return slice_equals(name, "command");
}

static void parse_request(const struct options *options, struct master_pattern *pattern,
                          const char *text)
{
    bool entries = options->subject == SUBJECT_MASTER_ENTRY;

    if (!master_pattern_parse(pattern, slice_from(text), entries ? 2 : 3)) {
        fatal(1, "%s",
              entries ? "-M option requires service_name[/type]"
              : options->subject == SUBJECT_MASTER_FIELD
                  ? "-F option requires service_name[/type[/field]]"
                  : "-P option requires service_name[/type[/parameter]]");
    }
    if (options->subject == SUBJECT_MASTER_FIELD && !is_field_name(pattern->rest))
        fatal(1, "invalid service attribute name: \"%.*s\"", SLICE_ARG(pattern->rest));
}

static bool show_service(const struct postconf *postconf, const struct master_service *service,
                         const struct master_pattern *pattern)
{
    if (!master_pattern_matches(pattern, service))
        return false;
    switch ((int)postconf->options.subject) {
    case SUBJECT_MASTER_ENTRY:
        show_entry(postconf, service);
        return true;
    case SUBJECT_MASTER_FIELD:
        show_fields(postconf, service, pattern->rest);
        return true;
    default:
        return show_overrides(postconf, service, pattern->rest);
    }
}

void show_master(struct postconf *postconf)
{
    const struct options *options = &postconf->options;
    const struct master_cf *master_cf = &postconf->master_cf;
    const char *everything[] = {"*"};
    const char *const *requests = options->n_arguments ? options->arguments : everything;
    size_t n = options->n_arguments ? options->n_arguments : 1;

    for (size_t i = 0; i < n; i++) {
        struct master_pattern pattern;
        bool matched = false;

        parse_request(options, &pattern, requests[i]);
        for (size_t j = 0; j < master_cf->n_services; j++)
            matched = show_service(postconf, &master_cf->services[j], &pattern) || matched;
        if (!matched && options->n_arguments > 0)
            log_warning("unmatched request: \"%s\"", requests[i]);
    }
    names_warn(postconf);
}

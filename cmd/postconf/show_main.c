/*
 * Printing parameters of main.cf.
 */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/bug.h"
#include "base/log.h"
#include "base/mem.h"
#include "postconf.h"

/* Raw text of a parameter, or NULL when it has none to show. */
static const char *value_of(const struct postconf *postconf, const struct known_name *known)
{
    struct slice name = slice_from(known->name);
    const struct main_cf_entry *entry = main_cf_find(&postconf->main_cf, name);

    if (entry && !postconf->options.defaults)
        return entry->value;
    if (postconf->options.non_default)
        return NULL;
    if (known->class == NAME_CLASS_SERVICE)
        return param_default(known->row);
    return main_cf_raw_default(&postconf->main_cf, name);
}

static void show(const struct postconf *postconf, const struct known_name *known)
{
    const char *value = value_of(postconf, known);
    CLEANUP(buf_release) struct buf expanded = BUF_INIT;
    struct error error = ERROR_INIT;

    if (!value)
        return;
    if (!postconf->options.expand || (known->row && known->row->type == PARAM_TYPE_RAW)) {
        print_assignment(&postconf->options, known->name, slice_from(value));
        return;
    }
    if (main_cf_expand(&postconf->main_cf, value, &expanded, &error) < 0)
        fatal(1, "%s: %s: %s", postconf->main_path.data, known->name, error.text);
    print_assignment(&postconf->options, known->name, buf_slice(&expanded));
}

static int by_name(const void *a, const void *b)
{
    const struct known_name *const *left = a, *const *right = b;

    return strcmp((*left)->name, (*right)->name);
}

/* What the user made has no default. */
static bool is_listed(const struct postconf *postconf, const struct known_name *known)
{
    return (known->class & postconf->options.classes) &&
           !(postconf->options.defaults && known->class == NAME_CLASS_USER);
}

static void show_all(const struct postconf *postconf)
{
    const struct known_name **list =
        mem_array(const struct known_name *, postconf->known.names.n_entries + 1);
    struct hash_cursor cursor = {0};
    struct slice name;
    void *value;
    size_t n = 0;

    while (hash_next(&postconf->known.names, &cursor, &name, &value)) {
        if (is_listed(postconf, value))
            list[n++] = value;
    }
    qsort(list, n, sizeof(void *), by_name);
    for (size_t i = 0; i < n; i++)
        show(postconf, list[i]);
    mem_free(list);
}

void show_main(struct postconf *postconf)
{
    const struct options *options = &postconf->options;

    if (options->n_arguments == 0)
        show_all(postconf);
    for (size_t i = 0; i < options->n_arguments; i++) {
        const struct known_name *known =
            known_names_find(&postconf->known, slice_from(options->arguments[i]));

        if (known)
            show(postconf, known);
        else
            names_warn_unknown(options->arguments[i]);
    }
    names_warn(postconf);
}

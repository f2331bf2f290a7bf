/*
 * What postconf says about odd names, in Postfix's words.
 */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "conf/examine.h"
#include "conf/table_names.h"
#include "conf/words.h"
#include "postconf.h"

void names_warn_unknown(const char *name)
{
    const char *known = param_name_nearest(name);

    if (known)
        log_warning("%s: unknown parameter (the nearest is %s)", name, known);
    else
        log_warning("%s: unknown parameter", name);
}

static void warn_unused(const char *path, const struct name_finding *finding)
{
    if (finding->nearest)
        log_warning("%s: unused parameter: %s=%s (the nearest name is %s)", path, finding->name,
                    finding->value, finding->nearest);
    else
        log_warning("%s: unused parameter: %s=%s", path, finding->name, finding->value);
}

static void warn_deprecated(const char *path, const struct name_finding *finding)
{
    if (finding->use_instead.len > 0) {
        log_warning(
            "%s: support for parameter \"%s\" will be removed; instead, specify \"%.*s\"", path,
            finding->name, SLICE_ARG(finding->use_instead));
    } else {
        log_warning(
            "%s: support for parameter \"%s\" will be removed; instead, leave it at its "
            "default",
            path, finding->name);
    }
}

/* In one of several passes, so that troubles of one kind stand together. */
struct pass {
    const struct postconf *postconf;
    const char *path;
    bool is_about_undefined;
};

static void warn(void *context, const struct name_finding *finding)
{
    const struct pass *pass = context;

    if ((finding->trouble == NAME_UNDEFINED) != pass->is_about_undefined)
        return;
    switch (finding->trouble) {
    case NAME_UNUSED:
        warn_unused(pass->path, finding);
        break;
    case NAME_UNDEFINED:
        log_warning("%s: undefined parameter: %s", pass->path, finding->name);
        break;
    case NAME_COMMENT:
        log_warning("%s: %s: #comment after other text is not allowed: %s", pass->path,
                    finding->name, finding->value);
        break;
    case NAME_DEPRECATED:
        if (!pass->postconf->options.quiet)
            warn_deprecated(pass->path, finding);
        break;
    case NAME_REMOVED:
        if (!pass->postconf->options.quiet)
            log_warning("%s: support for parameter \"%s\" has been removed", pass->path,
                        finding->name);
        break;
    case NAME_NOT_YET: /* the business of master and of "tassis check" */
    case NAME_WITHOUT_WORK:
        break;
    }
}

/* A setting in the file of a table. */
static void warn_setting(const struct table_type *type, const char *path,
                         const struct main_cf_entry *entry)
{
    if (!table_type_has(type, slice_from(entry->name)))
        log_warning("%s:%s: unused parameter: %s=%s", table_type_name(type), path, entry->name,
                    entry->value);
}

/* Look into the file of a table; context has those that were looked into. */
static void warn_table(void *context, const struct table_type *type, struct slice name)
{
    struct hash *seen = context;
    struct main_cf file;
    struct hash_cursor cursor = {0};
    struct error error;
    struct slice setting;
    void *entry;

    if (name.ptr[0] != '/' || hash_has(seen, name))
        return;
    (void)hash_set(seen, name, seen);
    CLEANUP(mem_free_text) char *path = slice_dup(name);

    main_cf_init(&file);
    if (main_cf_read(&file, path, &error) < 0 && error.kind == ERROR_TEMPORARY)
        log_warning("open \"%s\" configuration \"%s\": %s", table_type_name(type), path,
                    strerror(errno));
    while (hash_next(&file.entries, &cursor, &setting, &entry))
        warn_setting(type, path, entry);
    main_cf_release(&file);
}

/* Postfix does not look for tables in restriction classes. */
static bool is_class(const struct main_cf *main_cf, struct slice name)
{
    const struct main_cf_entry *list =
        main_cf_find(main_cf, SLICE("smtpd_restriction_classes"));
    struct slice rest = list ? slice_from(list->value) : SLICE_EMPTY;
    struct slice word;

    while ((word = slice_word(&rest, WORDS_COMMA_SPACE)).ptr) {
        if (slice_same(word, name))
            return true;
    }
    return false;
}

/* The tables that -o settings name. */
static void warn_tables_of_service(const struct postconf *postconf,
                                   const struct master_service *service, struct hash *seen)
{
    for (size_t i = 0; i < service->n_overrides; i++) {
        CLEANUP(buf_release) struct buf value = BUF_INIT;
        const struct master_override *override = &service->overrides[i];
        struct error error;

        if (strpbrk(override->value, ":$") && !master_override_is_replaced(service, i) &&
            known_names_find(&postconf->known, slice_from(override->name)) &&
            service_expand(postconf, service, override->value, &value, &error) == 0)
            tables_mentioned(buf_slice(&value), warn_table, seen);
    }
}

static void warn_tables(const struct postconf *postconf)
{
    const struct main_cf *main_cf = &postconf->main_cf;
    struct hash seen = HASH_INIT;
    struct hash_cursor cursor = {0};
    struct slice name;
    void *entry;

    while (hash_next(&main_cf->entries, &cursor, &name, &entry)) {
        CLEANUP(buf_release) struct buf value = BUF_INIT;
        struct error error;

        if (known_names_find(&postconf->known, name) && !is_class(main_cf, name) &&
            main_cf_expand(main_cf, ((struct main_cf_entry *)entry)->value, &value, &error) ==
                0)
            tables_mentioned(buf_slice(&value), warn_table, &seen);
    }
    for (size_t i = 0; i < postconf->master_cf.n_services; i++)
        warn_tables_of_service(postconf, &postconf->master_cf.services[i], &seen);
    hash_release(&seen, NULL);
}

void names_warn(struct postconf *postconf)
{
    const struct known_names *known = &postconf->known;
    struct pass in_main = {postconf, postconf->main_path.data, true};
    struct pass in_master = {postconf, postconf->master_path.data, true};

    if (postconf->options.defaults)
        return;
    warn_tables(postconf);
    names_examine_master(known, warn, &in_master);
    names_examine_main(known, warn, &in_main);
    in_main.is_about_undefined = in_master.is_about_undefined = false;
    if (postconf->options.subject == SUBJECT_MAIN)
        names_examine_main(known, warn, &in_main);
    names_examine_master(known, warn, &in_master);
}

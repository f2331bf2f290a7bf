/*
 * tassis check: names that mean nothing, or nothing here.
 */
#include "check.h"
#include "conf/examine.h"

static struct place place_of(const char *kind, const struct name_finding *finding)
{
    if (finding->service)
        return (struct place){kind, finding->service->file, finding->service->line};
    return (struct place){kind, finding->entry->file, finding->entry->line};
}

static void unused(struct report *to, const struct name_finding *finding)
{
    struct place place = place_of("unknown-parameter", finding);
    struct slice service;

    if (param_template_find(slice_from(finding->name), &service)) {
        report(to, SEVERITY_WARNING, place,
               "%s: nothing reads it: there is no service %.*s to deliver mail in master.cf",
               finding->name, SLICE_ARG(service));
    } else if (finding->nearest) {
        report(to, SEVERITY_WARNING, place,
               "%s: unknown parameter, nothing reads it (the nearest name is %s)",
               finding->name, finding->nearest);
    } else {
        report(to, SEVERITY_WARNING, place, "%s: unknown parameter, nothing reads it",
               finding->name);
    }
}

static void deprecated(struct report *to, const struct name_finding *finding)
{
    struct place place = place_of("obsolete-parameter", finding);

    if (finding->use_instead.len > 0)
        report(to, SEVERITY_WARNING, place, "%s: obsolete parameter: use %.*s instead",
               finding->name, SLICE_ARG(finding->use_instead));
    else
        report(to, SEVERITY_WARNING, place, "%s: obsolete parameter: leave it at its default",
               finding->name);
}

static void removed(struct report *to, const struct name_finding *finding)
{
    struct place place = place_of("obsolete-parameter", finding);

    if (finding->use_instead.len > 0) {
        report(to, SEVERITY_WARNING, place,
               "%s: obsolete parameter without effect: use %.*s instead", finding->name,
               SLICE_ARG(finding->use_instead));
    } else {
        report(to, SEVERITY_WARNING, place, "%s: obsolete parameter without effect",
               finding->name);
    }
}

static void take(void *context, const struct name_finding *finding)
{
    struct report *to = context;

    switch (finding->trouble) {
    case NAME_UNUSED:
        if (!finding->row) /* a former name: NAME_REMOVED says more */
            unused(to, finding);
        break;
    case NAME_UNDEFINED:
        report(to, SEVERITY_WARNING, place_of("undefined-parameter", finding),
               "$%s: nothing defines it", finding->name);
        break;
    case NAME_COMMENT:
        report(to, SEVERITY_WARNING, place_of("comment", finding),
               "%s: a comment cannot follow other text: %s", finding->name, finding->value);
        break;
    case NAME_DEPRECATED:
        deprecated(to, finding);
        break;
    case NAME_REMOVED:
        removed(to, finding);
        break;
    case NAME_NOT_YET:
        report(to, SEVERITY_WARNING, place_of("unsupported-parameter", finding),
               "%s is not supported yet%s: the setting has no effect in %s", finding->name,
               param_obstacle(finding->row),
               finding->service ? finding->service->program : param_owners(finding->row));
        break;
    case NAME_WITHOUT_WORK:
        report(to, SEVERITY_NOTE, place_of("moot-parameter", finding),
               "%s has no effect here: %s", finding->name, param_text(finding->row));
        break;
    }
}

void check_parameters(struct check *check)
{
    struct known_names known;

    known_names_init(&known, check->main_cf, &check->master_cf);
    known_names_collect(&known);
    names_examine_main(&known, take, check->report);
    names_examine_master(&known, take, check->report);
    known_names_release(&known);
}

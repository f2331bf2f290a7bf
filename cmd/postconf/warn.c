/*
 * What postconf says about odd names, in Postfix's words.
 */
#include <string.h>

#include "base/log.h"
#include "conf/examine.h"
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

static void warn(void *context, const struct name_finding *finding)
{
    const struct postconf *postconf = context;
    const char *path = finding->service ? postconf->master_path.data : postconf->main_path.data;

    switch (finding->trouble) {
    case NAME_UNUSED:
        warn_unused(path, finding);
        break;
    case NAME_UNDEFINED:
        log_warning("%s: undefined parameter: %s", path, finding->name);
        break;
    case NAME_COMMENT:
        log_warning("%s: %s: #comment after other text is not allowed: %s", path, finding->name,
                    finding->value);
        break;
    case NAME_DEPRECATED:
        if (!postconf->options.quiet)
            warn_deprecated(path, finding);
        break;
    case NAME_REMOVED:
        if (!postconf->options.quiet)
            log_warning("%s: support for parameter \"%s\" has been removed", path,
                        finding->name);
        break;
    case NAME_NOT_YET: /* the business of master and of "tassis check" */
    case NAME_WITHOUT_WORK:
        break;
    }
}

void names_warn(struct postconf *postconf)
{
    if (postconf->options.defaults)
        return;
    if (postconf->options.subject == SUBJECT_MAIN)
        names_examine_main(&postconf->known, warn, postconf);
    names_examine_master(&postconf->known, warn, postconf);
}

#include "route/open_maps.h"

#include <sysexits.h>

#include "auth/sasl_security.h"
#include "base/bug.h"
#include "base/log.h"

struct maps *open_maps(maps_opener *opener, const char *name, const char *list)
{
    struct error error = ERROR_INIT;
    struct maps *maps = opener(name, list, &error);

    if (error.kind != ERROR_NONE)
        log_error("%s", error.text);
    // cppcheck-suppress returnDanglingLifetime ; the opener keeps nothing of the error
    return maps;
}

struct match_list *open_list(const char *name, const char *patterns, enum match_parents parents)
{
    struct error error = ERROR_INIT;
    struct match_list *list = match_list_open(name, patterns, parents, &error);

    if (error.kind != ERROR_NONE)
        log_error("%s", error.text);
    return list;
}

unsigned open_sasl_demands(const char *name, const char *list)
{
    unsigned demands = 0;
    struct error error;

    if (sasl_security_parse(list, &demands, &error) < 0)
        fatal(EX_CONFIG, "%s: %s", name, error.text);
    return demands;
}

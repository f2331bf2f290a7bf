#include "route/open_maps.h"

#include "base/log.h"

struct maps *open_maps(maps_opener *opener, const char *name, const char *list)
{
    struct error error = ERROR_INIT;
    struct maps *maps = opener(name, list, &error);

    if (error.kind != ERROR_NONE)
        log_error("%s", error.text);
    return maps;
}

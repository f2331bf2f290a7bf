#include "path.h"

#include "conf/params.h"
#include "net/endpoint.h"

static bool has_domain(struct slice address)
{
    struct slice domain = address_domain(address);
    struct endpoint endpoint;

    if (address_has_valid_domain(address))
        return true;
    if (domain.len == 0)
        return params.resolve_null_domain;
    return params.resolve_numeric_domain && endpoint_parse(&endpoint, domain, 0) == 0;
}

bool path_parse(struct slice path, enum address_strictness strictness, struct arena *arena,
                struct slice *address)
{
    struct slice found = SLICE_EMPTY, rest = SLICE_EMPTY;
    struct error error;

    if (address_split_path(path, strictness, arena, &found, &rest, &error) < 0 || rest.len ||
        !has_domain(found))
        return false;
    *address = found;
    return true;
}

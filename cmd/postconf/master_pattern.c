/*
 * Patterns over the entries of master.cf.
 */
#include "master_pattern.h"

const char *const master_field_names[MASTER_FIELDS] = {
    "service", "type", "private", "unprivileged", "chroot", "wakeup", "process_limit",
};

bool master_pattern_parse(struct master_pattern *pattern, struct slice text, int max_parts)
{
    struct slice rest = text;

    *pattern = (struct master_pattern){SLICE("*"), SLICE("*"), SLICE("*"), 1};
    pattern->service = slice_split(&rest, '/');
    if (pattern->service.len == text.len)
        return true;
    pattern->n_parts = 2;
    pattern->type = slice_split(&rest, '/');
    if (pattern->service.len + 1 + pattern->type.len == text.len)
        return true;
    pattern->n_parts = 3;
    pattern->rest = rest;
    return max_parts >= 3 && slice_find(rest, '/') == rest.len;
}

static bool part_matches(struct slice part, const char *text)
{
    return slice_equals(part, "*") || slice_equals(part, text);
}

bool master_pattern_matches(const struct master_pattern *pattern,
                            const struct master_service *service)
{
    return part_matches(pattern->service, service->name) &&
           part_matches(pattern->type, service->fields[1]);
}

#include "target.h"

#include <stdlib.h>

#include "conf/params.h"
#include "dns/dns.h"
#include "net/hostport.h"

enum { TARGETS_MAX = 100 };

#define PATIENCE SECONDS(60)

/* "[host]:port", "host:port", "host". */
static int parse(const struct finger *finger, struct target_list *list, bool *uses_mx,
                 struct error *error)
{
    struct slice rest = slice_from(finger->destination);
    const char *port = finger->is_lmtp ? "24" : finger->is_wrapped ? "465" : "smtp";
    size_t end;

    *uses_mx = !finger->is_lmtp && !slice_starts_with(rest, "[");
    if (slice_starts_with(rest, "[")) {
        end = slice_find(rest, ']');
        list->domain = slice_sub(rest, 1, end - 1);
        rest = slice_from_offset(rest, end < rest.len ? end + 1 : end);
    } else {
        end = slice_find(rest, ':');
        list->domain = slice_sub(rest, 0, end);
        rest = slice_from_offset(rest, end);
    }
    if (list->domain.len == 0)
        return error_set(error, ERROR_PERMANENT, "bad destination: %s", finger->destination);
    return service_port(rest.len > 1 ? slice_from_offset(rest, 1) : slice_from(port),
                        &list->port, error);
}

static void add(struct target_list *list, struct target target, const struct endpoint *address)
{
    if (list->count == TARGETS_MAX)
        return;
    target.address = *address;
    endpoint_set_port(&target.address, list->port);
    list->items[list->count++] = target;
}

static int add_host(const struct finger *finger, struct target_list *list, struct target target,
                    struct arena *arena, struct error *error)
{
    static const enum dns_type types[] = {DNS_A, DNS_AAAA};

    size_t before = list->count;
    struct endpoint literal;

    target.expanded = target.name;
    if (endpoint_parse(&literal, target.name, 0) == 0) {
        add(list, target, &literal);
        return 0;
    }
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        struct dns_answer answer;
        if (finger->family == (types[i] == DNS_A ? AF_INET6 : AF_INET) ||
            dns_lookup(target.name, types[i], deadline_in(PATIENCE), arena, &answer, error) !=
                DNS_OK)
            continue;
        target.expanded = answer.name;
        target.is_secure = answer.is_validated;
        for (size_t k = 0; k < answer.n_records; k++)
            add(list, target, &answer.records[k].address);
    }
    return list->count > before ? 0 : -1;
}

static int by_preference(const void *a, const void *b)
{
    const struct target *one = a, *other = b;

    return one->preference < other->preference ? -1 : one->preference > other->preference;
}

int targets_find(const struct finger *finger, struct target_list *list, struct arena *arena,
                 struct error *error)
{
    struct dns_answer answer;
    bool uses_mx;

    *list = (struct target_list){.items = arena_array(arena, struct target, TARGETS_MAX)};
    if (parse(finger, list, &uses_mx, error) < 0)
        return -1;
    enum dns_result result =
        uses_mx ? dns_lookup(list->domain, DNS_MX, deadline_in(PATIENCE), arena, &answer, error)
                : DNS_NO_DATA;
    if (dns_result_is_failure(result))
        return -1;
    if (result != DNS_OK)
        return add_host(finger, list, (struct target){.name = list->domain}, arena, error);
    for (size_t i = 0; i < answer.n_records; i++) {
        struct target target = {.name = answer.records[i].target,
                                .preference = answer.records[i].preference,
                                .has_mx = true,
                                .mx_is_secure = answer.is_validated};
        if (add_host(finger, list, target, arena, error) < 0)
            finger_say("%s", error->text);
    }
    qsort(list->items, list->count, sizeof(*list->items), by_preference);
    return list->count > 0 ? 0 : -1;
}

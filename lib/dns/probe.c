#include "dns/probe.h"

#include "dns/dns.h"

static bool type_by_name(struct slice name, enum dns_type *type)
{
    static const enum dns_type types[] = {DNS_A,  DNS_NS,  DNS_CNAME, DNS_SOA, DNS_PTR,
                                          DNS_MX, DNS_TXT, DNS_AAAA,  DNS_SRV, DNS_TLSA};

    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        if (slice_equals_nocase(name, dns_type_name(types[i]))) {
            *type = types[i];
            return true;
        }
    }
    return false;
}

enum dns_probe dns_probe_run(const char *probe, deadline_t until, struct error *error)
{
    struct slice name = slice_from(probe);
    struct slice type_name = slice_split(&name, ':');
    struct arena arena = ARENA_INIT;
    struct dns_answer answer;
    enum dns_type type;

    if (name.len == 0 || !type_by_name(type_name, &type)) {
        error_set(error, ERROR_PERMANENT, "bad probe \"%s\": expected type:name", probe);
        return DNS_PROBE_BAD;
    }
    enum dns_result result = dns_lookup(name, type, until, &arena, &answer, error);
    bool is_validated = result == DNS_OK && answer.is_validated;
    arena_release(&arena);
    if (is_validated)
        return DNS_PROBE_VALIDATES;
    return dns_result_is_failure(result) ? DNS_PROBE_FAILED : DNS_PROBE_INSECURE;
}

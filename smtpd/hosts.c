/* DNS for restrictions. */
#include "hosts.h"

#include "base/log.h"
#include "base/time.h"
#include "base/trace.h"

#define LOOKUP_LIMIT SECONDS(100)

enum dns_result hosts_look_up(struct slice name, enum dns_type type, struct arena *arena,
                              struct dns_answer *answer, struct error *error)
{
    enum dns_result result =
        dns_lookup(name, type, deadline_in(LOOKUP_LIMIT), arena, answer, error);

    trace_step("DNS %s %.*s: %s", dns_type_name(type), SLICE_ARG(name),
               result == DNS_OK ? "found" : error->text);
    return result;
}

enum hosts_result hosts_find_mail(struct slice domain, struct arena *arena)
{
    static const enum dns_type types[] = {DNS_MX, DNS_A, DNS_AAAA};
    enum hosts_result outcome = HOSTS_NONE;

    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        struct dns_answer answer;
        struct error error;

        switch (hosts_look_up(domain, types[i], arena, &answer, &error)) {
        case DNS_OK:
            if (types[i] == DNS_MX && answer.n_records == 1 &&
                answer.records[0].target.len == 0)
                return HOSTS_NULL_MX;
            return HOSTS_FOUND;
        case DNS_NO_NAME:
            return outcome; /* of any type */
        case DNS_TEMPORARY:
            outcome = HOSTS_TEMPORARY;
            break;
        case DNS_POLICY:
            log_warning("%.*s: MX or address lookup error: %s", SLICE_ARG(domain), error.text);
            return HOSTS_FOUND; /* the administrator's filter is not the client's fault */
        case DNS_NO_DATA:
            break;
        }
    }
    return outcome;
}

#include "dnssec.h"

#include "name_search.h"
#include "options.h"
#include "route/dnssec_probe.h"

/* An unsigned domain says nothing about the resolver; the probe asks for one that is signed. */
static void note_insecure_answer(deadline_t until)
{
    static bool is_probed;

    if (is_probed)
        return;
    is_probed = true;
    dnssec_probe(until);
}

enum dns_result dnssec_lookup(struct slice name, enum dns_type type, deadline_t until,
                              struct arena *arena, struct dns_answer *answer,
                              struct error *error)
{
    static bool is_seen;
    enum dns_result result = name_search_lookup(name, type, until, arena, answer, error);

    if (result != DNS_OK)
        return result;
    if (!options.use_dnssec)
        answer->is_validated = false;
    else if (answer->is_validated)
        is_seen = true;
    else if (!is_seen)
        note_insecure_answer(until);
    return DNS_OK;
}

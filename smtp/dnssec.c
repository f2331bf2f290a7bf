#include "dnssec.h"

#include "base/log.h"
#include "conf/params.h"
#include "dns/probe.h"
#include "dns_reply_filter.h"
#include "options.h"

/* An unsigned domain says nothing about the resolver; the probe asks for one that is signed. */
static void note_insecure_answer(deadline_t until)
{
    static bool is_probed;
    struct error error;

    if (is_probed || !*params.dnssec_probe)
        return;
    is_probed = true;
    switch (dns_probe_run(params.dnssec_probe, until, &error)) {
    case DNS_PROBE_VALIDATES:
        break;
    case DNS_PROBE_INSECURE:
        log_warning("DNSSEC validation may be unavailable");
        log_warning(
            "reason: dnssec_probe '%s' received a response that is not DNSSEC validated",
            params.dnssec_probe);
        break;
    case DNS_PROBE_FAILED:
        log_warning("DNSSEC validation may be unavailable");
        log_warning("reason: dnssec_probe '%s' received no response: %s", params.dnssec_probe,
                    error.text);
        break;
    case DNS_PROBE_BAD:
        log_warning("dnssec_probe: %s", error.text);
        break;
    }
}

enum dns_result dnssec_lookup(struct slice name, enum dns_type type, deadline_t until,
                              struct arena *arena, struct dns_answer *answer,
                              struct error *error)
{
    static bool is_seen;
    enum dns_result result = dns_lookup(name, type, until, arena, answer, error);

    if (result != DNS_OK)
        return result;
    if (!options.use_dnssec)
        answer->is_validated = false;
    else if (answer->is_validated)
        is_seen = true;
    else if (!is_seen)
        note_insecure_answer(until);
    return dns_reply_filter(name, type, answer, error);
}

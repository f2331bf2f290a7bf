#include "route/dnssec_probe.h"

#include "base/log.h"
#include "conf/params.h"
#include "dns/probe.h"

void dnssec_probe(deadline_t until)
{
    const char *probe = params.dnssec_probe;
    struct error error;

    if (!*probe)
        return;
    switch (dns_probe_run(probe, until, &error)) {
    case DNS_PROBE_VALIDATES:
        break;
    case DNS_PROBE_INSECURE:
        log_warning("DNSSEC validation may be unavailable");
        log_warning(
            "reason: dnssec_probe '%s' received a response that is not DNSSEC validated",
            probe);
        break;
    case DNS_PROBE_FAILED:
        log_warning("DNSSEC validation may be unavailable");
        log_warning("reason: dnssec_probe '%s' received no response: %s", probe, error.text);
        break;
    case DNS_PROBE_BAD:
        log_warning("dnssec_probe: %s", error.text);
        break;
    }
}

#include "route/dnssec_probe.h"

#include "base/log.h"
#include "conf/params.h"
#include "dns/probe.h"

enum dns_probe dnssec_probe_ask(deadline_t until, struct error *error)
{
    const char *probe = params.dnssec_probe;
    struct error cause;
    enum dns_probe result = DNS_PROBE_VALIDATES;

    if (*probe)
        result = dns_probe_run(probe, until, &cause);
    switch (result) {
    case DNS_PROBE_VALIDATES:
        break;
    case DNS_PROBE_INSECURE:
        error_set(error, ERROR_TEMPORARY,
                  "dnssec_probe '%s' received a response that is not DNSSEC validated", probe);
        break;
    case DNS_PROBE_FAILED:
        error_set(error, ERROR_TEMPORARY, "dnssec_probe '%s' received no response: %s", probe,
                  cause.text);
        break;
    case DNS_PROBE_BAD:
        error_set(error, ERROR_PERMANENT, "dnssec_probe: %s", cause.text);
        break;
    }
    return result;
}

void dnssec_probe(deadline_t until)
{
    struct error error;
    enum dns_probe result = dnssec_probe_ask(until, &error);

    if (result == DNS_PROBE_BAD) {
        log_warning("%s", error.text);
    } else if (result != DNS_PROBE_VALIDATES) {
        log_warning("DNSSEC validation may be unavailable");
        log_warning("reason: %s", error.text);
    }
}

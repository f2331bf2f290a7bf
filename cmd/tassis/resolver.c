#include "resolver.h"

#include "base/log.h"
#include "conf/params.h"
#include "dns/dns.h"
#include "route/dnssec_probe.h"
#include "tls/level.h"

#define PATIENCE SECONDS(15)

static void probe(void)
{
    struct error error;

    if (dns_open(&error) < 0) {
        log_warning("%s", error.text);
        return;
    }
    dnssec_probe(deadline_in(PATIENCE));
}

void resolver_check(void)
{
    bool wants_dane =
        tls_level_is_dane(tls_level_parse(slice_from(params.smtp_tls_security_level)));
    bool uses_dnssec = slice_equals_nocase(slice_from(params.smtp_dns_support_level), "dnssec");

    if (wants_dane && !uses_dnssec)
        log_warning("smtp_tls_security_level = %s is of no use without "
                    "smtp_dns_support_level = dnssec",
                    params.smtp_tls_security_level);
    if (uses_dnssec && *params.dnssec_probe)
        probe();
}

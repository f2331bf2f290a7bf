#include "resolver.h"

#include "conf/params.h"
#include "dns/dns.h"
#include "route/dnssec_probe.h"
#include "tls/level.h"

#define PATIENCE SECONDS(15)

static void probe(struct report *to, struct place place)
{
    struct error error;

    if (dns_open(&error) < 0) {
        report(to, SEVERITY_WARNING, place, "%s", error.text);
        return;
    }
    switch (dnssec_probe_ask(deadline_in(PATIENCE), &error)) {
    case DNS_PROBE_VALIDATES:
        break;
    case DNS_PROBE_INSECURE:
    case DNS_PROBE_FAILED:
        report(to, SEVERITY_WARNING, place, "DNSSEC validation may be unavailable: %s",
               error.text);
        break;
    case DNS_PROBE_BAD:
        report(to, SEVERITY_WARNING, place, "%s", error.text);
        break;
    }
}

/* Where DANE or DNSSEC is asked for: the first setting that says so, or NULL. */
static const struct setting *find_wish(const struct check *check, bool (*is_wish)(struct slice),
                                       const char *suffix)
{
    for (size_t i = 0; i < check->n_settings; i++) {
        const struct setting *setting = &check->settings[i];
        struct slice name = slice_from(setting->name);

        if ((slice_starts_with(name, "smtp_") || slice_starts_with(name, "lmtp_")) &&
            slice_ends_with(name, suffix) && is_wish(slice_from(setting->value)))
            return setting;
    }
    return NULL;
}

static bool is_dane(struct slice level)
{
    return tls_level_is_dane(tls_level_parse(level));
}

static bool is_dnssec(struct slice level)
{
    return slice_equals_nocase(level, "dnssec");
}

void resolver_check(struct check *check)
{
    const struct setting *dane = find_wish(check, is_dane, "tls_security_level");
    const struct setting *dnssec = find_wish(check, is_dnssec, "dns_support_level");

    if (dane && !dnssec)
        report(check->report, SEVERITY_WARNING, check_place("dane", dane),
               "%s = %s is of no use without smtp_dns_support_level = dnssec", dane->name,
               dane->value);
    if ((dane || dnssec) && *params.dnssec_probe)
        probe(check->report, check_place("resolver", dane ? dane : dnssec));
}

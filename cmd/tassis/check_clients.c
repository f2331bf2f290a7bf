/*
 * tassis check: do lists of clients hold addresses and networks that are ones?
 */
#include <string.h>

#include "base/hash.h"
#include "check.h"
#include "conf/words.h"
#include "net/endpoint.h"
#include "table/match_pattern.h"

#define KIND "address"

/* Many lists begin with $mynetworks: what is wrong there is said once. */
static struct hash seen;

static void complain(struct check *check, const struct setting *setting, struct slice word,
                     const char *why)
{
    if (hash_set(&seen, word, &seen))
        return;
    report(check->report, SEVERITY_WARNING, check_place(KIND, setting), "%s: %.*s: %s",
           setting->name, SLICE_ARG(word), why);
}

/* -- lists of patterns --------------------------------------------------------------------- */

/* No host has a name like that. */
static void check_name(struct check *check, const struct setting *setting, struct slice text)
{
    struct endpoint endpoint;

    if (slice_find(text, '/') < text.len)
        complain(check, setting, text, "neither an address nor a network");
    else if (slice_find(text, '.') < text.len &&
             slice_skip_any(text, "0123456789.") == text.len &&
             endpoint_parse(&endpoint, text, 0) < 0)
        complain(check, setting, text, "not an IPv4 address");
}

static void check_type(struct check *check, const struct setting *setting, struct slice word)
{
    struct slice name = word, type = slice_split(&name, ':');
    struct endpoint endpoint;

    if (slice_starts_with(word, "[") || slice_starts_with(word, "/") || type.len == word.len ||
        table_driver_find(type))
        return;
    if (endpoint_parse(&endpoint, slice_sub(word, 0, slice_find(word, '/')), 0) == 0)
        complain(check, setting, word, "an IPv6 address stands in brackets: [address]/length");
    else
        complain(check, setting, word, "unsupported table type");
}

static void check_types(struct check *check, const struct setting *setting)
{
    struct slice rest = slice_from(setting->value), word;

    while (words_next(&rest, WORDS_COMMA_SPACE, &word)) {
        while (slice_starts_with(word, "!"))
            word = slice_from_offset(word, 1);
        check_type(check, setting, word);
    }
}

/* As the daemons read it, with the files that it names. */
static void check_patterns(struct check *check, const struct setting *setting)
{
    struct error ignored = ERROR_INIT; /* the first of what the patterns say below */
    struct match_list *list =
        match_list_open(setting->name, setting->value, MATCH_PARENTS_NEVER, &ignored);

    check_types(check, setting);
    for (const struct match_pattern *pattern = list->first; pattern; pattern = pattern->next) {
        if (pattern->table)
            continue;
        if (pattern->trouble)
            complain(check, setting, pattern->text, pattern->trouble);
        else if (!pattern->is_network)
            check_name(check, setting, pattern->text);
    }
    match_list_free(list);
}

/* -- others -------------------------------------------------------------------------------- */

static void check_access_list(struct check *check, const struct setting *setting)
{
    static const char *const verdicts[] = {"permit_mynetworks", "permit", "reject", "dunno"};
    struct slice rest = slice_from(setting->value), word;

    while (words_next(&rest, WORDS_COMMA_SPACE, &word)) {
        size_t i = 0;

        while (i < ARRAY_SIZE(verdicts) && !slice_equals_nocase(word, verdicts[i]))
            i++;
        if (i < ARRAY_SIZE(verdicts))
            continue;
        if (slice_find(word, ':') < word.len)
            check_type(check, setting, word);
        else
            complain(check, setting, word,
                     "neither a table (type:name) nor permit_mynetworks, permit, reject or "
                     "dunno");
    }
}

/* smtp ends itself because of a bad one. */
static void check_bind_address(struct check *check, const struct setting *setting)
{
    bool is_ipv6 = slice_ends_with(slice_from(setting->name), "6");
    struct endpoint endpoint;

    if (*setting->value && (endpoint_parse(&endpoint, slice_from(setting->value), 0) < 0 ||
                            endpoint_family(&endpoint) != (is_ipv6 ? AF_INET6 : AF_INET)))
        report(check->report, SEVERITY_ERROR, check_place(KIND, setting),
               "%s = %s: not an %s address", setting->name, setting->value,
               is_ipv6 ? "IPv6" : "IPv4");
}

static const struct {
    const char *name;
    void (*look)(struct check *check, const struct setting *setting);
} sources[] = {
    {"mynetworks", check_patterns},
    {"permit_mx_backup_networks", check_patterns},
    {"qmqpd_authorized_clients", check_patterns},
    {"authorized_verp_clients", check_patterns},
    {"smtpd_authorized_verp_clients", check_patterns},
    {"smtpd_authorized_xclient_hosts", check_patterns},
    {"smtpd_authorized_xforward_hosts", check_patterns},
    {"smtpd_client_connection_limit_exceptions", check_patterns},
    {"smtpd_client_event_limit_exceptions", check_patterns},
    {"smtpd_sasl_exceptions_networks", check_patterns},
    {"debug_peer_list", check_patterns},
    {"postscreen_allowlist_interfaces", check_patterns},
    {"postscreen_whitelist_interfaces", check_patterns},
    {"postscreen_access_list", check_access_list},
    {"smtp_bind_address", check_bind_address},
    {"smtp_bind_address6", check_bind_address},
    {"lmtp_bind_address", check_bind_address},
    {"lmtp_bind_address6", check_bind_address},
};

void check_clients(struct check *check)
{
    seen = HASH_INIT;
    for (size_t i = 0; i < check->n_settings; i++) {
        for (size_t s = 0; s < ARRAY_SIZE(sources); s++) {
            if (strcmp(check->settings[i].name, sources[s].name) == 0)
                sources[s].look(check, &check->settings[i]);
        }
    }
    hash_release(&seen, NULL);
}

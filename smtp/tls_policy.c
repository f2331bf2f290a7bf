#include "tls_policy.h"

#include <string.h>

#include "base/log.h"
#include "conf/params.h"
#include "mail/address.h"
#include "options.h"
#include "tls_attribute.h"
#include "tls_options.h"

static void fail(struct tls_policy *policy, const char *status, const char *reason)
{
    policy->level = TLS_LEVEL_INVALID;
    policy->why = (struct dsn){.action = "delayed", .reason = slice_from(reason)};
    memcpy(policy->why.status, status, strlen(status) + 1);
}

void tls_policy_invalid(struct tls_policy *policy)
{
    fail(policy, "4.7.5", "client TLS configuration problem");
}

/* -- smtp_tls_policy_maps
 * --------------------------------------------------------------------------- */

/* One key. False: the table does not know it. */
static bool find_one(struct tls_policy *policy, struct slice key, struct arena *arena)
{
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    struct error error;
    const char *where = arena_printf(arena, "%s, next-hop destination \"%.*s\"",
                                     tls_option_name("tls_policy_maps"), SLICE_ARG(key));

    switch (maps_find(tls_options.policy_maps, key, &value, &error)) {
    case TABLE_FOUND:
        tls_attributes_take(policy, buf_slice(&value), where, arena);
        return true;
    case TABLE_NOT_FOUND:
        break;
    case TABLE_ERROR:
        log_warning("%s", error.text);
        log_warning("%s: policy table lookup error", where);
        tls_policy_invalid(policy);
        return true;
    }
    return false;
}

/* A domain is looked up with its parents (".example.com"); "[host]", "host:port" are not. */
static void find_in_policy_maps(struct tls_policy *policy, struct slice nexthop,
                                struct arena *arena)
{
    bool has_parents = hostname_is_valid(nexthop);
    struct slice key = nexthop;

    while (!find_one(policy, key, arena) && has_parents) {
        size_t dot = slice_find(slice_from_offset(key, 1), '.') + 1;
        if (dot >= key.len)
            break;
        key = slice_from_offset(key, dot);
    }
}

/* -- smtp_tls_per_site: the words of old
 * ---------------------------------------------------------- */

/*
 * What the host and the next hop have in the table add up: the stronger of two demands, but
 * NONE wins over MAY.
 */
static bool take_site_word(enum tls_level *level, struct slice word)
{
    static const struct {
        const char *word;
        enum tls_level level, at_most; /* it replaces what is not above this */
    } words[] = {
        {"NONE", TLS_LEVEL_NONE, TLS_LEVEL_MAY},
        {"MAY", TLS_LEVEL_MAY, TLS_LEVEL_NOT_FOUND},
        {"MUST_NOPEERMATCH", TLS_LEVEL_ENCRYPT, TLS_LEVEL_MAY},
        {"MUST", TLS_LEVEL_VERIFY, TLS_LEVEL_DANE_ONLY},
    };

    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (!slice_equals_nocase(word, words[i].word))
            continue;
        if (*level <= words[i].at_most)
            *level = words[i].level;
        return true;
    }
    return false;
}

static void find_site(struct tls_policy *policy, enum tls_level *level, struct slice key,
                      const char *kind)
{
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    const char *title = tls_option_name("tls_per_site");
    struct error error;

    switch (maps_find(tls_options.per_site, key, &value, &error)) {
    case TABLE_FOUND:
        if (take_site_word(level, buf_slice(&value)))
            break;
        log_warning("%s: unknown TLS policy '%s' for %s %.*s", title, value.data, kind,
                    SLICE_ARG(key));
        tls_policy_invalid(policy);
        break;
    case TABLE_NOT_FOUND:
        break;
    case TABLE_ERROR:
        log_warning("%s", error.text);
        log_warning("%s: %s \"%.*s\": per-site table lookup error", title, kind,
                    SLICE_ARG(key));
        fail(policy, "4.3.0", "Temporary lookup error");
        break;
    }
}

static void find_per_site(struct tls_policy *policy, struct slice nexthop,
                          const struct host *host)
{
    enum tls_level level = TLS_LEVEL_NOT_FOUND;

    find_site(policy, &level, nexthop, "next-hop destination");
    if (policy->level != TLS_LEVEL_INVALID && host && !slice_same_nocase(host->name, nexthop))
        find_site(policy, &level, host->name, "server hostname");
    if (policy->level == TLS_LEVEL_INVALID || level == TLS_LEVEL_NOT_FOUND)
        return;
    /* A site that may use TLS does not loosen what main.cf asks of all. */
    if (level != TLS_LEVEL_MAY || policy->level < TLS_LEVEL_MAY)
        policy->level = level;
}

/* -- all that does not depend on the host
 * --------------------------------------------------------- */

/* "TLS-Required: no" in the header: better unprotected than not at all (RFC 8689 section 3). */
static void relax(struct tls_policy *policy)
{
    /* What begins with TLS cannot do without. */
    enum tls_level most = tls_options.wrappermode ? TLS_LEVEL_ENCRYPT : TLS_LEVEL_MAY;

    if (policy->level <= most)
        return;
    policy->level = most;
    policy->n_matches = 0;
    policy->n_sts_patterns = 0;
    policy->failure = TLSRPT_SUCCESS;
}

/* Tables know a next hop without the word in front: by its path, or as host and port. */
static struct slice table_key(struct slice nexthop)
{
    static const char *const prefixes[] = {"unix:", "inet:"};

    for (size_t i = 0; i < ARRAY_SIZE(prefixes) && options.is_lmtp; i++)
        if (slice_starts_with(nexthop, prefixes[i]))
            return slice_from_offset(nexthop, strlen(prefixes[i]));
    return nexthop;
}

void tls_policy_find(struct tls_policy *policy, struct slice nexthop, const struct host *host,
                     enum tls_wish wish, struct arena *arena)
{
    *policy = (struct tls_policy){.level = tls_options.level,
                                  .reuse_connection = tls_options.connection_reuse,
                                  .enable_rpk = tls_options.enable_rpk};
    nexthop = table_key(nexthop);
    if (!maps_is_empty(tls_options.policy_maps))
        find_in_policy_maps(policy, nexthop, arena);
    else if (!maps_is_empty(tls_options.per_site))
        find_per_site(policy, nexthop, host);
    policy->wanted = policy->level;
    if (wish == TLS_WISH_OPTIONAL)
        relax(policy);
}

bool tls_policy_depends_on_host(void)
{
    return maps_is_empty(tls_options.policy_maps) && !maps_is_empty(tls_options.per_site);
}

void tls_policy_key(const struct tls_policy *policy, struct buf *key)
{
    buf_printf(key, "%s %s %s %s %s %s", tls_level_name(policy->level),
               policy->protocols ? policy->protocols : "-",
               policy->ciphers ? policy->ciphers : "-",
               policy->exclude_ciphers ? policy->exclude_ciphers : "-",
               policy->server_name ? policy->server_name : "-",
               policy->anchor_files ? policy->anchor_files : "-");
    for (size_t i = 0; i < policy->n_matches; i++)
        buf_printf(key, " %.*s", SLICE_ARG(policy->matches[i]));
    if (policy->failure != TLSRPT_SUCCESS)
        buf_printf(key, " %s", tlsrpt_failure_name(policy->failure));
}

/* -- DANE (RFC 7672)
 * -------------------------------------------------------------------------------- */

/* DANE cannot be had: what is done instead, or the reason where nothing may be. */
static void without_dane(struct tls_policy *policy, enum tls_level instead, const char *reason)
{
    if (policy->level == TLS_LEVEL_DANE) {
        policy->level = instead;
        return;
    }
    fail(policy, "4.7.5", reason);
    policy->failure =
        policy->dane.state == DANE_UNUSABLE ? TLSRPT_TLSA_INVALID : TLSRPT_DANE_REQUIRED;
}

/* Our own configuration stands in the way, which the administrator should hear of. */
static bool is_dane_configured(struct tls_policy *policy, struct slice nexthop,
                               const struct host *host)
{
    const char *reason = NULL;

    if (host->unix_path.len > 0) {
        log_warning("%.*s: the \"dane\" security level is invalid for delivery via unix-domain "
                    "sockets",
                    SLICE_ARG(nexthop));
        tls_policy_invalid(policy);
        return false;
    }
    if (!options.use_dnssec || !(options.host_lookup & HOST_LOOKUP_DNS))
        reason = "dnssec lookups disabled";
    else if (!options.is_lmtp && params.ignore_mx_lookup_error)
        reason = "MX lookup errors ignored";
    if (!reason)
        return true;
    log_warning("%.*s: %s configured with %s", SLICE_ARG(nexthop),
                tls_level_name(policy->level), reason);
    if (policy->level == TLS_LEVEL_DANE)
        policy->level = TLS_LEVEL_MAY;
    else
        tls_policy_invalid(policy);
    return false;
}

/* TLSA records were found, but whose host it is was not validated. */
static void weigh_insecure_mx(struct tls_policy *policy)
{
    if (tls_options.insecure_mx_level == TLS_LEVEL_ENCRYPT)
        without_dane(policy, TLS_LEVEL_ENCRYPT, "non DNSSEC destination");
    else
        policy->level = TLS_LEVEL_HALF_DANE;
}

static void find_dane(struct tls_policy *policy, struct slice nexthop, const struct host *host,
                      deadline_t until, struct arena *arena)
{
    struct dane_host where = {.name = host->name,
                              .expanded = host->expanded,
                              .is_secure = host->is_secure,
                              .port = endpoint_port(&host->address)};
    bool is_mx_insecure = host->has_mx && !host->mx_is_secure;
    struct error error;

    if (!is_dane_configured(policy, nexthop, host))
        return;
    if (is_mx_insecure && (policy->level == TLS_LEVEL_DANE_ONLY ||
                           tls_options.insecure_mx_level == TLS_LEVEL_MAY)) {
        without_dane(policy, TLS_LEVEL_MAY, "non DNSSEC destination");
        return;
    }
    /* Nothing is known: an attacker could keep the answer from us, so no mail (RFC 7672 2.1.1).
     */
    if (dane_lookup(&where, tls_options.force_tlsa_lookup, until, arena, &policy->dane,
                    &error) < 0) {
        fail(policy, "4.7.5",
             arena_printf(arena, "TLSA lookup error for %.*s:%u", SLICE_ARG(host->name),
                          (unsigned)where.port));
        policy->failure = TLSRPT_DNSSEC_INVALID;
        return;
    }
    switch (policy->dane.state) {
    case DANE_NOT_FOUND:
        without_dane(policy, TLS_LEVEL_MAY, "no TLSA records found");
        break;
    case DANE_UNUSABLE:
        without_dane(policy, TLS_LEVEL_ENCRYPT, "TLSA records unusable");
        break;
    case DANE_USABLE:
        if (is_mx_insecure)
            weigh_insecure_mx(policy);
        break;
    }
}

/* -- MTA-STS (RFC 8461 section 4.1): only hosts that the policy names
 * ---------------------------- */

/* "mx.example.com", or "*.example.com" for one more label. */
static bool pattern_matches(struct slice pattern, struct slice name)
{
    if (!slice_starts_with(pattern, "*."))
        return slice_same_nocase(pattern, name);
    return slice_same_nocase(slice_from_offset(pattern, 1),
                             slice_from_offset(name, slice_find(name, '.')));
}

static void check_sts(struct tls_policy *policy, const struct host *host, struct arena *arena)
{
    for (size_t i = 0; i < policy->n_sts_patterns; i++)
        if (pattern_matches(policy->sts_patterns[i], host->name))
            return;
    if (policy->n_sts_patterns == 0 || !tls_options.enforce_sts_patterns)
        return;
    fail(policy, "4.7.5",
         arena_printf(arena, "MX host %.*s does not match the STS policy MX patterns",
                      SLICE_ARG(host->name)));
    policy->failure = TLSRPT_VALIDATION_FAILURE;
}

/* -- defaults of main.cf
 * ---------------------------------------------------------------------------- */

/* The table's list of excluded ciphers replaces that of main.cf; a level adds its own. */
static void set_ciphers(struct tls_policy *policy, struct arena *arena)
{
    bool is_mandatory = tls_level_is_mandatory(policy->level);
    const char *own = !is_mandatory                        ? ""
                      : policy->level == TLS_LEVEL_ENCRYPT ? "eNULL"
                                                           : "aNULL";

    if (!policy->ciphers)
        policy->ciphers = is_mandatory ? tls_options.mandatory_ciphers : tls_options.ciphers;
    if (policy->exclude_ciphers)
        policy->exclude_ciphers = arena_printf(arena, "%s %s", policy->exclude_ciphers, own);
    else
        policy->exclude_ciphers =
            arena_printf(arena, "%s %s %s", tls_options.exclude_ciphers,
                         is_mandatory ? tls_options.mandatory_exclude_ciphers : "", own);
}

static void set_server_name(struct tls_policy *policy)
{
    const char *name = tls_options.server_name;

    if (policy->server_name || !*name)
        return;
    if (hostname_is_valid(slice_from(name))) {
        policy->server_name = name;
        return;
    }
    log_warning("\"%s = %s\" specifies an invalid hostname", tls_option_name("tls_servername"),
                name);
    tls_policy_invalid(policy);
}

static void set_matches(struct tls_policy *policy, struct slice nexthop, struct arena *arena)
{
    const char *list;

    if (policy->level == TLS_LEVEL_FINGERPRINT) {
        if (policy->n_matches == 0)
            tls_matches_add(policy, slice_from(tls_options.fingerprint_match), ", \t\r\n|",
                            arena);
        if (policy->n_matches > 0)
            return;
        log_warning("nexthop domain %.*s: configured at fingerprint security level, but with "
                    "no fingerprints to match.",
                    SLICE_ARG(nexthop));
        tls_policy_invalid(policy);
    } else if (tls_level_is_pkix(policy->level)) {
        list = policy->level == TLS_LEVEL_VERIFY ? tls_options.verify_match
                                                 : tls_options.secure_match;
        if (policy->n_matches == 0)
            tls_matches_add(policy, slice_from(list), ", \t\r\n:", arena);
        if (!policy->anchor_files && *tls_options.trust_anchor_file)
            policy->anchor_files = tls_options.trust_anchor_file;
        if (policy->anchor_files &&
            tls_anchors_find(&policy->anchors, policy->anchor_files) < 0)
            tls_policy_invalid(policy);
    }
}

void tls_policy_complete(struct tls_policy *policy, struct slice nexthop,
                         const struct host *host, deadline_t until, struct arena *arena)
{
    if (policy->level == TLS_LEVEL_MAY && host->unix_path.len > 0) {
        log_warning("%.*s: opportunistic TLS encryption is not appropriate for unix-domain "
                    "destinations.",
                    SLICE_ARG(host->unix_path));
        policy->level = TLS_LEVEL_NONE;
    }
    if (policy->level == TLS_LEVEL_DANE || policy->level == TLS_LEVEL_DANE_ONLY)
        find_dane(policy, nexthop, host, until, arena);
    if (policy->level > TLS_LEVEL_NONE)
        check_sts(policy, host, arena);
    if (policy->level > TLS_LEVEL_NONE) {
        if (!policy->protocols)
            policy->protocols = policy->level == TLS_LEVEL_MAY
                                    ? tls_options.protocols
                                    : tls_options.mandatory_protocols;
        set_ciphers(policy, arena);
        set_server_name(policy);
    }
    if (policy->level != TLS_LEVEL_INVALID)
        set_matches(policy, nexthop, arena);
    if (policy->level == TLS_LEVEL_INVALID)
        log_warning("TLS policy lookup for %.*s/%.*s: %.*s", SLICE_ARG(nexthop),
                    SLICE_ARG(host->name), SLICE_ARG(policy->why.reason));
}

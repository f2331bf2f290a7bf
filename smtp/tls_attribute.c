#include "tls_attribute.h"

#include <string.h>

#include "base/log.h"
#include "conf/words.h"
#include "mail/address.h"
#include "tls_options.h"

/* One attribute on its way into the policy. */
struct attribute {
    struct tls_policy *policy;
    const char *where;
    struct slice name, value;
    struct arena *arena;
};

/* -- checks that several attributes share
 * ----------------------------------------------------------- */

static bool refuse(const struct attribute *attribute, const char *what)
{
    log_warning("%s: attribute \"%.*s\" %s", attribute->where, SLICE_ARG(attribute->name),
                what);
    return false;
}

static bool refuse_at_level(const struct attribute *attribute)
{
    log_warning("%s: attribute \"%.*s\" invalid at security level \"%s\"", attribute->where,
                SLICE_ARG(attribute->name), tls_level_name(attribute->policy->level));
    return false;
}

static bool refuse_value(const struct attribute *attribute)
{
    log_warning("%s: attribute \"%.*s\" has bad value: \"%.*s\"", attribute->where,
                SLICE_ARG(attribute->name), SLICE_ARG(attribute->value));
    return false;
}

static bool take_text(const struct attribute *attribute, const char **text)
{
    if (*text)
        return refuse(attribute, "is specified multiple times");
    *text = arena_text(attribute->arena, attribute->value);
    return true;
}

static bool take_bool(const struct attribute *attribute, bool *value)
{
    if (!slice_equals_nocase(attribute->value, "yes") &&
        !slice_equals_nocase(attribute->value, "no"))
        return refuse_value(attribute);
    *value = slice_equals_nocase(attribute->value, "yes");
    return true;
}

/* Append to a list whose capacity is the power of two from its length on. */
static struct slice *add_slice(struct slice **list, size_t *n, struct arena *arena)
{
    if ((*n & (*n - 1)) == 0) {
        struct slice *grown = arena_array(arena, struct slice, *n ? *n * 2 : 1);
        if (*n)
            memcpy(grown, *list, *n * sizeof(**list));
        *list = grown;
    }
    return &(*list)[(*n)++];
}

/* -- lists of names and fingerprints
 * --------------------------------------------------------------- */

/* Pairs of hex digits, with or without colons: as "AA:BB:...". */
static bool normal_fingerprint(struct slice text, struct arena *arena, struct slice *normal)
{
    char *out = arena_alloc(arena, text.len * 2 + 1);
    size_t len = 0, digits = 0;

    for (size_t i = 0; i < text.len; i++) {
        char c = ascii_upper(text.ptr[i]);
        if (c == ':' && digits % 2 == 0 && digits > 0)
            continue;
        if (!ascii_is_digit(c) && (c < 'A' || c > 'F'))
            return false;
        if (digits > 0 && digits % 2 == 0)
            out[len++] = ':';
        out[len++] = c;
        digits++;
    }
    *normal = slice_of(out, len);
    return digits > 0 && digits % 2 == 0;
}

void tls_matches_add(struct tls_policy *policy, struct slice list, const char *separators,
                     struct arena *arena)
{
    struct slice word, match;

    while ((word = slice_word(&list, separators)).ptr) {
        if (policy->level != TLS_LEVEL_FINGERPRINT)
            match = arena_slice(arena, word);
        else if (!normal_fingerprint(word, arena, &match)) {
            log_warning("malformed fingerprint value: %.*s", SLICE_ARG(word));
            continue;
        }
        *add_slice(&policy->matches, &policy->n_matches, arena) = match;
    }
}

/* -- the attributes
 * -------------------------------------------------------------------------------- */

static bool take_ciphers(const struct attribute *attribute)
{
    if (attribute->value.len == 0)
        return refuse(attribute, "has empty value");
    return take_text(attribute, &attribute->policy->ciphers);
}

static bool take_protocols(const struct attribute *attribute)
{
    return take_text(attribute, &attribute->policy->protocols);
}

static bool take_exclude(const struct attribute *attribute)
{
    return take_text(attribute, &attribute->policy->exclude_ciphers);
}

static bool take_server_name(const struct attribute *attribute)
{
    if (!hostname_is_valid(attribute->value)) {
        log_warning("%s: \"%.*s=%.*s\" specifies an invalid hostname", attribute->where,
                    SLICE_ARG(attribute->name), SLICE_ARG(attribute->value));
        return false;
    }
    return take_text(attribute, &attribute->policy->server_name);
}

static bool take_match(const struct attribute *attribute)
{
    enum tls_level level = attribute->policy->level;

    if (level != TLS_LEVEL_FINGERPRINT && !tls_level_is_pkix(level))
        return refuse_at_level(attribute);
    if (attribute->value.len == 0)
        return refuse(attribute, "has empty value");
    tls_matches_add(attribute->policy, attribute->value,
                    level == TLS_LEVEL_FINGERPRINT ? "|" : ":", attribute->arena);
    return true;
}

static bool take_trust_anchors(const struct attribute *attribute)
{
    struct tls_policy *policy = attribute->policy;

    if (!tls_level_is_pkix(policy->level))
        return refuse_at_level(attribute);
    if (attribute->value.len == 0)
        return refuse(attribute, "has empty value");
    policy->anchor_files = arena_printf(attribute->arena, "%s %.*s",
                                        policy->anchor_files ? policy->anchor_files : "",
                                        SLICE_ARG(attribute->value));
    return true;
}

static bool take_reuse(const struct attribute *attribute)
{
    return take_bool(attribute, &attribute->policy->reuse_connection);
}

static bool take_rpk(const struct attribute *attribute)
{
    return take_bool(attribute, &attribute->policy->enable_rpk);
}

static bool take_sts_pattern(const struct attribute *attribute)
{
    struct tls_policy *policy = attribute->policy;

    if (attribute->value.len == 0)
        return refuse(attribute, "has empty value");
    *add_slice(&policy->sts_patterns, &policy->n_sts_patterns, attribute->arena) =
        arena_slice(attribute->arena, attribute->value);
    return true;
}

/* -- what MTA-STS plug-ins tell for reports (RFC 8460)
 * ----------------------------------------- */

static bool take_policy_type(const struct attribute *attribute)
{
    bool is_sts = slice_equals_nocase(attribute->value, "sts");

    if (!is_sts && !slice_equals_nocase(attribute->value, "no-policy-found"))
        return refuse_value(attribute);
    attribute->policy->sts.is_found = is_sts;
    return true;
}

static bool take_policy_domain(const struct attribute *attribute)
{
    attribute->policy->sts.domain = arena_slice(attribute->arena, attribute->value);
    return true;
}

static bool take_policy_string(const struct attribute *attribute)
{
    struct tls_policy *policy = attribute->policy;

    *add_slice(&policy->sts.strings, &policy->sts.n_strings, attribute->arena) =
        arena_slice(attribute->arena, attribute->value);
    return true;
}

/* Then no certificate is good enough where one has to match. */
static bool take_policy_failure(const struct attribute *attribute)
{
    enum tlsrpt_failure failure = tlsrpt_policy_failure(attribute->value);

    if (failure == TLSRPT_SUCCESS)
        return refuse_value(attribute);
    attribute->policy->failure = failure;
    return true;
}

/* How long the plug-in believes it. */
static bool take_policy_ttl(const struct attribute *attribute)
{
    (void)attribute;
    return true;
}

static const struct {
    const char *name;
    bool (*take)(const struct attribute *attribute);
} known[] = {

#define TLS_POLICY_ATTRIBUTE(name, function) {#name, function},
#include "tls/policy_attributes.def"
};

static bool take_attribute(struct attribute *attribute)
{
    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        if (slice_equals_nocase(attribute->name, known[i].name))
            return known[i].take(attribute);
    log_warning("%s: invalid attribute name: \"%.*s\"", attribute->where,
                SLICE_ARG(attribute->name));
    return false;
}

/* "name=value", or "{ name = value with blanks }". */
static bool take_word(struct attribute *attribute, struct slice word)
{
    struct error error;
    struct slice text = word;
    const char *trouble = NULL;

    if (slice_starts_with(word, "{") && words_unbrace(word, &text, &error) < 0)
        trouble = error.text;
    size_t equals = slice_find(text, '=');
    attribute->name = slice_trim(slice_sub(text, 0, equals));
    if (!trouble && attribute->name.len == 0)
        trouble = "missing attribute name";
    else if (!trouble && equals == text.len)
        trouble = "missing '=' after attribute name";
    if (trouble) {
        log_warning("%s: malformed attribute/value pair \"%.*s\": %s", attribute->where,
                    SLICE_ARG(word), trouble);
        return false;
    }
    attribute->value = slice_trim(slice_from_offset(text, equals + 1));
    return take_attribute(attribute);
}

void tls_attributes_take(struct tls_policy *policy, struct slice text, const char *where,
                         struct arena *arena)
{
    struct attribute attribute = {.policy = policy, .where = where, .arena = arena};
    struct slice word;

    if (!words_next(&text, WORDS_COMMA_SPACE, &word)) {
        log_warning("%s: invalid empty policy", where);
        tls_policy_invalid(policy);
        return;
    }
    policy->level = tls_level_parse(word);
    if (policy->level == TLS_LEVEL_INVALID) {
        log_warning("%s: invalid security level \"%.*s\"", where, SLICE_ARG(word));
        tls_policy_invalid(policy);
        return;
    }
    while (words_next(&text, WORDS_COMMA_SPACE, &word)) {
        if (policy->level == TLS_LEVEL_NONE) {
            log_warning("%s: ignoring attribute \"%.*s\" with TLS disabled", where,
                        SLICE_ARG(word));
        } else if (!take_word(&attribute, word)) {
            tls_policy_invalid(policy);
            return;
        }
    }
}

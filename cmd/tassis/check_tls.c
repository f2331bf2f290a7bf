/*
 * tassis check: levels, protocols and ciphers of TLS.
 */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>

#include "base/mem.h"
#include "check.h"
#include "conf/params.h"
#include "tls/level.h"
#include "tls/log_level.h"
#include "tls/policy_value.h"
#include "tls/terms.h"

#define KIND "tls"

static void complain(struct check *check, const struct setting *setting, enum severity severity,
                     const char *text)
{
    report(check->report, severity, check_place(KIND, setting), "%s = %s: %s", setting->name,
           setting->value, text);
}

static void check_level(struct check *check, const struct setting *setting)
{
    enum tls_level level = tls_level_parse(slice_from(setting->value));
    bool is_server = slice_starts_with(slice_from(setting->name), "smtpd_") ||
                     slice_starts_with(slice_from(setting->name), "postscreen_");

    if (!*setting->value)
        return;
    if (level == TLS_LEVEL_INVALID) {
        complain(check, setting, SEVERITY_ERROR,
                 is_server ? "no such level (none, may or encrypt)"
                           : "no such level (none, may, encrypt, dane, dane-only, fingerprint, "
                             "verify or secure)");
    } else if (is_server && level > TLS_LEVEL_ENCRYPT) {
        complain(check, setting, SEVERITY_WARNING,
                 "a level for clients: \"encrypt\" is all that a server can ask for");
    }
}

static void check_insecure_policy(struct check *check, const struct setting *setting)
{
    enum tls_level level = tls_level_parse(slice_from(setting->value));

    if (level != TLS_LEVEL_MAY && level != TLS_LEVEL_ENCRYPT && level != TLS_LEVEL_DANE)
        complain(check, setting, SEVERITY_ERROR, "no such policy (may, encrypt or dane)");
}

static void check_versions(struct check *check, const struct setting *setting)
{
    struct tls_versions versions;
    struct error error;

    if (tls_versions_parse(&versions, setting->value, &error) < 0)
        complain(check, setting, SEVERITY_WARNING,
                 "it is made of SSLv2, SSLv3, TLSv1, TLSv1.1, TLSv1.2 and TLSv1.3, with \"!\", "
                 "\">=\" or \"<=\" in front");
}

static void check_grade(struct check *check, const struct setting *setting)
{
    struct error error;
    CLEANUP(mem_free_text) char *list = tls_cipher_list(setting->value, "", &error);

    if (!list)
        complain(check, setting, SEVERITY_WARNING,
                 "no such grade (high, medium, low, export or null)");
}

/* -- ciphers ------------------------------------------------------------------------------- */

static bool openssl_accepts(const char *list)
{
    SSL_CTX *context = SSL_CTX_new(TLS_method());
    bool accepts = context && SSL_CTX_set_cipher_list(context, list) == 1;

    ERR_clear_error();
    SSL_CTX_free(context);
    return accepts;
}

/* Of old: they exclude nothing any more, and do no harm. */
static bool is_former_cipher(struct slice word)
{
    static const char *const names[] = {
        "RC2",   "RC4",   "RC5",      "DES",      "3DES",   "IDEA",  "SEED",  "MD5",
        "SHA",   "EXP",   "EXPORT",   "LOW",      "SSLv2",  "SSLv3", "KRB5",  "FZA",
        "eNULL", "aNULL", "EXPORT40", "EXPORT56", "NULL",   "ADH",   "AECDH", "aDSS",
        "DSS",   "aDH",   "kDH",      "kDHr",     "kDHd",   "kFZA",  "aFZA",  "aKRB5",
        "kKRB5", "aECDH", "kECDH",    "kECDHr",   "kECDHe", "ECDH",  "DH",    "GOST",
        "aGOST", "kGOST", "AES",      "CAMELLIA",
    };

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (slice_equals_nocase(word, names[i]))
            return true;
    }
    return false;
}

/* A whole suite, "ECDHE-RSA-DES-CBC3-SHA", may be one that OpenSSL knew once. */
static void check_exclusions(struct check *check, const struct setting *setting)
{
    struct slice rest = slice_from(setting->value), list;

    while ((list = slice_word(&rest, " \t\r\n,:")).ptr) {
        struct slice part;

        while ((part = slice_word(&list, "+")).ptr) {
            CLEANUP(mem_free_text) char *word = slice_dup(part);

            if (strpbrk(word, "-_@!") || is_former_cipher(part) || openssl_accepts(word))
                continue;
            report(check->report, SEVERITY_WARNING, check_place(KIND, setting),
                   "%s: OpenSSL knows no cipher \"%s\": nothing is excluded by it",
                   setting->name, word);
        }
    }
}

static void check_cipher_list(struct check *check, const struct setting *setting)
{
    if (*setting->value && !openssl_accepts(setting->value))
        complain(check, setting, SEVERITY_WARNING, "there is no cipher left that OpenSSL has");
}

static void check_eecdh_grade(struct check *check, const struct setting *setting)
{
    SSL_CTX *context = SSL_CTX_new(TLS_method());
    struct error error;

    if (context && tls_groups_apply(context, setting->value, &error) < 0)
        report(check->report, SEVERITY_WARNING, check_place(KIND, setting), "%s: %s",
               setting->name, error.text);
    SSL_CTX_free(context);
}

static void check_log_level(struct check *check, const struct setting *setting)
{
    if (tls_log_level_parse(setting->value) < 0)
        complain(check, setting, SEVERITY_WARNING, "a number from 0 to 4 was expected");
}

static void check_policy(const struct entry *entry)
{
    struct error error;

    if (tls_policy_value_check(entry->value, &error) < 0)
        check_entry_report(entry, KIND, error.text);
}

static void check_policies(struct check *check, const struct setting *setting)
{
    check_entries(check, setting, check_policy);
}

static const struct {
    const char *suffix;
    void (*look)(struct check *check, const struct setting *setting);
} sources[] = {
    {"_tls_security_level", check_level},
    {"_tls_dane_insecure_mx_policy", check_insecure_policy},
    {"_tls_protocols", check_versions},
    {"_tls_mandatory_protocols", check_versions},
    {"_tls_ciphers", check_grade},
    {"_tls_mandatory_ciphers", check_grade},
    {"_tls_exclude_ciphers", check_exclusions},
    {"_tls_mandatory_exclude_ciphers", check_exclusions},
    {"_tls_eecdh_grade", check_eecdh_grade},
    {"_tls_loglevel", check_log_level},
    {"_tls_policy_maps", check_policies},
    {"tls_high_cipherlist", check_cipher_list},
    {"tls_medium_cipherlist", check_cipher_list},
};

/* Those that somebody acts on. */
static bool is_used(const struct setting *setting)
{
    const struct param_row *row = param_row_find(slice_from(setting->name));

    return row && row->kind == PARAM_KIND_PLAIN && row->state == PARAM_STATE_USED;
}

void check_tls(struct check *check)
{
    for (size_t i = 0; i < check->n_settings; i++) {
        const struct setting *setting = &check->settings[i];

        for (size_t s = 0; is_used(setting) && s < ARRAY_SIZE(sources); s++) {
            if (slice_ends_with(slice_from(setting->name), sources[s].suffix))
                sources[s].look(check, setting);
        }
    }
}

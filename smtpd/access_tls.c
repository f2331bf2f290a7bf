/* Restrictions about encryption and client certificates. */
#include "base/log.h"
#include "conf/params.h"
#include "restriction.h"
#include "settings.h"
#include "tls/peer.h"

enum access_result restrict_plaintext_session(struct check *check,
                                              const struct restriction *restriction)
{
    (void)restriction;
    if (check->session->tls)
        return ACCESS_DUNNO;
    return check_reject(check, NOTICE_POLICY, params.plaintext_reject_code, "5.7.1",
                        "Session encryption is required");
}

/* relay_clientcerts by the fingerprint of the certificate, then that of its key. */
static enum access_result check_fingerprints(struct check *check, const struct tls_peer *tls)
{
    const struct slice prints[] = {tls->fingerprint, tls->key_fingerprint};
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    struct error error;

    for (size_t i = 0; i < ARRAY_SIZE(prints); i++) {
        switch (maps_find(settings.relay_clientcerts, prints[i], &value, &error)) {
        case TABLE_FOUND:
            return ACCESS_PERMIT;
        case TABLE_NOT_FOUND:
            break;
        case TABLE_ERROR:
            log_warning("relay_clientcerts: %s", error.text);
            return check_lookup_failed(check, prints[i]);
        }
    }
    return ACCESS_DUNNO;
}

static enum access_result permit_certificate(struct check *check,
                                             const struct restriction *restriction, bool any)
{
    const struct tls_peer *tls = check->session->tls;

    if (!tls)
        return ACCESS_DUNNO;
    if (any && tls->trust >= TLS_TRUSTED)
        return ACCESS_PERMIT;
    if (tls->trust != TLS_ANONYMOUS)
        return check_fingerprints(check, tls);
    if (!params.smtpd_tls_ask_ccert)
        log_warning("%s is requested, but \"smtpd_tls_ask_ccert = no\"", restriction->name);
    return ACCESS_DUNNO;
}

enum access_result restrict_permit_clientcerts(struct check *check,
                                               const struct restriction *restriction)
{
    return permit_certificate(check, restriction, false);
}

enum access_result restrict_permit_all_clientcerts(struct check *check,
                                                   const struct restriction *restriction)
{
    return permit_certificate(check, restriction, true);
}

/* The keys of check_ccert_access, by the letters in restriction->number. */
static const struct ccert_key {
    const char *name;
    size_t offset;
} ccert_keys[] = {
    {"cert_fingerprint", offsetof(struct tls_peer, fingerprint)},
    {"pubkey_fingerprint", offsetof(struct tls_peer, key_fingerprint)},
    {"subject", offsetof(struct tls_peer, subject)},
    {"issuer", offsetof(struct tls_peer, issuer)},
};

/* One key a byte, the first in the lowest: its index + 1. */
#define KEY_BITS      8
#define KEYS_STANDARD (1 | 2 << KEY_BITS)

int restriction_parse_ccert_order(struct slice list)
{
    unsigned order = 0, shift = 0;
    struct slice word;

    while ((word = slice_word(&list, " \t\r\n,")).ptr) {
        size_t i = 0;

        while (i < ARRAY_SIZE(ccert_keys) && !slice_equals_nocase(word, ccert_keys[i].name))
            i++;
        if (i == ARRAY_SIZE(ccert_keys) || shift >= KEY_BITS * ARRAY_SIZE(ccert_keys))
            return -1;
        order |= (unsigned)(i + 1) << shift;
        shift += KEY_BITS;
    }
    return order && order <= INT32_MAX ? (int)order : -1;
}

static struct slice key_of(const struct tls_peer *tls, unsigned number)
{
    const char *at = (const char *)tls + ccert_keys[number - 1].offset;

    return *(const struct slice *)(const void *)at;
}

enum access_result restrict_ccert_access(struct check *check,
                                         const struct restriction *restriction)
{
    const struct session *session = check->session;
    const struct tls_peer *tls = session->tls;
    unsigned order = restriction->number ? (unsigned)restriction->number : KEYS_STANDARD;

    if (!tls)
        return ACCESS_DUNNO;
    if (tls->trust == TLS_ANONYMOUS) {
        if (!params.smtpd_tls_ask_ccert)
            log_warning("%s is requested, but \"smtpd_tls_ask_ccert = no\"", restriction->name);
        return ACCESS_DUNNO;
    }
    for (; order; order >>= KEY_BITS) {
        struct slice key = key_of(tls, order & ((1U << KEY_BITS) - 1));
        enum access_result result;

        if (key.len == 0)
            continue;
        result = access_look_up_key(check, &restriction->table, key, session->peer.full_name,
                                    CLASS_CLIENT);
        if (result != ACCESS_DUNNO)
            return result;
    }
    return ACCESS_DUNNO;
}

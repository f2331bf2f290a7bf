#include "tls/facts.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/slice.h"
#include "conf/params.h"
#include "net/endpoint.h"
#include "tls/link.h"
#include "tls/openssl.h"

/* -- keys and signatures ----------------------------------------------------------------- */

static const char *group_name(const EVP_PKEY *key, struct arena *arena)
{
    char name[80];
    size_t len = 0;

    if (!EVP_PKEY_get_group_name(key, name, sizeof(name), &len))
        return NULL;
    return arena_text(arena, slice_of(name, len));
}

static void read_key_exchange(struct tls_peer *peer, SSL *ssl, struct arena *arena)
{
    EVP_PKEY *key = NULL;

    if (!SSL_get_peer_tmp_key(ssl, &key) || !key)
        return;
    if (EVP_PKEY_is_a(key, "DH")) {
        peer->kex_name = "DHE";
        peer->kex_bits = EVP_PKEY_get_bits(key);
    } else if (EVP_PKEY_is_a(key, "EC")) {
        peer->kex_name = "ECDHE";
        peer->kex_curve = group_name(key, arena);
    } else {
        peer->kex_name = arena_text(arena, slice_from(EVP_PKEY_get0_type_name(key)));
    }
    EVP_PKEY_free(key);
}

static void read_signature(struct tls_signature_fact *fact, const EVP_PKEY *key, int digest,
                           struct arena *arena)
{
    if (!key)
        return;
    if (EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS")) {
        fact->name = "RSA-PSS"; /* TLS 1.3 has no other */
        fact->bits = EVP_PKEY_get_bits(key);
    } else if (EVP_PKEY_is_a(key, "EC")) {
        fact->name = "ECDSA";
        fact->curve = group_name(key, arena);
    } else {
        const char *name = EVP_PKEY_get0_type_name(key);

        fact->name = name ? arena_text(arena, slice_from(name)) : NULL;
    }
    fact->digest = digest != NID_undef ? OBJ_nid2sn(digest) : NULL;
}

/* The keys of both sides; in a resumed session nobody signs, so there is no digest. */
static void read_signatures(struct tls_peer *peer, SSL *ssl, enum tls_role role,
                            struct arena *arena)
{
    struct tls_signature_fact *own, *other;
    X509 *certificate = SSL_get0_peer_certificate(ssl);
    int digest = NID_undef;

    own = role == TLS_SERVER ? &peer->server_signature : &peer->client_signature;
    other = role == TLS_SERVER ? &peer->client_signature : &peer->server_signature;
    /* A client may have a certificate without being asked for it. */
    bool signed_now = SSL_get_signature_nid(ssl, &digest);

    if (SSL_get_certificate(ssl) && (signed_now || role == TLS_SERVER))
        read_signature(own, X509_get0_pubkey(SSL_get_certificate(ssl)), digest, arena);
    digest = NID_undef;
    (void)SSL_get_peer_signature_nid(ssl, &digest);
    if (certificate)
        read_signature(other, X509_get0_pubkey(certificate), digest, arena);
}

/* -- the certificate --------------------------------------------------------------------- */

/* As text that may stand in a header and in a log line: printable, one line, bounded. */
static struct slice name_part(const X509_NAME *name, int part, struct arena *arena)
{
    int at = X509_NAME_get_index_by_NID(name, part, -1);
    unsigned char *utf8 = NULL;
    struct slice result = SLICE_EMPTY;

    if (at < 0)
        return result;
    int len =
        ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));

    if (len <= 0)
        return result;
    char *copy = arena_text(arena, slice_of(utf8, len > 256 ? 256 : (size_t)len));

    OPENSSL_free(utf8);
    result = slice_from(copy); /* what is behind a NUL is meant to deceive */
    if (result.len < (size_t)len && len <= 256)
        return SLICE_EMPTY;
    for (size_t i = 0; i < result.len; i++) {
        if ((unsigned char)copy[i] < ' ' || copy[i] == 0x7f)
            copy[i] = '?';
    }
    return slice_is_utf8(result) ? result : SLICE_EMPTY;
}

static struct slice issuer_name(const X509 *certificate, struct arena *arena)
{
    const X509_NAME *name = X509_get_issuer_name(certificate);
    struct slice issuer = name_part(name, NID_commonName, arena);

    return issuer.len ? issuer : name_part(name, NID_organizationName, arena);
}

static struct slice hex_of(const unsigned char *bytes, size_t n, struct arena *arena)
{
    static const char digits[] = "0123456789ABCDEF";
    char *text = arena_alloc(arena, n * 3 + 1);

    for (size_t i = 0; i < n; i++) {
        text[i * 3] = digits[bytes[i] >> 4];
        text[i * 3 + 1] = digits[bytes[i] & 15];
        text[i * 3 + 2] = ':';
    }
    return slice_of(text, n ? n * 3 - 1 : 0);
}

static void read_fingerprints(struct tls_peer *peer, X509 *certificate, const char *digest,
                              struct arena *arena)
{
    EVP_MD *md = EVP_MD_fetch(NULL, digest, NULL);
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned char *key = NULL;
    unsigned n = 0;
    int key_len;

    if (!md)
        return;
    if (X509_digest(certificate, md, bytes, &n))
        peer->fingerprint = hex_of(bytes, n, arena);
    key_len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &key);
    if (key_len > 0 && EVP_Digest(key, (size_t)key_len, bytes, &n, md, NULL))
        peer->key_fingerprint = hex_of(bytes, n, arena);
    OPENSSL_free(key);
    EVP_MD_free(md);
}

/* The reason in Postfix's words. */
static const char *distrust(const SSL *ssl, struct arena *arena)
{
    const X509 *culprit = link_from_ssl(ssl)->culprit;
    long verdict = SSL_get_verify_result(ssl);
    char issuer[256] = "";

    switch (verdict) {
    case X509_V_ERR_CERT_UNTRUSTED:
        return "not trusted by local or TLSA policy";
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        return "self-signed certificate";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        if (culprit)
            X509_NAME_oneline(X509_get_issuer_name(culprit), issuer, sizeof(issuer));
        return arena_printf(arena, "untrusted issuer %s", issuer);
    case X509_V_ERR_CERT_NOT_YET_VALID:
    case X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD:
        return "certificate not yet valid";
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD:
        return "certificate has expired";
    default:
        return arena_printf(arena, "num=%ld:%s", verdict,
                            X509_verify_cert_error_string(verdict));
    }
}

void facts_read(struct tls_peer *peer, SSL *ssl, enum tls_role role, const char *digest,
                struct arena *arena)
{
    const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);
    X509 *certificate = SSL_get0_peer_certificate(ssl);

    peer->protocol = SSL_get_version(ssl);
    peer->cipher = SSL_CIPHER_get_name(cipher);
    peer->used_bits = SSL_CIPHER_get_bits(cipher, &peer->algorithm_bits);
    peer->is_resumed = SSL_session_reused(ssl);
    if (SSL_version(ssl) >= TLS1_3_VERSION) {
        read_key_exchange(peer, ssl, arena);
        read_signatures(peer, ssl, role, arena);
    }
    if (certificate) {
        long verdict = SSL_get_verify_result(ssl);

        peer->trust = verdict == X509_V_OK ? TLS_TRUSTED : TLS_UNTRUSTED;
        if (verdict != X509_V_OK)
            peer->distrust = distrust(ssl, arena);
        peer->subject = name_part(X509_get_subject_name(certificate), NID_commonName, arena);
        peer->issuer = issuer_name(certificate, arena);
        read_fingerprints(peer, certificate, digest, arena);
    }
    ERR_clear_error();
}

/* -- who the server is ------------------------------------------------------------------- */

static unsigned host_flags(void)
{
    return X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
           (params.tls_wildcard_matches_multiple_labels ? X509_CHECK_FLAG_MULTI_LABEL_WILDCARDS
                                                        : 0U);
}

int facts_prepare(SSL *ssl, const struct tls_connect *options, struct error *error)
{
    size_t usable = 0;

    if (options->trust_anchors)
        SSL_set1_verify_cert_store(ssl, options->trust_anchors);
    if (options->check != TLS_CHECK_TLSA)
        return 0;
    if (SSL_dane_enable(ssl, options->n_matches ? options->matches[0] : NULL) <= 0)
        return tls_error(error, ERROR_TEMPORARY, "DANE");
    /* RFC 7672 section 3.1.1: names and dates do not matter with usage 3. */
    SSL_dane_set_flags(ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
    SSL_set_hostflags(ssl, host_flags());
    for (size_t i = 1; i < options->n_matches; i++)
        SSL_add1_host(ssl, options->matches[i]);
    for (size_t i = 0; i < options->n_tlsa; i++) {
        const struct tls_tlsa *tlsa = &options->tlsa[i];

        usable += SSL_dane_tlsa_add(ssl, tlsa->usage, tlsa->selector, tlsa->matching,
                                    (const unsigned char *)tlsa->data.ptr, tlsa->data.len) > 0;
    }
    ERR_clear_error();
    return usable ? 0 : error_set(error, ERROR_TEMPORARY, "TLSA records unusable");
}

static bool matches_a_name(X509 *certificate, const struct tls_connect *options)
{
    for (size_t i = 0; i < options->n_matches; i++) {
        if (X509_check_host(certificate, options->matches[i], 0, host_flags(), NULL) == 1 ||
            X509_check_ip_asc(certificate, options->matches[i], 0) == 1)
            return true;
    }
    return false;
}

static bool matches_a_fingerprint(const struct tls_peer *peer,
                                  const struct tls_connect *options)
{
    for (size_t i = 0; i < options->n_matches; i++) {
        if (slice_equals_nocase(peer->fingerprint, options->matches[i]) ||
            slice_equals_nocase(peer->key_fingerprint, options->matches[i]))
            return true;
    }
    return false;
}

/* A session that is resumed was checked when it began; records are part of its ID. */
static bool matches_tlsa(SSL *ssl)
{
    return SSL_get_verify_result(ssl) == X509_V_OK &&
           (SSL_session_reused(ssl) || SSL_get0_dane_authority(ssl, NULL, NULL) >= 0);
}

static bool wants_address(const struct tls_connect *options)
{
    struct endpoint address;

    return options->n_matches == 1 &&
           endpoint_parse(&address, slice_from(options->matches[0]), 0) == 0;
}

/* Among what is wrong the name comes before the dates, and after the chain, as in OpenSSL. */
static bool is_mismatch(const struct tls_peer *peer, const SSL *ssl,
                        const struct tls_connect *options)
{
    long verdict = SSL_get_verify_result(ssl);

    if (peer->trust == TLS_TRUSTED)
        return true;
    return (verdict == X509_V_ERR_CERT_HAS_EXPIRED ||
            verdict == X509_V_ERR_CERT_NOT_YET_VALID) &&
           !matches_a_name(SSL_get0_peer_certificate(ssl), options);
}

void facts_check(struct tls_peer *peer, SSL *ssl, const struct tls_connect *options,
                 struct arena *arena)
{
    X509 *certificate = SSL_get0_peer_certificate(ssl);
    bool matches = false;

    (void)arena;
    if (!certificate)
        return;
    switch (options->check) {
    case TLS_CHECK_NOTHING:
        return;
    case TLS_CHECK_NAMES:
        matches = peer->trust == TLS_TRUSTED && matches_a_name(certificate, options);
        break;
    case TLS_CHECK_FINGERPRINTS:
        matches = matches_a_fingerprint(peer, options);
        break;
    case TLS_CHECK_TLSA:
        matches = matches_tlsa(ssl);
        break;
    }
    ERR_clear_error();
    if (matches) {
        peer->trust = TLS_VERIFIED;
        return;
    }
    /* A good certificate, but not of whom we want. */
    if (options->check == TLS_CHECK_FINGERPRINTS || !peer->distrust)
        peer->distrust =
            "num=65:no matching DANE TLSA records"; /* both, with OpenSSL's means */
    if (options->check == TLS_CHECK_NAMES && is_mismatch(peer, ssl, options))
        peer->distrust =
            wants_address(options) ? "num=64:IP address mismatch" : "num=62:hostname mismatch";
    peer->trust = TLS_UNTRUSTED;
}

#include "tls/terms.h"

#include <openssl/err.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "conf/params.h"
#include "conf/words.h"
#include "tls/openssl.h"

#define SEPARATORS " \t\r\n,:"

/* -- versions -- */

static const struct version {
    const char *name;
    int number;
    uint64_t option;
} versions_known[] = {
    {"SSLv2", 0x0002, 0},
    {"SSLv3", SSL3_VERSION, SSL_OP_NO_SSLv3},
    {"TLSv1", TLS1_VERSION, SSL_OP_NO_TLSv1},
    {"TLSv1.1", TLS1_1_VERSION, SSL_OP_NO_TLSv1_1},
    {"TLSv1.2", TLS1_2_VERSION, SSL_OP_NO_TLSv1_2},
    {"TLSv1.3", TLS1_3_VERSION, SSL_OP_NO_TLSv1_3},
};

static const struct version *find_version(struct slice name)
{
    for (size_t i = 0; i < ARRAY_SIZE(versions_known); i++) {
        if (slice_equals_nocase(name, versions_known[i].name))
            return &versions_known[i];
    }
    return NULL;
}

/* A bound may be a number in hexadecimal, for versions without a name yet; "" and "0": none. */
static bool parse_bound(struct slice text, int *bound)
{
    const struct version *version = find_version(text);
    uint64_t number = 0;

    if (version) {
        *bound = version->number < SSL3_VERSION ? 0 : version->number;
        return true;
    }
    if (slice_starts_with_nocase(text, "0x"))
        text = slice_from_offset(text, 2);
    if (text.len && !slice_to_uint(text, 16, 0xffff, &number))
        return false;
    *bound = (int)number;
    return true;
}

struct version_words {
    struct tls_versions result;
    uint64_t included; /* SSL_OP_NO_ bits of those named without "!" */
};

static bool parse_version_word(struct version_words *words, struct slice word)
{
    const struct version *version;

    if (slice_starts_with(word, ">="))
        return parse_bound(slice_from_offset(word, 2), &words->result.floor);
    if (slice_starts_with(word, "<="))
        return parse_bound(slice_from_offset(word, 2), &words->result.ceiling);
    bool is_excluded = slice_starts_with(word, "!");

    version = find_version(slice_from_offset(word, is_excluded));
    if (!version)
        return false;
    if (is_excluded)
        words->result.options |= version->option;
    else
        words->included |= version->option;
    return true;
}

static uint64_t all_versions(void)
{
    uint64_t all = 0;

    for (size_t i = 0; i < ARRAY_SIZE(versions_known); i++)
        all |= versions_known[i].option;
    return all;
}

int tls_versions_parse(struct tls_versions *versions, const char *text, struct error *error)
{
    struct version_words words = {.included = 0};
    struct slice rest = slice_from(text);

    for (;;) {
        struct slice word = slice_word(&rest, SEPARATORS);

        if (!word.ptr)
            break;
        if (!parse_version_word(&words, word))
            return error_set(error, ERROR_PERMANENT, "Invalid TLS protocol list \"%s\"", text);
    }
    if (words.included)
        words.result.options |= all_versions() & ~words.included;
    *versions = words.result;
    return 0;
}

/* -- ciphers -- */

static const char *grade_list(const char *grade)
{
    const struct {
        const char *name, *list;
    } grades[] = {
        {"high", params.tls_high_cipherlist}, {"medium", params.tls_medium_cipherlist},
        {"low", params.tls_low_cipherlist},   {"export", params.tls_export_cipherlist},
        {"null", params.tls_null_cipherlist},
    };

    for (size_t i = 0; i < ARRAY_SIZE(grades); i++) {
        if (strcasecmp(grade, grades[i].name) != 0)
            continue;
        /* Ciphers below "medium" have gone from OpenSSL: an empty list is that of medium. */
        return *grades[i].list ? grades[i].list : params.tls_medium_cipherlist;
    }
    return NULL;
}

char *tls_cipher_list(const char *grade, const char *exclude, struct error *error)
{
    const char *list = grade_list(grade);
    struct slice rest = slice_from(exclude ? exclude : "");
    struct buf text = BUF_INIT;
    struct slice word;

    if (!list) {
        error_set(error, ERROR_PERMANENT, "invalid cipher grade: \"%s\"", grade);
        return NULL;
    }
    buf_add_text(&text, list);
    while ((word = slice_word(&rest, SEPARATORS)).ptr)
        buf_printf(&text, ":!%.*s", SLICE_ARG(word));
    return buf_take(&text);
}

/* -- both -- */

static int wrong_versions(const struct tls_terms *terms, struct error *error)
{
    return error_set(error, ERROR_PERMANENT,
                     "Invalid TLS protocol list \"%s\": aborting TLS session",
                     terms->protocols);
}

int tls_terms_apply(SSL *ssl, const struct tls_terms *terms, struct error *error)
{
    struct tls_versions versions = {.floor = 0};
    CLEANUP(mem_free_text) char *ciphers = NULL;

    ERR_clear_error();
    if (tls_versions_parse(&versions, terms->protocols, error) < 0)
        return wrong_versions(terms, error);
    SSL_set_options(ssl, versions.options);
    if (!SSL_set_min_proto_version(ssl, versions.floor) ||
        !SSL_set_max_proto_version(ssl, versions.ceiling))
        return wrong_versions(terms, error);
    ciphers = tls_cipher_list(terms->cipher_grade, terms->exclude_ciphers, error);
    if (!ciphers)
        return -1;
    if (!SSL_set_cipher_list(ssl, ciphers))
        return error_set(error, ERROR_PERMANENT, "error setting cipher grade: \"%s\"",
                         terms->cipher_grade);
    return 0;
}

int tls_terms_apply_to_context(SSL_CTX *context, const struct tls_terms *terms,
                               struct error *error)
{
    struct tls_versions versions = {.floor = 0};
    CLEANUP(mem_free_text) char *ciphers = NULL;

    ERR_clear_error();
    if (tls_versions_parse(&versions, terms->protocols, error) < 0)
        return -1;
    ciphers = tls_cipher_list(terms->cipher_grade, terms->exclude_ciphers, error);
    if (!ciphers)
        return -1;
    SSL_CTX_set_options(context, versions.options);
    if (!SSL_CTX_set_min_proto_version(context, versions.floor) ||
        !SSL_CTX_set_max_proto_version(context, versions.ceiling))
        return tls_error(error, ERROR_PERMANENT, "TLS protocol list \"%s\"", terms->protocols);
    if (!SSL_CTX_set_cipher_list(context, ciphers))
        return tls_error(error, ERROR_PERMANENT, "cipher list \"%s\"", ciphers);
    return 0;
}

/* -- groups -- */

/* One unknown name would spoil the whole list: those that this OpenSSL lacks are left out. */
static void add_known_groups(SSL_CTX *context, const char *names, struct buf *list)
{
    struct slice rest = slice_from(names);
    struct slice word;

    while ((word = slice_word(&rest, SEPARATORS)).ptr) {
        CLEANUP(mem_free_text) char *name = slice_dup(word);

        if (SSL_CTX_set1_groups_list(context, name))
            buf_printf(list, "%s%s", list->len ? ":" : "", name);
    }
    ERR_clear_error();
}

int tls_groups_apply(SSL_CTX *context, const char *eecdh_grade, struct error *error)
{
    CLEANUP(buf_release) struct buf list = BUF_INIT;

    if (!eecdh_grade || !*eecdh_grade || strcmp(eecdh_grade, "auto") == 0)
        add_known_groups(context, params.tls_eecdh_auto_curves, &list);
    else if (strcmp(eecdh_grade, "strong") == 0)
        add_known_groups(context, params.tls_eecdh_strong_curve, &list);
    else if (strcmp(eecdh_grade, "ultra") == 0)
        add_known_groups(context, params.tls_eecdh_ultra_curve, &list);
    else if (strcmp(eecdh_grade, "none") != 0)
        return error_set(error, ERROR_PERMANENT, "invalid TLS eecdh grade \"%s\"", eecdh_grade);
    add_known_groups(context, params.tls_ffdhe_auto_groups, &list);
    if (list.len && !SSL_CTX_set1_groups_list(context, list.data))
        return tls_error(error, ERROR_PERMANENT, "TLS groups \"%s\"", list.data);
    return 0;
}

/* -- options -- */

struct option_name {
    const char *name;
    uint64_t bit;
};

static const struct option_name ssl_options[] = {
    {"ENABLE_MIDDLEBOX_COMPAT", SSL_OP_ENABLE_MIDDLEBOX_COMPAT},
    {"LEGACY_SERVER_CONNECT", SSL_OP_LEGACY_SERVER_CONNECT},
    {"NO_COMPRESSION", SSL_OP_NO_COMPRESSION},
    {"NO_RENEGOTIATION", SSL_OP_NO_RENEGOTIATION},
    {"NO_SESSION_RESUMPTION_ON_RENEGOTIATION", SSL_OP_NO_SESSION_RESUMPTION_ON_RENEGOTIATION},
    {"NO_TICKET", SSL_OP_NO_TICKET},
    {"PRIORITIZE_CHACHA", SSL_OP_PRIORITIZE_CHACHA},
    {"TLSEXT_PADDING", SSL_OP_TLSEXT_PADDING},
    {NULL, 0},
};

/* Workarounds that OpenSSL has dropped meanwhile are still known by name. */
static const struct option_name workarounds[] = {
    {"CRYPTOPRO_TLSEXT_BUG", SSL_OP_CRYPTOPRO_TLSEXT_BUG},
    {"DONT_INSERT_EMPTY_FRAGMENTS", SSL_OP_DONT_INSERT_EMPTY_FRAGMENTS},
    {"LEGACY_SERVER_CONNECT", SSL_OP_LEGACY_SERVER_CONNECT},
    {"MICROSOFT_BIG_SSLV3_BUFFER", 0},
    {"MICROSOFT_SESS_ID_BUG", 0},
    {"MSIE_SSLV2_RSA_PADDING", 0},
    {"NETSCAPE_CHALLENGE_BUG", 0},
    {"NETSCAPE_REUSE_CIPHER_CHANGE_BUG", 0},
    {"SSLEAY_080_CLIENT_DH_BUG", 0},
    {"SSLREF2_REUSE_CERT_TYPE_BUG", 0},
    {"TLSEXT_PADDING", SSL_OP_TLSEXT_PADDING},
    {"TLS_BLOCK_PADDING_BUG", 0},
    {"TLS_D5_BUG", 0},
    {"TLS_ROLLBACK_BUG", SSL_OP_TLS_ROLLBACK_BUG},
    {NULL, 0},
};

static int parse_options(const char *parameter, const char *text,
                         const struct option_name *known, uint64_t *bits, struct error *error)
{
    struct slice rest = slice_from(text);
    struct slice word;

    while ((word = slice_word(&rest, SEPARATORS)).ptr) {
        size_t i = 0;
        uint64_t number;

        while (known[i].name && !slice_equals_nocase(word, known[i].name))
            i++;
        if (known[i].name)
            *bits |= known[i].bit;
        else if (slice_starts_with_nocase(word, "0x") &&
                 slice_to_uint(slice_from_offset(word, 2), 16, UINT64_MAX, &number))
            *bits |= number;
        else
            return error_set(error, ERROR_PERMANENT, "unknown %s value \"%.*s\" in \"%s\"",
                             parameter, SLICE_ARG(word), text);
    }
    return 0;
}

int tls_options_apply(SSL_CTX *context, struct error *error)
{
    uint64_t disabled = 0;
    uint64_t wanted = 0;

    if (parse_options("tls_disable_workarounds", params.tls_disable_workarounds, workarounds,
                      &disabled, error) < 0 ||
        parse_options("tls_ssl_options", params.tls_ssl_options, ssl_options, &wanted, error) <
            0)
        return -1;
    SSL_CTX_set_options(context, (SSL_OP_ALL & ~disabled) | wanted);
    return 0;
}

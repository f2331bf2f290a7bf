/*
 * The provider: key management, signatures and RSA decryption. Whatever concerns the public
 * half is left to the default provider.
 */
#include "tls/remote_key.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include "base/mem.h"
#include "ipc/tlskey_client.h"
#include "tls/openssl.h"

#define PROPERTIES  "provider=tassis"
#define ANSWER_TIME SECONDS(30)
#define DIGEST_MAX  50

struct remote_key {
    const char *type; /* "RSA", "EC", ... */
    EVP_PKEY *public; /* of the default provider */
    unsigned char name[TLSKEY_NAME_BYTES];
};

/* -- key management -- */

static void *key_new(const char *type)
{
    struct remote_key *key = mem_new(struct remote_key);

    key->type = type;
    return key;
}

static void key_free(void *data)
{
    struct remote_key *key = data;

    EVP_PKEY_free(key->public);
    mem_free(key);
}

static int key_has(const void *data, int selection)
{
    const struct remote_key *key = data;

    (void)selection;
    return key && key->public != NULL;
}

static int key_match(const void *data1, const void *data2, int selection)
{
    const struct remote_key *key1 = data1, *key2 = data2;

    (void)selection;
    return EVP_PKEY_eq(key1->public, key2->public) == 1;
}

static bool name_key(struct remote_key *key)
{
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(key->public, &der);

    if (len <= 0)
        return false;
    SHA256(der, (size_t)len, key->name);
    OPENSSL_free(der);
    return true;
}

static int key_import(void *data, int selection, const OSSL_PARAM given[])
{
    struct remote_key *key = data;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, key->type, "provider=default");
    OSSL_PARAM *copy = OSSL_PARAM_dup(given); /* fromdata wants what it may write to */

    (void)selection;
    bool imported = context && copy && EVP_PKEY_fromdata_init(context) > 0 &&
                    EVP_PKEY_fromdata(context, &key->public, EVP_PKEY_PUBLIC_KEY, copy) > 0;

    OSSL_PARAM_free(copy);
    EVP_PKEY_CTX_free(context);
    return imported && name_key(key);
}

/* Only the public half: so nobody takes the key elsewhere to sign with it there. */
static int key_export(void *data, int selection, OSSL_CALLBACK *callback, void *argument)
{
    const struct remote_key *key = data;
    OSSL_PARAM *values = NULL;
    int result;

    if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) ||
        EVP_PKEY_todata(key->public, EVP_PKEY_PUBLIC_KEY, &values) <= 0)
        return 0;
    result = callback(values, argument);
    OSSL_PARAM_free(values);
    return result;
}

static const OSSL_PARAM *no_types(int selection)
{
    static const OSSL_PARAM none[] = {OSSL_PARAM_END};

    (void)selection;
    return none;
}

static int key_get_params(void *data, OSSL_PARAM values[])
{
    const struct remote_key *key = data;

    return EVP_PKEY_get_params(key->public, values);
}

static const OSSL_PARAM *key_gettable(void *provider)
{
    static const OSSL_PARAM known[] = {
        OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_MANDATORY_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)provider;
    return known;
}

static const char *rsa_operation(int operation)
{
    (void)operation;
    return "RSA";
}

static const char *ec_operation(int operation)
{
    (void)operation;
    return "ECDSA";
}

#define FUNCTION(number, function)         \
    {                                      \
        number, (void (*)(void))(function) \
    }

/* A kind of key: its constructor knows the name, the rest is the same for all. */
#define KEY_KIND(kind, type, ...)                                  \
    static void *kind##_new(void *provider)                        \
    {                                                              \
        (void)provider;                                            \
        return key_new(type);                                      \
    }                                                              \
    static const OSSL_DISPATCH kind##_management[] = {             \
        FUNCTION(OSSL_FUNC_KEYMGMT_NEW, kind##_new),               \
        FUNCTION(OSSL_FUNC_KEYMGMT_FREE, key_free),                \
        FUNCTION(OSSL_FUNC_KEYMGMT_HAS, key_has),                  \
        FUNCTION(OSSL_FUNC_KEYMGMT_MATCH, key_match),              \
        FUNCTION(OSSL_FUNC_KEYMGMT_IMPORT, key_import),            \
        FUNCTION(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, no_types),        \
        FUNCTION(OSSL_FUNC_KEYMGMT_EXPORT, key_export),            \
        FUNCTION(OSSL_FUNC_KEYMGMT_EXPORT_TYPES, no_types),        \
        FUNCTION(OSSL_FUNC_KEYMGMT_GET_PARAMS, key_get_params),    \
        FUNCTION(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, key_gettable), \
        __VA_ARGS__{0, NULL},                                      \
    };

KEY_KIND(rsa, "RSA", )
KEY_KIND(rsa_pss, "RSA-PSS", FUNCTION(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, rsa_operation), )
KEY_KIND(ec, "EC", FUNCTION(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, ec_operation), )
KEY_KIND(ed25519, "ED25519", )
KEY_KIND(ed448, "ED448", )

/* -- asking the worker -- */

/* One use of a key: a signature or a decryption, with what was said about how. */
struct use {
    const struct remote_key *key;
    char digest[DIGEST_MAX];
    bool is_pss;
    int client_version, negotiated_version; /* of RSA key exchange */
};

static void *use_new(void)
{
    return mem_new(struct use);
}

static void *signature_new(void *provider, const char *properties)
{
    (void)provider;
    (void)properties;
    return use_new();
}

static void *cipher_new(void *provider)
{
    (void)provider;
    return use_new();
}

static void use_free(void *use)
{
    mem_free(use);
}

static void *use_dup(void *use)
{
    return mem_dup(use, sizeof(struct use));
}

/*
 * The one place where other sessions run in the middle of an OpenSSL call. They share the error
 * queue: what they left there is not ours.
 */
static int ask_worker(const struct tlskey_use *request, unsigned char *out, size_t *out_len,
                      size_t out_size)
{
    CLEANUP(buf_release) struct buf result = BUF_INIT;
    struct error error = ERROR_INIT;
    int status = tlskey_use(request, deadline_in(ANSWER_TIME), &result, &error);

    ERR_clear_error();
    if (status == 0 && result.len > out_size)
        status = error_set(&error, ERROR_TEMPORARY, "tlskey: answer of %zu bytes", result.len);
    if (status < 0) {
        ERR_raise_data(ERR_LIB_USER, ERR_R_OPERATION_FAIL, "%s", error.text);
        return 0;
    }
    memcpy(out, result.data, result.len);
    *out_len = result.len;
    return 1;
}

static bool is_text(const OSSL_PARAM *value, const char *text)
{
    const char *found;

    return value->data_type == OSSL_PARAM_UTF8_STRING &&
           OSSL_PARAM_get_utf8_string_ptr(value, &found) && strcmp(found, text) == 0;
}

static int use_set_params(void *data, const OSSL_PARAM values[])
{
    struct use *use = data;
    const OSSL_PARAM *value = OSSL_PARAM_locate_const(values, OSSL_SIGNATURE_PARAM_PAD_MODE);
    int mode = 0;

    if (value) {
        if (value->data_type == OSSL_PARAM_INTEGER && !OSSL_PARAM_get_int(value, &mode))
            return 0;
        use->is_pss =
            mode == RSA_PKCS1_PSS_PADDING || is_text(value, OSSL_PKEY_RSA_PAD_MODE_PSS);
    }
    value = OSSL_PARAM_locate_const(values, OSSL_ASYM_CIPHER_PARAM_TLS_CLIENT_VERSION);
    if (value && !OSSL_PARAM_get_int(value, &use->client_version))
        return 0;
    value = OSSL_PARAM_locate_const(values, OSSL_ASYM_CIPHER_PARAM_TLS_NEGOTIATED_VERSION);
    return !value || OSSL_PARAM_get_int(value, &use->negotiated_version);
}

/* The salt is always as long as the digest, which is what TLS wants. */
static const OSSL_PARAM *use_settable(void *use, void *provider)
{
    static const OSSL_PARAM known[] = {
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, NULL, 0),
        OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_TLS_CLIENT_VERSION, NULL),
        OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_TLS_NEGOTIATED_VERSION, NULL),
        OSSL_PARAM_END,
    };

    (void)use;
    (void)provider;
    return known;
}

/* -- signatures -- */

static int sign_begin(void *data, const char *digest, void *key, const OSSL_PARAM values[])
{
    struct use *use = data;

    use->key = key;
    use->is_pss = strcmp(use->key->type, "RSA-PSS") == 0;
    if (digest && strlen(digest) >= sizeof(use->digest))
        return 0;
    if (digest)
        memcpy(use->digest, digest, strlen(digest) + 1);
    return !values || use_set_params(use, values);
}

static int sign(void *data, unsigned char *signature, size_t *len, size_t size,
                const unsigned char *bytes, size_t n_bytes)
{
    const struct use *use = data;
    const struct tlskey_use request = {
        .operation = use->is_pss ? TLSKEY_SIGN_PSS : TLSKEY_SIGN,
        .key = slice_of(use->key->name, sizeof(use->key->name)),
        .digest = slice_from(use->digest),
        .data = slice_of(bytes, n_bytes),
    };

    if (!signature) {
        *len = (size_t)EVP_PKEY_get_size(use->key->public);
        return 1;
    }
    return ask_worker(&request, signature, len, size);
}

static const OSSL_DISPATCH signatures[] = {
    FUNCTION(OSSL_FUNC_SIGNATURE_NEWCTX, signature_new),
    FUNCTION(OSSL_FUNC_SIGNATURE_FREECTX, use_free),
    FUNCTION(OSSL_FUNC_SIGNATURE_DUPCTX, use_dup),
    FUNCTION(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, sign_begin),
    FUNCTION(OSSL_FUNC_SIGNATURE_DIGEST_SIGN, sign),
    FUNCTION(OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, use_set_params),
    FUNCTION(OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, use_settable),
    {0, NULL},
};

/* -- RSA key exchange, for clients of TLS 1.2 without elliptic curves -- */

static int decrypt_begin(void *data, void *key, const OSSL_PARAM values[])
{
    struct use *use = data;

    use->key = key;
    return !values || use_set_params(use, values);
}

/* The worker answers a random secret for a bad one, so that nobody learns the difference. */
static int decrypt(void *data, unsigned char *out, size_t *len, size_t size,
                   const unsigned char *bytes, size_t n_bytes)
{
    const struct use *use = data;
    const struct tlskey_use request = {
        .operation = TLSKEY_DECRYPT,
        .key = slice_of(use->key->name, sizeof(use->key->name)),
        .digest = SLICE_EMPTY,
        .data = slice_of(bytes, n_bytes),
        .client_version = use->client_version,
        .negotiated_version = use->negotiated_version,
    };

    if (!out) {
        *len = (size_t)EVP_PKEY_get_size(use->key->public);
        return 1;
    }
    return ask_worker(&request, out, len, size);
}

static const OSSL_DISPATCH decryption[] = {
    FUNCTION(OSSL_FUNC_ASYM_CIPHER_NEWCTX, cipher_new),
    FUNCTION(OSSL_FUNC_ASYM_CIPHER_FREECTX, use_free),
    FUNCTION(OSSL_FUNC_ASYM_CIPHER_DUPCTX, use_dup),
    FUNCTION(OSSL_FUNC_ASYM_CIPHER_DECRYPT_INIT, decrypt_begin),
    FUNCTION(OSSL_FUNC_ASYM_CIPHER_DECRYPT, decrypt),
    FUNCTION(OSSL_FUNC_ASYM_CIPHER_SET_CTX_PARAMS, use_set_params),
    FUNCTION(OSSL_FUNC_ASYM_CIPHER_SETTABLE_CTX_PARAMS, use_settable),
    {0, NULL},
};

/* -- the provider -- */

static const OSSL_ALGORITHM *query(void *provider, int operation, int *no_cache)
{
    static const OSSL_ALGORITHM managements[] = {
        {"RSA:rsaEncryption:1.2.840.113549.1.1.1", PROPERTIES, rsa_management, NULL},
        {"RSA-PSS:RSASSA-PSS:1.2.840.113549.1.1.10", PROPERTIES, rsa_pss_management, NULL},
        {"EC:id-ecPublicKey:1.2.840.10045.2.1", PROPERTIES, ec_management, NULL},
        {"ED25519:1.3.101.112", PROPERTIES, ed25519_management, NULL},
        {"ED448:1.3.101.113", PROPERTIES, ed448_management, NULL},
        {NULL, NULL, NULL, NULL},
    };
    static const OSSL_ALGORITHM signing[] = {
        {"RSA:rsaEncryption:1.2.840.113549.1.1.1", PROPERTIES, signatures, NULL},
        {"ECDSA", PROPERTIES, signatures, NULL},
        {"ED25519:1.3.101.112", PROPERTIES, signatures, NULL},
        {"ED448:1.3.101.113", PROPERTIES, signatures, NULL},
        {NULL, NULL, NULL, NULL},
    };
    static const OSSL_ALGORITHM decrypting[] = {
        {"RSA:rsaEncryption:1.2.840.113549.1.1.1", PROPERTIES, decryption, NULL},
        {NULL, NULL, NULL, NULL},
    };

    (void)provider;
    *no_cache = 0;
    switch (operation) {
    case OSSL_OP_KEYMGMT:
        return managements;
    case OSSL_OP_SIGNATURE:
        return signing;
    case OSSL_OP_ASYM_CIPHER:
        return decrypting;
    default:
        return NULL;
    }
}

static int start(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *core,
                 const OSSL_DISPATCH **functions, void **provider)
{
    static const OSSL_DISPATCH own[] = {
        FUNCTION(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query),
        {0, NULL},
    };
    static int nothing;

    (void)handle;
    (void)core;
    *functions = own;
    *provider = &nothing;
    return 1;
}

int remote_key_open(struct error *error)
{
    static OSSL_PROVIDER *provider; /* as long as the process */

    if (provider)
        return 0;
    /* Behind the default provider: what is asked for without a word about the provider must
     * not come from here. */
    if (OSSL_PROVIDER_add_builtin(NULL, "tassis", start))
        provider = OSSL_PROVIDER_load(NULL, "tassis");
    if (!provider)
        return tls_error(error, ERROR_PERMANENT, "register the provider of remote keys");
    return 0;
}

EVP_PKEY *remote_key_new(EVP_PKEY *public_key, struct error *error)
{
    const char *type = EVP_PKEY_get0_type_name(public_key);
    EVP_PKEY_CTX *context = type ? EVP_PKEY_CTX_new_from_name(NULL, type, PROPERTIES) : NULL;
    OSSL_PARAM *values = NULL;
    EVP_PKEY *key = NULL;

    if (!context || EVP_PKEY_todata(public_key, EVP_PKEY_PUBLIC_KEY, &values) <= 0 ||
        EVP_PKEY_fromdata_init(context) <= 0 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, values) <= 0)
        tls_error(error, ERROR_PERMANENT, "key of type %s", type ? type : "unknown");
    OSSL_PARAM_free(values);
    EVP_PKEY_CTX_free(context);
    return key;
}

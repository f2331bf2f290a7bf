#include "keys.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/time.h"
#include "ipc/tlskey_client.h"
#include "tls/openssl.h"

#define KEEP_TIME      (SECONDS(1) * 3600)
#define DATA_MAX_BYTES 65536
#define RESULT_MAX     4096 /* of RSA with 16384 bits: 2048 */

struct key {
    EVP_PKEY *key;
    int64_t last_use;
};

static struct hash keys = {.key_case = HASH_EXACT}; /* name -> struct key */

static bool name_key(EVP_PKEY *key, unsigned char name[TLSKEY_NAME_BYTES])
{
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(key, &der);

    if (len <= 0)
        return false;
    SHA256(der, (size_t)len, name);
    OPENSSL_free(der);
    return true;
}

/* Takes the key over. */
static int keep(EVP_PKEY *key, struct buf *names, struct error *error)
{
    unsigned char name[TLSKEY_NAME_BYTES];
    struct key *kept;

    if (!name_key(key, name)) {
        EVP_PKEY_free(key);
        return tls_error(error, ERROR_PERMANENT, "public half of a key");
    }
    buf_add(names, name, sizeof(name));
    kept = hash_get(&keys, slice_of(name, sizeof(name)));
    if (kept) {
        EVP_PKEY_free(key);
    } else {
        kept = mem_new(struct key);
        kept->key = key;
        hash_set(&keys, slice_of(name, sizeof(name)), kept);
    }
    kept->last_use = time_now_ms();
    return 0;
}

void keys_touch(struct slice names)
{
    for (; names.len >= TLSKEY_NAME_BYTES;
         names = slice_from_offset(names, TLSKEY_NAME_BYTES)) {
        struct key *kept = hash_get(&keys, slice_sub(names, 0, TLSKEY_NAME_BYTES));

        if (kept)
            kept->last_use = time_now_ms();
    }
}

void keys_sweep(void)
{
    struct hash_cursor cursor = {0};
    struct slice name;
    void *value;

    while (hash_next(&keys, &cursor, &name, &value)) {
        struct key *kept = value;

        if (time_now_ms() - kept->last_use < KEEP_TIME)
            continue;
        hash_remove(&keys, name);
        EVP_PKEY_free(kept->key);
        mem_free(kept);
    }
}

/* -- reading ----------------------------------------------------------------------------- */

/* One pair, as far as it has been read. */
struct pair {
    EVP_PKEY *key;
    X509 *leaf;
    struct buf chain; /* PEM, the leaf in front */
};

struct pem_reader {
    struct pair pair;
    size_t n_pairs;
    struct buf *chains, *names;
    struct error *error;
};

static void pair_reset(struct pair *pair)
{
    EVP_PKEY_free(pair->key);
    X509_free(pair->leaf);
    buf_release(&pair->chain);
    *pair = (struct pair){.chain = BUF_INIT};
}

static int finish_pair(struct pem_reader *reader)
{
    struct pair *pair = &reader->pair;

    if (!pair->key && !pair->leaf)
        return 0;
    if (!pair->key)
        return error_set(reader->error, ERROR_PERMANENT,
                         "a certificate without its private key");
    if (!pair->leaf)
        return error_set(reader->error, ERROR_PERMANENT,
                         "a private key without its certificate");
    if (!X509_check_private_key(pair->leaf, pair->key))
        return tls_error(reader->error, ERROR_PERMANENT,
                         "certificate and private key do not match");
    EVP_PKEY *key = pair->key;

    pair->key = NULL;
    if (keep(key, reader->names, reader->error) < 0)
        return -1;
    buf_add_text(reader->chains, TLSKEY_CHAIN_MARK);
    buf_add_slice(reader->chains, buf_slice(&pair->chain));
    reader->n_pairs++;
    pair_reset(pair);
    return 0;
}

static int take_key(struct pem_reader *reader, EVP_PKEY *key)
{
    struct pair *pair = &reader->pair;

    /* Behind a leaf whose key has not come yet it is that one; else it begins a new pair. */
    if (pair->key && finish_pair(reader) < 0) {
        EVP_PKEY_free(key);
        return -1;
    }
    pair->key = key;
    return 0;
}

static int take_certificate(struct pem_reader *reader, X509 *certificate)
{
    struct pair *pair = &reader->pair;
    BIO *bio = BIO_new(BIO_s_mem());
    char *text;

    if (!pair->leaf) {
        X509_up_ref(certificate);
        pair->leaf = certificate;
    }
    if (!PEM_write_bio_X509(bio, certificate)) {
        BIO_free(bio);
        return tls_error(reader->error, ERROR_PERMANENT, "certificate");
    }
    long len = BIO_get_mem_data(bio, &text);

    buf_add(&pair->chain, text, (size_t)len);
    BIO_free(bio);
    return 0;
}

static int take_object(struct pem_reader *reader, const char *kind, const unsigned char *der,
                       long len)
{
    if (strcmp(kind, PEM_STRING_PKCS8) == 0)
        return error_set(reader->error, ERROR_PERMANENT, "the private key is encrypted");
    if (slice_ends_with(slice_from(kind), "PRIVATE KEY")) {
        EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &der, len);

        return key ? take_key(reader, key)
                   : tls_error(reader->error, ERROR_PERMANENT, "private key");
    }
    if (strcmp(kind, PEM_STRING_X509) == 0 || strcmp(kind, PEM_STRING_X509_OLD) == 0) {
        X509 *certificate = d2i_X509(NULL, &der, len);
        int status = certificate ? take_certificate(reader, certificate)
                                 : tls_error(reader->error, ERROR_PERMANENT, "certificate");

        X509_free(certificate);
        return status;
    }
    return 0; /* EC PARAMETERS and the like */
}

static int take_all(struct pem_reader *reader, BIO *bio)
{
    char *kind, *header;
    unsigned char *der;
    long len;

    while (PEM_read_bio(bio, &kind, &header, &der, &len)) {
        int status =
            *header ? error_set(reader->error, ERROR_PERMANENT, "the private key is encrypted")
                    : take_object(reader, kind, der, len);

        OPENSSL_clear_free(der, (size_t)len);
        OPENSSL_free(kind);
        OPENSSL_free(header);
        if (status < 0)
            return -1;
    }
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        return tls_error(reader->error, ERROR_PERMANENT, "PEM");
    ERR_clear_error();
    return finish_pair(reader);
}

int keys_read(struct slice pem, struct buf *chains, struct buf *names, struct error *error)
{
    struct pem_reader reader = {
        .pair = {.chain = BUF_INIT}, .chains = chains, .names = names, .error = error};
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);

    ERR_clear_error();
    int status = take_all(&reader, bio);

    BIO_free(bio);
    pair_reset(&reader.pair);
    ERR_clear_error();
    if (status == 0 && reader.n_pairs == 0)
        return error_set(error, ERROR_PERMANENT, "no private key with a certificate");
    return status;
}

/* -- using ------------------------------------------------------------------------------- */

static int sign(EVP_PKEY *key, const struct tlskey_use *use, struct buf *result,
                struct error *error)
{
    CLEANUP(mem_free_text) char *digest = slice_dup(use->digest);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *details = NULL;
    size_t len = RESULT_MAX;

    buf_reset(result);
    bool done = context &&
                EVP_DigestSignInit_ex(context, &details, *digest ? digest : NULL, NULL, NULL,
                                      key, NULL) > 0 &&
                (use->operation != TLSKEY_SIGN_PSS ||
                 (EVP_PKEY_CTX_set_rsa_padding(details, RSA_PKCS1_PSS_PADDING) > 0 &&
                  EVP_PKEY_CTX_set_rsa_pss_saltlen(details, RSA_PSS_SALTLEN_DIGEST) > 0)) &&
                EVP_DigestSign(context, (unsigned char *)buf_reserve(result, RESULT_MAX), &len,
                               (const unsigned char *)use->data.ptr, use->data.len) > 0;

    EVP_MD_CTX_free(context);
    if (!done)
        return tls_error(error, ERROR_PERMANENT, "sign with %s", digest);
    result->len = len;
    result->data[len] = '\0';
    return 0;
}

/* In constant time, and with a random secret for a bad one: the caller sees no difference. */
static int decrypt(EVP_PKEY *key, const struct tlskey_use *use, struct buf *result,
                   struct error *error)
{
    unsigned client_version = (unsigned)use->client_version;
    unsigned negotiated_version = (unsigned)use->negotiated_version;
    OSSL_PARAM versions[] = {
        OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_TLS_CLIENT_VERSION, &client_version),
        OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_TLS_NEGOTIATED_VERSION, &negotiated_version),
        OSSL_PARAM_END,
    };
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    size_t len = RESULT_MAX;

    buf_reset(result);
    bool done = context && EVP_PKEY_decrypt_init(context) > 0 &&
                EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_WITH_TLS_PADDING) > 0 &&
                EVP_PKEY_CTX_set_params(context, versions) > 0 &&
                EVP_PKEY_decrypt(context, (unsigned char *)buf_reserve(result, RESULT_MAX),
                                 &len, (const unsigned char *)use->data.ptr, use->data.len) > 0;

    EVP_PKEY_CTX_free(context);
    if (!done)
        return tls_error(error, ERROR_PERMANENT, "decrypt");
    result->len = len;
    result->data[len] = '\0';
    return 0;
}

int keys_use(const struct tlskey_use *use, struct buf *result, struct error *error)
{
    struct key *kept = hash_get(&keys, use->key);

    if (!kept)
        return error_set(error, ERROR_PERMANENT, "no such key");
    if (use->data.len > DATA_MAX_BYTES || EVP_PKEY_get_size(kept->key) > RESULT_MAX)
        return error_set(error, ERROR_PERMANENT, "too much to sign");
    kept->last_use = time_now_ms();
    ERR_clear_error();
    switch ((enum tlskey_operation)use->operation) {
    case TLSKEY_SIGN:
    case TLSKEY_SIGN_PSS:
        return sign(kept->key, use, result, error);
    case TLSKEY_DECRYPT:
        return decrypt(kept->key, use, result, error);
    default:
        return error_set(error, ERROR_PERMANENT, "no such operation");
    }
}

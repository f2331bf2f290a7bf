#include "tls_pair.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "base/mem.h"
#include "base/slice.h"
#include "tls/openssl.h"

/* Nobody looks at it; a new one is made when the algorithm is no longer any good. */
enum { VALID_DAYS = 36525, SERIAL_BYTES = 20, DIGEST_BYTES = 32 };

enum { RSA_BITS_MIN = 1024, RSA_BITS_MAX = 16384, RSA_BITS_USUAL = 2048 };

enum pair_algorithm pair_algorithm_parse(const char *name)
{
    if (strcasecmp(name, "rsa") == 0)
        return PAIR_RSA;
    return strcasecmp(name, "ecdsa") == 0 ? PAIR_ECDSA : PAIR_UNKNOWN;
}

enum pair_algorithm pair_algorithm_of(const EVP_PKEY *key)
{
    if (EVP_PKEY_is_a(key, "RSA"))
        return PAIR_RSA;
    return EVP_PKEY_is_a(key, "EC") ? PAIR_ECDSA : PAIR_UNKNOWN;
}

void pair_key_free(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

static void bio_release(BIO **bio)
{
    BIO_free_all(*bio);
}

static void certificate_release(X509 **certificate)
{
    X509_free(*certificate);
}

static void request_release(X509_REQ **request)
{
    X509_REQ_free(*request);
}

static void extension_release(X509_EXTENSION **extension)
{
    X509_EXTENSION_free(*extension);
}

/* -- keys
 * ----------------------------------------------------------------------------------- */

static EVP_PKEY *make_rsa(const char *size, struct error *error)
{
    int64_t bits = RSA_BITS_USUAL;

    if (size && !slice_to_int(slice_from(size), RSA_BITS_MIN, RSA_BITS_MAX, &bits)) {
        error_set(error, ERROR_PERMANENT, "%s: expected %d to %d bits", size, RSA_BITS_MIN,
                  RSA_BITS_MAX);
        return NULL;
    }
    EVP_PKEY *key = EVP_RSA_gen((unsigned)bits);
    if (!key)
        tls_error(error, ERROR_PERMANENT, "make an RSA key");
    return key;
}

static EVP_PKEY *make_ec(const char *curve, struct error *error)
{
    /* OpenSSL knows that curve by its other name. */
    if (!curve || strcmp(curve, "secp256r1") == 0)
        curve = "prime256v1";
    EVP_PKEY *key = EVP_EC_gen(curve);
    if (!key)
        tls_error(error, ERROR_PERMANENT, "make a key on the curve %s", curve);
    return key;
}

EVP_PKEY *pair_key_make(enum pair_algorithm algorithm, const char *size, struct error *error)
{
    return algorithm == PAIR_RSA ? make_rsa(size, error) : make_ec(size, error);
}

/* No question on the terminal for a password. The type is OpenSSL's. */
/* NOLINTNEXTLINE(readability-non-const-parameter) */
static int no_password(char *text, int size, int is_writing, void *context)
{
    (void)text;
    (void)size;
    (void)is_writing;
    (void)context;
    return -1;
}

EVP_PKEY *pair_key_read(const char *path, struct error *error)
{
    CLEANUP(bio_release) BIO *bio = BIO_new_file(path, "r");

    if (!bio) {
        tls_error(error, ERROR_PERMANENT, "open %s", path);
        return NULL;
    }
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
    if (!key)
        tls_error(error, ERROR_PERMANENT, "no private key found in file: %s", path);
    return key;
}

static void take_text(BIO *bio, struct buf *pem)
{
    char *data = NULL;
    long len = BIO_get_mem_data(bio, &data);

    if (len > 0)
        buf_add(pem, data, (size_t)len);
}

int pair_key_write(EVP_PKEY *key, struct buf *pem, struct error *error)
{
    CLEANUP(bio_release) BIO *bio = BIO_new(BIO_s_secmem());

    if (!bio || PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1)
        return tls_error(error, ERROR_PERMANENT, "write the key");
    take_text(bio, pem);
    return 0;
}

int pair_digest(EVP_PKEY *key, struct buf *hex, struct error *error)
{
    unsigned char digest[DIGEST_BYTES], *der = NULL;
    int len = i2d_PUBKEY(key, &der);
    bool is_done = len > 0 && EVP_Digest(der, (size_t)len, digest, NULL, EVP_sha256(), NULL);

    OPENSSL_free(der);
    if (!is_done)
        return tls_error(error, ERROR_PERMANENT, "digest of the public key");
    for (size_t i = 0; i < sizeof(digest); i++)
        buf_printf(hex, "%02x", digest[i]);
    return 0;
}

/* -- certificates and requests
 * -------------------------------------------------------------- */

static X509_EXTENSION *make_extension(X509V3_CTX *context, int nid, const char *value)
{
    return X509V3_EXT_conf_nid(NULL, context, nid, value);
}

/* "DNS:a,DNS:b". A comma or the like in a name would be something else. */
static int host_names(char *const hosts[], struct buf *text, struct error *error)
{
    for (size_t i = 0; hosts[i]; i++) {
        for (const char *c = hosts[i]; *c; c++)
            if (!ascii_is_alnum(*c) && !strchr(".-_*", *c))
                return error_set(error, ERROR_PERMANENT, "not a host name: %s", hosts[i]);
        buf_printf(text, "%sDNS:%s", i ? "," : "", hosts[i]);
    }
    return 0;
}

struct wanted {
    int nid;
    const char *value;
};

static int add_to_certificate(X509 *certificate, const struct wanted *wanted, size_t n)
{
    X509V3_CTX context;

    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    for (size_t i = 0; i < n; i++) {
        CLEANUP(extension_release)
        X509_EXTENSION *extension = make_extension(&context, wanted[i].nid, wanted[i].value);
        if (!extension || X509_add_ext(certificate, extension, -1) != 1)
            return -1;
    }
    return 0;
}

static int set_serial(X509 *certificate)
{
    unsigned char bytes[SERIAL_BYTES];

    if (RAND_bytes(bytes, sizeof(bytes)) != 1)
        return -1;
    bytes[0] = (unsigned char)(bytes[0] & 0x7f) | 0x40; /* positive, and all of the length */
    BIGNUM *number = BN_bin2bn(bytes, sizeof(bytes), NULL);
    bool is_set = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));

    BN_free(number);
    return is_set ? 0 : -1;
}

static int fill_certificate(X509 *certificate, EVP_PKEY *key, const char *host,
                            const char *alternatives)
{
    const struct wanted extensions[] = {
        {NID_basic_constraints, "CA:FALSE"},
        {NID_subject_key_identifier, "hash"},
        {NID_ext_key_usage, "serverAuth,clientAuth"},
        {NID_subject_alt_name, alternatives},
    };
    X509_NAME *name = X509_get_subject_name(certificate);
    const unsigned char *common_name = (const unsigned char *)host;

    if (X509_set_version(certificate, X509_VERSION_3) != 1 || set_serial(certificate) < 0 ||
        !X509_time_adj_ex(X509_getm_notBefore(certificate), 0, 0, NULL) ||
        !X509_time_adj_ex(X509_getm_notAfter(certificate), VALID_DAYS, 0, NULL) ||
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, common_name, -1, -1, 0) != 1 ||
        X509_set_issuer_name(certificate, name) != 1 || X509_set_pubkey(certificate, key) != 1)
        return -1;
    return add_to_certificate(certificate, extensions, ARRAY_SIZE(extensions));
}

int pair_certificate(EVP_PKEY *key, char *const hosts[], struct buf *pem, struct error *error)
{
    CLEANUP(bio_release) BIO *bio = BIO_new(BIO_s_mem());
    CLEANUP(certificate_release) X509 *certificate = X509_new();
    CLEANUP(buf_release) struct buf names = BUF_INIT;

    if (host_names(hosts, &names, error) < 0)
        return -1;
    if (!bio || !certificate || fill_certificate(certificate, key, hosts[0], names.data) < 0 ||
        X509_sign(certificate, key, EVP_sha256()) <= 0 ||
        PEM_write_bio_X509(bio, certificate) != 1)
        return tls_error(error, ERROR_PERMANENT, "make a certificate for %s", hosts[0]);
    take_text(bio, pem);
    return 0;
}

static int add_to_request(X509_REQ *request, EVP_PKEY *key, const char *alternatives)
{
    const struct wanted extensions[] = {
        {NID_subject_key_identifier, "hash"},
        {NID_ext_key_usage, "serverAuth,clientAuth"},
        {NID_subject_alt_name, alternatives},
    };
    STACK_OF(X509_EXTENSION) *list = sk_X509_EXTENSION_new_null();
    X509V3_CTX context;
    int result = list && X509_REQ_set_pubkey(request, key) == 1 ? 0 : -1;

    X509V3_set_ctx(&context, NULL, NULL, request, NULL, 0);
    for (size_t i = 0; i < ARRAY_SIZE(extensions) && result == 0; i++) {
        X509_EXTENSION *extension =
            make_extension(&context, extensions[i].nid, extensions[i].value);
        if (!extension || sk_X509_EXTENSION_push(list, extension) <= 0) {
            X509_EXTENSION_free(extension);
            result = -1;
        }
    }
    if (result == 0 && X509_REQ_add_extensions(request, list) != 1)
        result = -1;
    sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
    return result;
}

int pair_request(EVP_PKEY *key, char *const hosts[], struct buf *pem, struct error *error)
{
    CLEANUP(bio_release) BIO *bio = BIO_new(BIO_s_mem());
    CLEANUP(request_release) X509_REQ *request = X509_REQ_new();
    CLEANUP(buf_release) struct buf names = BUF_INIT;

    if (host_names(hosts, &names, error) < 0)
        return -1;
    if (!bio || !request || add_to_request(request, key, names.data) < 0 ||
        X509_REQ_sign(request, key, EVP_sha256()) <= 0 ||
        PEM_write_bio_X509_REQ(bio, request) != 1)
        return tls_error(error, ERROR_PERMANENT, "make a certificate request");
    take_text(bio, pem);
    return 0;
}

int pair_check(const char *certificate_path, EVP_PKEY *key, struct error *error)
{
    CLEANUP(bio_release) BIO *bio = BIO_new_file(certificate_path, "r");

    if (!bio)
        return tls_error(error, ERROR_PERMANENT, "open %s", certificate_path);
    CLEANUP(certificate_release)
    X509 *certificate = PEM_read_bio_X509(bio, NULL, no_password, NULL);

    if (!certificate)
        return tls_error(error, ERROR_PERMANENT, "no certificate found in file: %s",
                         certificate_path);
    if (X509_check_private_key(certificate, key) != 1)
        return tls_error(error, ERROR_PERMANENT,
                         "%s: the first certificate is not that of the key", certificate_path);
    return 0;
}

#include "tls/pairs.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include "ipc/tlskey_client.h"
#include "tls/openssl.h"
#include "tls/remote_key.h"

static void free_certificate(X509 **certificate)
{
    X509_free(*certificate);
}

static void free_certificates(STACK_OF(X509) * *certificates)
{
    sk_X509_pop_free(*certificates, X509_free);
}

static void free_key(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

static void free_bio(BIO **bio)
{
    BIO_free(*bio);
}

static int install(SSL_CTX *context, struct slice pem, struct error *error)
{
    CLEANUP(free_bio) BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    CLEANUP(free_certificate) X509 *leaf = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    CLEANUP(free_certificates) STACK_OF(X509) *chain = sk_X509_new_null();
    CLEANUP(free_key) EVP_PKEY *key = NULL;
    X509 *next;

    if (!leaf)
        return tls_error(error, ERROR_PERMANENT, "certificate from tlskey");
    while ((next = PEM_read_bio_X509(bio, NULL, NULL, NULL)))
        sk_X509_push(chain, next);
    key = remote_key_new(X509_get0_pubkey(leaf), error);
    if (!key)
        return -1;
    ERR_clear_error();
    /* Without a chain of its own one is made of the trusted authorities: old configurations
     * have the intermediate one in smtpd_tls_CAfile. */
    if (!SSL_CTX_use_cert_and_key(context, leaf, key, sk_X509_num(chain) ? chain : NULL, 1))
        return tls_error(error, ERROR_PERMANENT, "certificate from tlskey");
    return 0;
}

int pairs_install(SSL_CTX *context, struct slice chains, struct error *error)
{
    const struct slice mark = SLICE(TLSKEY_CHAIN_MARK);

    while (slice_starts_with(chains, TLSKEY_CHAIN_MARK)) {
        chains = slice_from_offset(chains, mark.len);
        size_t len = slice_find_text(chains, mark);

        if (install(context, slice_sub(chains, 0, len), error) < 0)
            return -1;
        chains = slice_from_offset(chains, len);
    }
    return 0;
}

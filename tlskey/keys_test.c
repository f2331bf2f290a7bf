/* Key pairs made here, read back, and used. */
#include "keys.h"

#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include "base/test.h"
#include "ipc/tlskey_client.h"

static void add_pem(struct buf *buf, BIO *bio)
{
    char *text;
    long len = BIO_get_mem_data(bio, &text);

    buf_add(buf, text, (size_t)len);
    BIO_free(bio);
}

static void add_key(struct buf *pem, EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());

    assert_true(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL));
    add_pem(pem, bio);
}

static void add_certificate(struct buf *pem, EVP_PKEY *key)
{
    X509 *certificate = X509_new();
    BIO *bio = BIO_new(BIO_s_mem());

    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    assert_true(X509_set_pubkey(certificate, key));
    assert_true(X509_sign(certificate, key, EVP_sha256()));
    assert_true(PEM_write_bio_X509(bio, certificate));
    add_pem(pem, bio);
    X509_free(certificate);
}

static size_t count_marks(const struct buf *chains)
{
    struct slice rest = buf_slice(chains);
    struct slice mark = SLICE(TLSKEY_CHAIN_MARK);
    size_t n = 0;

    for (;;) {
        size_t at = slice_find_text(rest, mark);

        if (at == rest.len)
            return n;
        rest = slice_from_offset(rest, at + mark.len);
        n++;
    }
}

struct parts {
    EVP_PKEY *one, *two;
    struct buf pem, chains, names;
    struct error error;
};

static int set_up(void **state)
{
    static struct parts parts;

    parts = (struct parts){.pem = BUF_INIT, .chains = BUF_INIT, .names = BUF_INIT};
    parts.one = EVP_EC_gen("P-256");
    parts.two = EVP_EC_gen("P-256");
    *state = &parts;
    return parts.one && parts.two ? 0 : -1;
}

static int tear_down(void **state)
{
    struct parts *parts = *state;

    EVP_PKEY_free(parts->one);
    EVP_PKEY_free(parts->two);
    buf_release(&parts->pem);
    buf_release(&parts->chains);
    buf_release(&parts->names);
    return 0;
}

static int read_back(struct parts *parts)
{
    return keys_read(buf_slice(&parts->pem), &parts->chains, &parts->names, &parts->error);
}

static void test_two_pairs(void **state)
{
    struct parts *parts = *state;

    add_key(&parts->pem, parts->one);
    add_certificate(&parts->pem, parts->one);
    add_key(&parts->pem, parts->two);
    add_certificate(&parts->pem, parts->two);
    assert_int_equal(read_back(parts), 0);
    assert_int_equal(count_marks(&parts->chains), 2);
    assert_int_equal(parts->names.len, 2 * TLSKEY_NAME_BYTES);
    assert_int_equal(slice_find_text(buf_slice(&parts->chains), SLICE("PRIVATE")),
                     parts->chains.len);
}

static void test_certificate_first(void **state)
{
    struct parts *parts = *state;

    add_certificate(&parts->pem, parts->one);
    add_key(&parts->pem, parts->one);
    assert_int_equal(read_back(parts), 0);
    assert_int_equal(count_marks(&parts->chains), 1);
}

static void test_mismatch(void **state)
{
    struct parts *parts = *state;

    add_key(&parts->pem, parts->one);
    add_certificate(&parts->pem, parts->two);
    assert_int_equal(read_back(parts), -1);
}

static void test_incomplete(void **state)
{
    struct parts *parts = *state;

    assert_int_equal(read_back(parts), -1);
    add_certificate(&parts->pem, parts->one);
    assert_int_equal(read_back(parts), -1);
    buf_set_text(&parts->pem, "-----BEGIN PRIVATE KEY-----\nAAAA\n");
    assert_int_equal(read_back(parts), -1);
}

static void test_sign(void **state)
{
    CLEANUP(buf_release) struct buf signature = BUF_INIT;
    struct parts *parts = *state;
    struct tlskey_use use = {
        .operation = TLSKEY_SIGN, .digest = SLICE("SHA256"), .data = SLICE("some bytes")};

    add_key(&parts->pem, parts->one);
    add_certificate(&parts->pem, parts->one);
    assert_int_equal(read_back(parts), 0);
    use.key = buf_slice(&parts->names);
    assert_int_equal(keys_use(&use, &signature, &parts->error), 0);

    EVP_MD_CTX *context = EVP_MD_CTX_new();
    assert_true(EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, parts->one));
    assert_int_equal(EVP_DigestVerify(context, (const unsigned char *)signature.data,
                                      signature.len, (const unsigned char *)use.data.ptr,
                                      use.data.len),
                     1);
    EVP_MD_CTX_free(context);
    use.key = SLICE("nobody's");
    assert_int_equal(keys_use(&use, &signature, &parts->error), -1);
    use.key = buf_slice(&parts->names);
    use.operation = 99;
    assert_int_equal(keys_use(&use, &signature, &parts->error), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_two_pairs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_certificate_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_mismatch, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_incomplete, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sign, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

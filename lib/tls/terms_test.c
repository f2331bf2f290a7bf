/* What main.cf says of versions and ciphers. */
#include "tls/terms.h"

#include "base/mem.h"
#include "conf/test.h"

#define WITHOUT_1_0 SSL_OP_NO_TLSv1
#define ONLY_1_2    (SSL_OP_NO_SSLv3 | SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1 | SSL_OP_NO_TLSv1_3)

static const struct {
    const char *name, *text;
    int floor, ceiling;
    uint64_t options;
} versions_good[] = {
    {"empty", "", 0, 0, 0},
    {"floor", ">=TLSv1.2", TLS1_2_VERSION, 0, 0},
    {"both bounds", ">=TLSv1, <=TLSv1.2", TLS1_VERSION, TLS1_2_VERSION, 0},
    {"hexadecimal", ">=0303", TLS1_2_VERSION, 0, 0},
    {"no bound", ">=SSLv2", 0, 0, 0},
    {"exclusions", "!SSLv2, !TLSv1", 0, 0, WITHOUT_1_0},
    {"any case, colons", "!sslv2:!tlsv1", 0, 0, WITHOUT_1_0},
    {"inclusion", "TLSv1.2", 0, 0, ONLY_1_2},
};

static void test_versions_accepts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(versions_good); i++) {
        struct tls_versions versions;
        struct error error;

        test_case(versions_good[i].name);
        assert_int_equal(tls_versions_parse(&versions, versions_good[i].text, &error), 0);
        assert_int_equal(versions.floor, versions_good[i].floor);
        assert_int_equal(versions.ceiling, versions_good[i].ceiling);
        assert_int_equal(versions.options, versions_good[i].options);
    }
}

static void test_versions_refuses(void **state)
{
    static const char *const bad[] = {"TLSv9", "!", ">=TLS", "!!TLSv1", ">=10000"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct tls_versions versions = {.floor = 7};
        struct error error;

        test_case(bad[i]);
        assert_int_equal(tls_versions_parse(&versions, bad[i], &error), -1);
        assert_int_equal(versions.floor, 7);
    }
}

static void test_cipher_list(void **state)
{
    struct error error;

    (void)state;
    CLEANUP(mem_free_text) char *list = tls_cipher_list("HIGH", "aNULL, MD5", &error);

    assert_non_null(list);
    assert_true(slice_ends_with(slice_from(list), ":!aNULL:!MD5"));
    assert_true(slice_starts_with(slice_from(list), params.tls_high_cipherlist));
    CLEANUP(mem_free_text) char *low = tls_cipher_list("low", "", &error);

    assert_string_equal(low, params.tls_medium_cipherlist);
    assert_null(tls_cipher_list("best", "", &error));
}

/* A connection says itself what is wrong with its terms. */
static void test_apply(void **state)
{
    static const struct {
        struct tls_terms terms;
        const char *trouble; /* NULL: none */
    } cases[] = {
        {{"", "medium", ""}, NULL},
        {{"nosuch", "nosuch", ""},
         "Invalid TLS protocol list \"nosuch\": aborting TLS session"},
        {{">=TLSv1.2", "nosuch", ""}, "invalid cipher grade: \"nosuch\""},
        {{"", "high", "ALL"}, "error setting cipher grade: \"high\""},
    };

    SSL_CTX *context = SSL_CTX_new(TLS_client_method());

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        SSL *ssl = SSL_new(context);
        struct error error = ERROR_INIT;

        test_case(cases[i].trouble ? cases[i].trouble : "none");
        assert_int_equal(tls_terms_apply(ssl, &cases[i].terms, &error),
                         cases[i].trouble ? -1 : 0);
        if (cases[i].trouble)
            assert_string_equal(error.text, cases[i].trouble);
        SSL_free(ssl);
    }
    SSL_CTX_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_versions_accepts),
        cmocka_unit_test(test_versions_refuses),
        cmocka_unit_test(test_cipher_list),
        cmocka_unit_test(test_apply),
    };

    return cmocka_run_group_tests(tests, test_load_defaults, NULL);
}

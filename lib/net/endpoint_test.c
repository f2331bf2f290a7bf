#include "net/endpoint.h"

#include <net/if.h>

#include "base/test.h"

static const struct {
    const char *text, *as_text, *literal;
    int family;
} addresses[] = {
    {"192.0.2.1", "192.0.2.1", "192.0.2.1", AF_INET},
    {"2001:db8:0::1", "2001:db8::1", "IPv6:2001:db8::1", AF_INET6},
    {"::ffff:192.0.2.1", "192.0.2.1", "192.0.2.1", AF_INET6},
    {"::", "::", "IPv6:::", AF_INET6},
};

static void test_parse_and_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
        char text[ENDPOINT_TEXT_BYTES], literal[ENDPOINT_TEXT_BYTES + 8];
        struct endpoint endpoint;

        test_case(addresses[i].text);
        assert_int_equal(endpoint_parse(&endpoint, slice_from(addresses[i].text), 25), 0);
        assert_string_equal(endpoint_text(&endpoint, text), addresses[i].as_text);
        assert_string_equal(endpoint_literal(&endpoint, literal), addresses[i].literal);
        assert_int_equal(endpoint_family(&endpoint), addresses[i].family);
        assert_int_equal(endpoint_port(&endpoint), 25);
        endpoint_set_port(&endpoint, 65535);
        assert_int_equal(endpoint_port(&endpoint), 65535);
    }
}

static void test_parse_refuses(void **state)
{
    static const char *const texts[] = {
        "",
        "x",
        "1.2.3",
        "1.2.3.4.5",
        "256.1.1.1",
        "[::1]",
        "::1%",
        "::1%nosuchdevice0",
        "1.2.3.4%lo",
        " 1.2.3.4",
        "1.2.3.4 ",
        "01.2.3.4",
        ":::1",
        "1111:2222:3333:4444:5555:6666:7777:8888:9999:0000:1111:2222:3333:4444:5555"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct endpoint endpoint = {.len = 7};

        test_case(texts[i]);
        assert_int_equal(endpoint_parse(&endpoint, slice_from(texts[i]), 25), -1);
        assert_int_equal(endpoint.len, 7);
    }
    assert_int_equal(endpoint_parse(&(struct endpoint){0}, SLICE("1.2.3.4\0x"), 25), -1);
}

static void test_scope(void **state)
{
    struct endpoint endpoint;
    char text[ENDPOINT_TEXT_BYTES];

    (void)state;
    assert_int_equal(endpoint_parse(&endpoint, SLICE("fe80::1%4000000000"), 25), 0);
    assert_string_equal(endpoint_text(&endpoint, text), "fe80::1%4000000000");
    if (if_nametoindex("lo") == 0)
        skip();
    assert_int_equal(endpoint_parse(&endpoint, SLICE("fe80::1%lo"), 25), 0);
    assert_string_equal(endpoint_text(&endpoint, text), "fe80::1%lo");
}

static void test_unknown(void **state)
{
    struct endpoint endpoint = {0};
    char text[ENDPOINT_TEXT_BYTES];

    (void)state;
    assert_string_equal(endpoint_text(&endpoint, text), "unknown");
    assert_int_equal(endpoint_family(&endpoint), AF_UNSPEC);
    assert_int_equal(endpoint_port(&endpoint), 0);
    assert_false(endpoint_same_address(&endpoint, &endpoint));
}

static void test_unmap_and_compare(void **state)
{
    struct endpoint mapped, plain, other;

    (void)state;
    assert_int_equal(endpoint_parse(&mapped, SLICE("::ffff:192.0.2.1"), 25), 0);
    assert_int_equal(endpoint_parse(&plain, SLICE("192.0.2.1"), 26), 0);
    assert_int_equal(endpoint_parse(&other, SLICE("::c000:201"), 25), 0);
    assert_true(endpoint_same_address(&mapped, &plain));
    assert_false(endpoint_same_address(&other, &plain));
    endpoint_unmap(&mapped);
    assert_int_equal(endpoint_family(&mapped), AF_INET);
    assert_int_equal(endpoint_port(&mapped), 25);
    assert_true(endpoint_same_address(&mapped, &plain));
    endpoint_unmap(&other);
    assert_int_equal(endpoint_family(&other), AF_INET6);
}

static const struct {
    const char *network, *address;
    bool contained;
} networks[] = {
    {"10.0.0.0/8", "10.255.255.255", true},
    {"10.0.0.0/8", "11.0.0.0", false},
    {"10.0.0.0/8", "::ffff:10.1.2.3", true},
    {"10.0.0.0/8", "a00::1", false},
    {"192.168.4.0/22", "192.168.7.255", true},
    {"192.168.4.0/22", "192.168.8.0", false},
    {"0.0.0.0/0", "1.2.3.4", true},
    {"0.0.0.0/0", "::1", false},
    {"1.2.3.4", "1.2.3.4", true},
    {"1.2.3.4", "1.2.3.5", false},
    {"[1.2.3.0]/24", "1.2.3.5", true},
    {"[::1]", "::1", true},
    {"::1/128", "::1", true},
    {"[::1]/128", "::2", false},
    {"[::1/128]", "::1", true},
    {"[2001:db8::]/33", "2001:db8:7fff::", true},
    {"2001:db8::/33", "2001:db8:8000::", false},
};

static void test_networks(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(networks); i++) {
        struct network network;
        struct endpoint endpoint;
        struct error error = ERROR_INIT;

        test_case(networks[i].network);
        assert_int_equal(network_parse(&network, slice_from(networks[i].network), &error), 0);
        assert_int_equal(endpoint_parse(&endpoint, slice_from(networks[i].address), 0), 0);
        assert_int_equal(network_contains(&network, &endpoint), networks[i].contained);
    }
}

/* The words are those of postmap -q with a cidr table. */
static const struct {
    const char *text, *error;
} bad_networks[] = {
    {"10.0.0.1/8", "non-null host address bits in \"10.0.0.1/8\", perhaps you should use "
                   "\"10.0.0.0/8\" instead"},
    {"[2001:db8::1]/32", "non-null host address bits in \"2001:db8::1/32\", perhaps you should "
                         "use \"2001:db8::/32\" instead"},
    {"10.0.0.0/33", "bad mask length in \"10.0.0.0/33\""},
    {"::/129", "bad mask length in \"::/129\""},
    {"10.0.0/8", "bad network value in \"10.0.0/8\""},
    {"abc/8", "bad network value in \"abc/8\""},
    {"1.2.3.4/", "bad mask value in \"1.2.3.4/\""},
    {"1.2.3.4/x", "bad mask value in \"1.2.3.4/x\""},
    {"1.2.3.0/24]", "bad mask value in \"1.2.3.0/24]\""},
    {"[1.2.3.0/24", "missing ']' character after \"[1.2.3.0/24\""},
    {"01.2.3.4", "bad address pattern: \"01.2.3.4\""},
    {"", "bad address pattern: \"\""},
};

static void test_bad_networks(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad_networks); i++) {
        struct network network;
        struct error error = ERROR_INIT;

        test_case(bad_networks[i].text);
        assert_int_equal(network_parse(&network, slice_from(bad_networks[i].text), &error), -1);
        assert_string_equal(error.text, bad_networks[i].error);
        assert_int_equal(error.kind, ERROR_PERMANENT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_and_text),
        cmocka_unit_test(test_parse_refuses),
        cmocka_unit_test(test_scope),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_unmap_and_compare),
        cmocka_unit_test(test_networks),
        cmocka_unit_test(test_bad_networks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

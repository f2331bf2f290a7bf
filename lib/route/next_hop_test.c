#include "route/next_hop.h"

#include "conf/params.h"
#include "conf/test.h"

struct row {
    const char *text, *host;
    uint16_t port;
    bool is_good, use_mx, has_port;
};

static void check(const struct row *rows, size_t n, enum next_hop_protocol protocol)
{
    for (size_t i = 0; i < n; i++) {
        const struct row *row = &rows[i];
        struct next_hop next_hop;

        test_case(row->text);
        assert_int_equal(next_hop_parse(slice_from(row->text), protocol,
                                        protocol == NEXT_HOP_LMTP ? 24 : 25, &next_hop),
                         row->is_good);
        if (!row->is_good)
            continue;
        assert_slice_equal(next_hop.host, row->host);
        assert_int_equal(next_hop.port, row->port);
        assert_int_equal(next_hop.use_mx, row->use_mx);
        assert_int_equal(next_hop.has_port, row->has_port);
        assert_slice_equal(next_hop.service, "");
    }
}

static void test_smtp(void **state)
{
    static const struct row rows[] = {
        {"example.com", "example.com", 25, true, true, false},
        {"example.com:587", "example.com", 587, true, true, true},
        {"[example.com]", "example.com", 25, true, false, false},
        {"[example.com]:2525", "example.com", 2525, true, false, true},
        {"[192.0.2.1]", "192.0.2.1", 25, true, false, false},
        {"[2001:db8::1]:26", "2001:db8::1", 26, true, false, true},
        {"[ipv6:2001:db8::1]", "2001:db8::1", 25, true, false, false},
        {"inet:example.com:26", "example.com", 26, true, true, true},
        {"", NULL, 0, false, false, false},
        {":25", NULL, 0, false, false, false},
        {"[]", NULL, 0, false, false, false},
        {"[example.com", NULL, 0, false, false, false},
        {"[example.com]25", NULL, 0, false, false, false},
        {"example.com:70000", NULL, 0, false, false, false},
        {"example.com:no-such-service", NULL, 0, false, false, false},
    };

    (void)state;
    check(rows, ARRAY_SIZE(rows), NEXT_HOP_SMTP);
}

static void test_lmtp(void **state)
{
    static const struct row rows[] = {
        {"example.com", "example.com", 24, true, false, false},
        {"unix:", NULL, 0, false, false, false},
    };
    struct next_hop next_hop;

    (void)state;
    check(rows, ARRAY_SIZE(rows), NEXT_HOP_LMTP);
    assert_true(
        next_hop_parse(SLICE("unix:private/dovecot-lmtp"), NEXT_HOP_LMTP, 24, &next_hop));
    assert_slice_equal(next_hop.unix_path, "private/dovecot-lmtp");
}

static void test_service(void **state)
{
    struct next_hop next_hop;

    (void)state;
    params.use_srv_lookup = "submission";
    assert_true(next_hop_parse(SLICE("example.com:submission"), NEXT_HOP_SMTP, 25, &next_hop));
    params.use_srv_lookup = "";
    assert_slice_equal(next_hop.host, "example.com");
    assert_slice_equal(next_hop.service, "submission");
    assert_false(next_hop.has_port);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_smtp),
        cmocka_unit_test(test_lmtp),
        cmocka_unit_test(test_service),
    };

    return cmocka_run_group_tests(tests, test_load_defaults, NULL);
}

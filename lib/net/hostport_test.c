#include "net/hostport.h"

#include "base/test.h"

static const struct {
    const char *text;
    enum hostport_alone alone;
    uint16_t default_port;
    const char *host;
    uint16_t port;
    bool bracketed;
} accepted[] = {
    {"mail.test:25", HOSTPORT_ALONE_IS_HOST, 0, "mail.test", 25, false},
    {"mail.test:smtp", HOSTPORT_ALONE_IS_HOST, 0, "mail.test", 25, false},
    {"mail.test", HOSTPORT_ALONE_IS_HOST, 24, "mail.test", 24, false},
    {"mail.test:", HOSTPORT_ALONE_IS_HOST, 24, "mail.test", 24, false},
    {"[mail.test]", HOSTPORT_ALONE_IS_HOST, 25, "mail.test", 25, true},
    {"[mail.test]:587", HOSTPORT_ALONE_IS_HOST, 25, "mail.test", 587, true},
    {"[mail.test]:", HOSTPORT_ALONE_IS_HOST, 25, "mail.test", 25, true},
    {"[2001:db8::1]:25", HOSTPORT_ALONE_IS_PORT, 0, "2001:db8::1", 25, true},
    {"2001:db8::1", HOSTPORT_ALONE_IS_HOST, 25, "2001:db8::1", 25, false},
    {"2525", HOSTPORT_ALONE_IS_PORT, 0, "", 2525, false},
    {"smtp", HOSTPORT_ALONE_IS_PORT, 0, "", 25, false},
    {":2525", HOSTPORT_ALONE_IS_HOST, 0, "", 2525, false},
    {"127.0.0.1:2525", HOSTPORT_ALONE_IS_PORT, 0, "127.0.0.1", 2525, false},
};

static void test_accepts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(accepted); i++) {
        struct hostport hostport;
        struct error error = ERROR_INIT;

        test_case(accepted[i].text);
        assert_int_equal(hostport_parse(&hostport, slice_from(accepted[i].text),
                                        accepted[i].alone, accepted[i].default_port, &error),
                         0);
        assert_slice_equal(hostport.host, accepted[i].host);
        assert_int_equal(hostport.port, accepted[i].port);
        assert_int_equal(hostport.bracketed, accepted[i].bracketed);
    }
}

static const struct {
    const char *text;
    uint16_t default_port;
    const char *error;
} refused[] = {
    {"", 25, "bad host or port \"\": missing host"},
    {":", 25, "bad host or port \":\": missing host"},
    {"[::1", 25, "bad host or port \"[::1\": missing \"]\""},
    {"[::1]x", 25, "bad host or port \"[::1]x\": garbage after \"]\""},
    {"[]:25", 25, "bad host or port \"[]:25\": empty host"},
    {"mail.test", 0, "bad host or port \"mail.test\": missing port"},
    {"mail.test:0", 25, "bad port number: 0"},
    {"mail.test:65536", 25, "bad port number: 65536"},
    {"mail.test:no-such-service", 25, "unknown service: no-such-service/tcp"},
    {"mail test:25", 25, "bad host or port \"mail test:25\": bad character in host"},
};

static void test_refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        struct hostport hostport;
        struct error error = ERROR_INIT;

        test_case(refused[i].text);
        assert_int_equal(hostport_parse(&hostport, slice_from(refused[i].text),
                                        HOSTPORT_ALONE_IS_HOST, refused[i].default_port,
                                        &error),
                         -1);
        assert_string_equal(error.text, refused[i].error);
    }
}

static void test_socket_names(void **state)
{
    struct socket_name name;
    struct error error = ERROR_INIT;

    (void)state;
    assert_int_equal(socket_name_parse(&name, SLICE("unix:/run/x"), &error), 0);
    assert_int_equal(name.kind, SOCKET_UNIX);
    assert_slice_equal(name.path, "/run/x");
    assert_int_equal(socket_name_parse(&name, SLICE("local:private/x"), &error), 0);
    assert_slice_equal(name.path, "private/x");
    assert_int_equal(socket_name_parse(&name, SLICE("inet:[::1]:8891"), &error), 0);
    assert_int_equal(name.kind, SOCKET_INET);
    assert_slice_equal(name.inet.host, "::1");
    assert_int_equal(name.inet.port, 8891);
    assert_int_equal(socket_name_parse(&name, SLICE("inet:8891"), &error), 0);
    assert_slice_equal(name.inet.host, "");
    assert_int_equal(socket_name_parse(&name, SLICE("unix:"), &error), -1);
    assert_string_equal(error.text, "no path in \"unix:\"");
    assert_int_equal(socket_name_parse(&name, SLICE("8891"), &error), -1);
    assert_string_equal(error.text, "\"8891\" is neither inet:host:port nor unix:path");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepts),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_socket_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

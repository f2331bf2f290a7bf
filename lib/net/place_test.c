#include "net/place.h"

#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/test.h"

static const struct {
    const char *name, *text, *path, *address;
    uint16_t port;
} servers[] = {
    {"address", "127.0.0.1", NULL, "127.0.0.1", 25},
    {"address and port", "127.0.0.1:2525", NULL, "127.0.0.1", 2525},
    {"with its type", "inet:127.0.0.1:2525", NULL, "127.0.0.1", 2525},
    {"in brackets", "[127.0.0.1]:2525", NULL, "127.0.0.1", 2525},
    {"IPv6", "inet:[::1]:2525", NULL, "::1", 2525},
    {"Unix socket", "unix:/run/sink", "/run/sink", NULL, 0},
};

static void test_servers(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(servers); i++) {
        char text[ENDPOINT_TEXT_BYTES];
        struct place place;
        struct error error;

        test_case(servers[i].name);
        assert_int_equal(place_of_server(&place, servers[i].text, 25, AF_UNSPEC, &error), 0);
        assert_int_equal(place.n_endpoints, servers[i].path ? 0 : 1);
        if (servers[i].path) {
            assert_string_equal(place.path, servers[i].path);
            continue;
        }
        assert_null(place.path);
        assert_string_equal(endpoint_text(&place.endpoints[0], text), servers[i].address);
        assert_int_equal(endpoint_port(&place.endpoints[0]), servers[i].port);
    }
}

static void test_refusals(void **state)
{
    struct place place;
    struct error error;

    (void)state;
    assert_int_equal(place_of_server(&place, "127.0.0.1", 25, AF_INET6, &error), -1);
    assert_int_equal(place_of_server(&place, "[::1", 25, AF_UNSPEC, &error), -1);
    assert_int_equal(place_of_listener(&place, "127.0.0.1:", AF_UNSPEC, &error), -1);
    assert_int_equal(error.kind, ERROR_PERMANENT);
}

static void test_everywhere(void **state)
{
    struct place place;
    struct error error;

    (void)state;
    assert_int_equal(place_of_listener(&place, ":2525", AF_INET, &error), 0);
    assert_int_equal(place.n_endpoints, 1);
    assert_true(endpoint_is_wildcard(&place.endpoints[0]));
    assert_int_equal(place_of_listener(&place, "2525", AF_INET, &error), 0);
    assert_int_equal(endpoint_port(&place.endpoints[0]), 2525);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_servers),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_everywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

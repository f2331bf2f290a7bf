#include "net/proxy_protocol.h"

#include "base/test.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V4_BODY   "\xc0\x00\x02\x01\xc0\x00\x02\x02\x04\xd2\x00\x19"
#define V6_CLIENT "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
#define V6_SERVER "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02"
#define MAPPED    "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\x00\x02\x01"
#define PORTS     "\x04\xd2\x00\x19"

static const struct {
    const char *name;
    struct slice bytes;
    size_t after; /* bytes of what follows the header */
    const char *client, *server;
} accepted[] = {
    {"v1 IPv4", SLICE("PROXY TCP4 192.0.2.1 192.0.2.2 1234 25\r\nEHLO"), 4, "192.0.2.1",
     "192.0.2.2"},
    {"v1 IPv6", SLICE("PROXY TCP6 2001:db8::1 2001:db8::2 1234 25\r\n"), 0, "2001:db8::1",
     "2001:db8::2"},
    {"v1 mapped", SLICE("PROXY TCP6 ::ffff:192.0.2.1 ::ffff:192.0.2.2 1234 25\r\n"), 0,
     "192.0.2.1", "192.0.2.2"},
    {"v1 unknown", SLICE("PROXY UNKNOWN\r\n"), 0, NULL, NULL},
    {"v1 unknown with rest", SLICE("PROXY UNKNOWN ffff:f:f:f:f:f:f:f x 1 2\r\n\n"), 1, NULL,
     NULL},
    {"v2 IPv4", SLICE(SIGNATURE "\x21\x11\x00\x0c" V4_BODY "x"), 1, "192.0.2.1", "192.0.2.2"},
    {"v2 IPv4 with TLV", SLICE(SIGNATURE "\x21\x11\x00\x10" V4_BODY "\x04\x00\x01x"), 0,
     "192.0.2.1", "192.0.2.2"},
    {"v2 IPv6", SLICE(SIGNATURE "\x21\x21\x00\x24" V6_CLIENT V6_SERVER PORTS), 0, "2001:db8::1",
     "2001:db8::2"},
    {"v2 mapped", SLICE(SIGNATURE "\x21\x21\x00\x24" MAPPED MAPPED PORTS), 0, "192.0.2.1",
     "192.0.2.1"},
    {"v2 local", SLICE(SIGNATURE "\x20\x00\x00\x00"), 0, NULL, NULL},
    {"v2 local with addresses", SLICE(SIGNATURE "\x20\x11\x00\x0c" V4_BODY), 0, NULL, NULL},
};

static void check_endpoint(const struct endpoint *endpoint, const char *text, uint16_t port)
{
    char buffer[ENDPOINT_TEXT_BYTES];

    assert_string_equal(endpoint_text(endpoint, buffer), text ? text : "unknown");
    assert_int_equal(endpoint_port(endpoint), text ? port : 0);
}

static void test_accepts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(accepted); i++) {
        struct slice bytes = accepted[i].bytes;
        struct proxy_header header = {0};
        struct error error = ERROR_INIT;

        test_case(accepted[i].name);
        assert_int_equal(proxy_header_parse(&header, bytes, &error), PROXY_OK);
        assert_int_equal(header.len, bytes.len - accepted[i].after);
        assert_int_equal(header.has_addresses, accepted[i].client != NULL);
        check_endpoint(&header.client, accepted[i].client, 1234);
        check_endpoint(&header.server, accepted[i].server, 25);
        for (size_t len = 0; len < header.len; len++) {
            struct proxy_header unused;

            assert_int_equal(proxy_header_parse(&unused, slice_sub(bytes, 0, len), &error),
                             PROXY_NEED_MORE);
        }
    }
}

#define LONG_PAD "0123456789012345678901234567890123456789012345678901234567890123456789"

static const struct {
    const char *name;
    struct slice bytes;
    const char *error;
} refused[] = {
    {"SMTP", SLICE("EHLO x\r\n"), "unrecognized protocol header"},
    {"one byte", SLICE("X"), "unrecognized protocol header"},
    {"lower case", SLICE("proxy TCP4"), "unrecognized protocol header"},
    {"protocol", SLICE("PROXY TCP5 a b 1 2\r\n"), "bad or missing protocol type"},
    {"nothing", SLICE("PROXY \r\n"), "bad or missing protocol type"},
    {"family", SLICE("PROXY TCP4 ::1 ::1 1 2\r\n"), "bad or missing client address"},
    {"client", SLICE("PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n"), "bad or missing client address"},
    {"scope", SLICE("PROXY TCP6 ::1%lo ::1 1 2\r\n"), "bad or missing client address"},
    {"server", SLICE("PROXY TCP4 1.2.3.4 \r\n"), "bad or missing server address"},
    {"two blanks", SLICE("PROXY TCP4 1.2.3.4  1.2.3.4 1 2\r\n"),
     "bad or missing server address"},
    {"client port", SLICE("PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n"),
     "bad or missing client port"},
    {"no port", SLICE("PROXY TCP4 1.2.3.4 1.2.3.4\r\n"), "bad or missing client port"},
    {"server port", SLICE("PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n"), "bad or missing server port"},
    {"bare LF", SLICE("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n"),
     "missing protocol header terminator"},
    {"too long", SLICE("PROXY UNKNOWN " LONG_PAD LONG_PAD "\r\n"),
     "missing protocol header terminator"},
    {"version", SLICE(SIGNATURE "\x31\x11\x00\x0c"), "unrecognized protocol version"},
    {"command", SLICE(SIGNATURE "\x22\x11\x00\x0c"), "bad command in proxy header"},
    {"datagrams", SLICE(SIGNATURE "\x21\x12\x00\x0c" V4_BODY), "unsupported network protocol"},
    {"short", SLICE(SIGNATURE "\x21\x11\x00\x0b" V4_BODY), "short address field"},
    {"short IPv6", SLICE(SIGNATURE "\x21\x21\x00\x0c" V4_BODY), "short address field"},
    {"huge", SLICE(SIGNATURE "\x21\x11\xff\xff"), "protocol header too long"},
};

static void test_refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        struct proxy_header header = {.len = 77};
        struct error error = ERROR_INIT;

        test_case(refused[i].name);
        assert_int_equal(proxy_header_parse(&header, refused[i].bytes, &error), PROXY_BAD);
        assert_string_equal(error.text, refused[i].error);
        assert_int_equal(header.len, 77);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepts),
        cmocka_unit_test(test_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "reply.h"

#include "base/test.h"
#include "commands.h"
#include "escape.h"

static void test_formats(void **state)
{
    static const struct {
        const char *name, *reply, *footer, *text;
    } rows[] = {
        {"plain", "221 2.0.0 Bye", "", "221 2.0.0 Bye\r\n"},
        {"without status", "421 mx Service unavailable", "", "421 mx Service unavailable\r\n"},
        {"footer", "550 5.5.1 Protocol error", "call us",
         "550-5.5.1 Protocol error\r\n550 5.5.1 call us\r\n"},
        {"lines", "421 mx busy", "one\\ntwo", "421-mx busy\r\n421-one\r\n421 two\r\n"},
        {"continued", "550 5.5.1 Error", "\\c. Call us", "550 5.5.1 Error. Call us\r\n"},
        {"multi-line", "250 mx\nDSN\nSIZE 5", "", "250-mx\r\n250-DSN\r\n250 SIZE 5\r\n"},
        {"no line of the client's", "550 a\rb", "", "550 a b\r\n"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(buf_release) struct buf out = BUF_INIT;

        test_case(rows[i].name);
        reply_format(&out, slice_from(rows[i].reply), slice_from(rows[i].footer));
        assert_string_equal(out.data, rows[i].text);
    }
}

static void test_softens(void **state)
{
    static const struct {
        const char *hard, *soft;
    } rows[] = {
        {"550 5.5.1 Protocol error", "450 4.5.1 Protocol error"},
        {"521 no status", "421 no status"},
        {"250 5.1.1 fine", "250 5.1.1 fine"},
        {"5", "5"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(buf_release) struct buf reply = BUF_INIT;

        test_case(rows[i].hard);
        buf_set_text(&reply, rows[i].hard);
        reply_soften(&reply);
        assert_string_equal(reply.data, rows[i].soft);
    }
}

static void test_addresses(void **state)
{
    static const struct {
        const char *arguments, *address; /* NULL: none */
    } rows[] = {
        {"FROM:<a@example.com> SIZE=3", "a@example.com"},
        {"FROM:<>", ""},
        {"FROM:", ""},
        {"FROM : <a@example.com>", "a@example.com"},
        {"TO:<@relay.test,@b.test:a@example.com>", "a@example.com"},
        {"TO:a@example.com NOTIFY=NEVER", "a@example.com"},
        {"TO:\"a b\"@example.com", "\"a b\"@example.com"},
        {"TO:<\"a>b\"@example.com>", "\"a>b\"@example.com"},
        {"TO:<a@example.com", "a@example.com"},
        {"a@example.com", NULL},
        {"", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct slice address;

        test_case(rows[i].arguments);
        assert_int_equal(command_address(slice_from(rows[i].arguments), &address),
                         rows[i].address != NULL);
        if (rows[i].address)
            assert_slice_equal(address, rows[i].address);
    }
}

static void test_escapes(void **state)
{
    CLEANUP(buf_release) struct buf out = BUF_INIT;

    (void)state;
    escape(&out, slice_of("EHLO x\001\377\\y\r\n\0", 13));
    assert_string_equal(out.data, "EHLO x\\001\\377\\\\y\\r\\n\\000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formats),
        cmocka_unit_test(test_softens),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_escapes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "reply.h"

#include "base/test.h"

static void check_wire(const struct smtp_reply *reply, const char *wire)
{
    CLEANUP(buf_release) struct buf out = BUF_INIT;

    smtp_reply_format(&out, reply);
    assert_slice_equal(buf_slice(&out), wire);
}

static void test_format(void **state)
{
    struct smtp_reply reply = smtp_reply(250, "2.1.0", "Ok");

    (void)state;
    check_wire(&reply, "250 2.1.0 Ok\r\n");
    reply = smtp_reply(250, "", "a\nb\nc");
    check_wire(&reply, "250-a\r\n250-b\r\n250 c\r\n");
    reply = smtp_reply(554, "", "a\rb\x01 c");
    check_wire(&reply, "554 a b  c\r\n");
    reply = smtp_reply(554, "5.7.1", "a\nb");
    check_wire(&reply, "554-5.7.1 a\r\n554 5.7.1 b\r\n");
}

static void test_parse(void **state)
{
    struct smtp_reply reply = smtp_reply_parse(SLICE("550 5.7.1 no way"));

    (void)state;
    check_wire(&reply, "550 5.7.1 no way\r\n");
    reply = smtp_reply_parse(SLICE("421 busy"));
    check_wire(&reply, "421 busy\r\n");
    assert_true(smtp_reply_ends_session(&reply));
    reply = smtp_reply_parse(SLICE("nonsense"));
    assert_int_equal(reply.code, 451);
}

static void test_soften(void **state)
{
    struct smtp_reply reply = smtp_reply(550, "5.7.1", "x");

    (void)state;
    smtp_reply_soften(&reply);
    check_wire(&reply, "450 4.7.1 x\r\n");
    smtp_reply_soften(&reply);
    check_wire(&reply, "450 4.7.1 x\r\n");
}

static void test_footer(void **state)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct smtp_reply reply = smtp_reply(550, "5.7.1", "x");

    (void)state;
    smtp_reply_add_footer(&reply, SLICE("call us\\nnow"), &arena);
    check_wire(&reply, "550-5.7.1 x\r\n550-5.7.1 call us\r\n550 5.7.1 now\r\n");
    reply = smtp_reply(550, "", "x");
    smtp_reply_add_footer(&reply, SLICE("\\c. Call us."), &arena);
    check_wire(&reply, "550 x. Call us.\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_soften),
        cmocka_unit_test(test_footer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

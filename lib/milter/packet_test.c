#include "milter/packet.h"

#include "base/test.h"

#define PACKET(literal) ((struct slice){literal, sizeof(literal) - 1})

static const struct {
    const char *name;
    struct slice packet;
    char type;
    uint32_t index;
    const char *first, *second;
} good[] = {
    {"continue", {"c", 1}, 'c', 0, "", ""},
    {"reply code", {"y550 5.7.1 no\0", 14}, 'y', 0, "550 5.7.1 no", ""},
    {"add header", {"hX-A\0v\0", 7}, 'h', 0, "X-A", "v"},
    {"insert header", {"i\0\0\1\2X-A\0v\0", 11}, 'i', 258, "X-A", "v"},
    {"change header", {"m\0\0\0\1To\0\0", 9}, 'm', 1, "To", ""},
    {"add recipient", {"+<a@b>\0", 7}, '+', 0, "<a@b>", ""},
    {"with parameters", {"2<a@b>\0NOTIFY=NEVER\0", 20}, '2', 0, "<a@b>", "NOTIFY=NEVER"},
    {"sender without parameters", {"e<a@b>\0", 7}, 'e', 0, "<a@b>", ""},
    {"body", {"bab\r\n", 5}, 'b', 0, "ab\r\n", ""},
    {"unknown", {"Zwhatever", 9}, 'Z', 0, "", ""},
};

static void test_replies(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        struct milter_reply reply;
        struct error error;

        test_case(good[i].name);
        assert_int_equal(milter_reply_parse(&reply, good[i].packet, &error), 0);
        assert_int_equal(reply.type, good[i].type);
        assert_int_equal(reply.index, good[i].index);
        assert_slice_equal(reply.name, good[i].first);
        assert_slice_equal(reply.value, good[i].second);
    }
}

static const struct {
    struct slice packet;
    const char *error;
} bad[] = {
    {{"", 0}, "no data in input packet"},
    {{"y550", 4}, "packet too short for string"},
    {{"hX-A\0v", 6}, "packet too short for string"},
    {{"i\0\0", 3}, "packet too short for network long"},
    {{"m\0\0\0\1\0v\0", 8}, "null change header name"},
    {{"m\xff\xff\xff\xffX\0v\0", 9}, "bad header index -1"},
};

static void test_bad_replies(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct milter_reply reply;
        struct error error;

        test_case(bad[i].error);
        assert_int_equal(milter_reply_parse(&reply, bad[i].packet, &error), -1);
        assert_string_equal(error.text, bad[i].error);
    }
}

static void test_agreement(void **state)
{
    const struct slice answer =
        PACKET("O\0\0\0\6\0\0\1\x33\0\0\0\1\0\0\0\0j {x}\0\0\0\0\5i\0\0\0\0\x63z\0");
    struct milter_agreement offer, agreement;
    struct error error;

    (void)state;
    milter_offer(6, &offer);
    assert_int_equal(milter_agreement_parse(&agreement, &offer, answer, &error), 0);
    assert_int_equal(agreement.actions, 0x133);
    assert_true(milter_skips_event(&agreement, MILTER_CONNECT));
    assert_false(milter_skips_event(&agreement, MILTER_HELO));
    assert_true(agreement.has_macros[MILTER_CONNECT]);
    assert_slice_equal(agreement.macros[MILTER_CONNECT], "j {x}");
    assert_slice_equal(agreement.macros[MILTER_END_OF_BODY], "i");
    assert_false(agreement.has_macros[MILTER_MAIL]);
    /* More than was offered. */
    milter_offer(2, &offer);
    assert_int_equal(milter_agreement_parse(&agreement, &offer, answer, &error), -1);
    assert_string_equal(error.text, "protocol version 6 conflict with MTA protocol version 2");
    assert_int_equal(milter_agreement_parse(&agreement, &offer,
                                            PACKET("O\0\0\0\2\0\0\1\xff\0\0\0\0"), &error),
                     -1);
    assert_string_equal(error.text, "request mask 0x1ff conflict with MTA request mask 0x3f");
    assert_int_equal(
        milter_agreement_parse(&agreement, &offer, PACKET("O\0\0\0\2\0\0"), &error), -1);
    assert_int_equal(milter_agreement_parse(&agreement, &offer, PACKET("c"), &error), -1);
    assert_string_equal(error.text, "unexpected reply \"c\" in initial handshake");
}

static void test_old_versions_have_fewer_events(void **state)
{
    struct milter_agreement agreement;

    (void)state;
    milter_offer(2, &agreement);
    agreement.steps = 0;
    assert_true(milter_skips_event(&agreement, MILTER_DATA));
    assert_true(milter_skips_event(&agreement, MILTER_UNKNOWN));
    agreement.version = 3;
    assert_true(milter_skips_event(&agreement, MILTER_DATA));
    assert_false(milter_skips_event(&agreement, MILTER_UNKNOWN));
    agreement.version = 4;
    assert_false(milter_skips_event(&agreement, MILTER_DATA));
}

static const struct {
    const char *text, *reply;
} texts[] = {
    {"550 5.7.1 no", "550 5.7.1 no"},
    {"421 bye", "421 bye"},
    {"550-5.7.1 a\r\n550 5.7.1 b 100%% %s", "550-5.7.1 a\r\n550 5.7.1 b 100% s"},
    {"550-5.7.1 a\n550 5.7.1 b", "550-5.7.1 a\r\n550 5.7.1 b"},
    {"550 a\rb", "550 a b"},
    {"", NULL},
    {"299 hello", NULL},
    {"550 4.7.1 other class", NULL},
    {"550 100%", "550 100"},
    {"55 short", NULL},
    {"550", NULL},
    {"550-a\r\n451 b", NULL},
    {"550 a\r\n250 injected", NULL},
};

static void test_reply_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct buf reply = BUF_INIT;
        bool is_good;

        test_case(texts[i].text);
        is_good = milter_reply_text(slice_from(texts[i].text), &reply);
        assert_int_equal(is_good, texts[i].reply != NULL);
        if (is_good)
            assert_string_equal(reply.data, texts[i].reply);
        buf_release(&reply);
    }
}

static void test_making_packets(void **state)
{
    struct buf out = BUF_INIT;
    size_t begin;

    (void)state;
    begin = milter_packet_begin(&out, milter_event_command(MILTER_MAIL));
    milter_add_string(&out, SLICE("<a@b>"));
    milter_add_string(&out, slice_of("X\0hidden", 8));
    milter_packet_end(&out, begin);
    begin = milter_packet_begin(&out, MILTER_COMMAND_QUIT);
    milter_packet_end(&out, begin);
    assert_int_equal(out.len, 4 + 9 + 4 + 1);
    assert_memory_equal(out.data, "\0\0\0\x09M<a@b>\0X\0\0\0\0\1Q", out.len);
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replies),
        cmocka_unit_test(test_bad_replies),
        cmocka_unit_test(test_agreement),
        cmocka_unit_test(test_old_versions_have_fewer_events),
        cmocka_unit_test(test_reply_texts),
        cmocka_unit_test(test_making_packets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

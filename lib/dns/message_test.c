#include "dns/message.h"

#include "base/buf.h"
#include "base/test.h"

/* Packets are put together from these: a header with counts, a question, records. */
#define HEADER(flags, answers, authority) \
    "\x12\x34" flags "\0\1\0" answers "\0" authority "\0\0"
#define QUESTION_MX "\4mail\4test\0\0\17\0\1"
#define OWNER       "\xc0\x0c" /* the question's name */
#define TTL(n)      "\0\0\0" n

static bool parse(struct slice packet, enum dns_type type, struct arena *arena,
                  struct dns_message *message)
{
    return dns_message_parse(packet, SLICE("Mail.test"), type, arena, message);
}

static void test_mx(void **state)
{
    struct slice packet = SLICE(HEADER("\x81\xa0", "\2", "\0") QUESTION_MX OWNER
                                "\0\17\0\1" TTL("\74") "\0\7\0\12\2MX\xc0\x0c" OWNER
                                                       "\0\17\0\1" TTL("\36") "\0\3\0\0\0");
    struct arena arena = ARENA_INIT;
    struct dns_message message;

    (void)state;
    assert_true(parse(packet, DNS_MX, &arena, &message));
    assert_int_equal(message.rcode, 0);
    assert_true(message.is_validated);
    assert_int_equal(message.ttl_seconds, 30);
    assert_int_equal(message.answer.n_records, 2);
    assert_int_equal(message.answer.records[0].preference, 10);
    assert_true(slice_equals(message.answer.records[0].target, "mx.mail.test"));
    assert_true(slice_is_empty(message.answer.records[1].target)); /* null MX */
    arena_release(&arena);
}

static void test_cname_is_followed(void **state)
{
    struct slice packet =
        SLICE(HEADER("\x81\x80", "\2", "\0") QUESTION_MX OWNER
              "\0\5\0\1" TTL("\5") "\0\4\1a\xc0\x11"
                                   "\1a\xc0\x11\0\17\0\1" TTL("\74") "\0\4\0\1\1b\0");
    struct arena arena = ARENA_INIT;
    struct dns_message message;

    (void)state;
    /* The last record's data is longer than its length says: the message is malformed. */
    assert_false(parse(slice_sub(packet, 0, packet.len - 2), DNS_MX, &arena, &message));
    packet = SLICE(HEADER("\x81\x80", "\2", "\0") QUESTION_MX OWNER
                   "\0\5\0\1" TTL("\5") "\0\4\1a\xc0\x11"
                                        "\1a\xc0\x11\0\17\0\1" TTL("\74") "\0\5\0\1\1b\0");
    assert_true(parse(packet, DNS_MX, &arena, &message));
    assert_int_equal(message.answer.n_records, 1);
    assert_int_equal(message.ttl_seconds, 5);
    assert_true(slice_equals(message.answer.name, "a.test"));
    assert_true(slice_equals(message.answer.records[0].target, "b"));
    arena_release(&arena);
}

static void test_negative(void **state)
{
    struct slice packet = SLICE(HEADER("\x81\x83", "\0", "\1") QUESTION_MX
                                "\4test\0\0\6\0\1" TTL("\100") "\0\26\0\0"
                                                               "\0\0\0\1"
                                                               "\0\0\0\2"
                                                               "\0\0\0\3"
                                                               "\0\0\0\4"
                                                               "\0\0\0\17");
    struct arena arena = ARENA_INIT;
    struct dns_message message;

    (void)state;
    assert_true(parse(packet, DNS_MX, &arena, &message));
    assert_int_equal(message.rcode, 3);
    assert_true(message.has_negative_ttl);
    assert_int_equal(message.negative_ttl_seconds, 15);
    arena_release(&arena);
}

/* Each must be refused, and none may read beyond its end. */
static const struct {
    const char *name;
    struct slice packet;
} malformed[] = {
    {"empty", {"", 0}},
    {"header alone cut short", {"\x12\x34\x81\x80\0\1", 6}},
    {"a query", {"\x12\x34\x01\x00\0\0\0\0\0\0\0\0", 12}},
    {"pointer to itself", {"\x12\x34\x81\x80\0\1\0\0\0\0\0\0\xc0\x0c\0\17\0\1", 18}},
    {"pointer past the end", {"\x12\x34\x81\x80\0\1\0\0\0\0\0\0\xc1\xff\0\17\0\1", 18}},
    {"label past the end",
     {"\x12\x34\x81\x80\0\1\0\0\0\0\0\0\x20"
      "abc",
      16}},
    {"record missing", {"\x12\x34\x81\x80\0\0\0\1\0\0\0\0", 12}},
};

static void test_malformed(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(malformed); i++) {
        struct arena arena = ARENA_INIT;
        struct dns_message message;
        if (parse(malformed[i].packet, DNS_MX, &arena, &message))
            fail_msg("accepted: %s", malformed[i].name);
        arena_release(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mx),
        cmocka_unit_test(test_cname_is_followed),
        cmocka_unit_test(test_negative),
        cmocka_unit_test(test_malformed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

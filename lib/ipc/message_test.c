#include "ipc/message.h"

#include <string.h>

#include "base/test.h"

/* One frame around a body. */
static void put_frame(struct buf *buf, uint32_t length, unsigned number, struct slice body)
{
    for (int i = 0; i < 4; i++)
        buf_add_char(buf, (char)(length >> 8 * i));
    buf_add_char(buf, (char)number);
    buf_add_char(buf, (char)(number >> 8));
    buf_add_slice(buf, body);
}

static void test_what_is_encoded_is_decoded(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf buf = BUF_INIT;
    const struct cleanup_result sent = {.status = -2,
                                        .reason = SLICE("no space"),
                                        .dsn = SLICE("4.3.1"),
                                        .smtp_reply = SLICE_EMPTY};
    struct cleanup_result got;
    enum message_number number;
    struct slice body;

    message_encode(&buf, MESSAGE_cleanup_result, &sent);
    assert_int_equal(message_frame(buf_slice(&buf), &number, &body), buf.len);
    assert_int_equal(number, MESSAGE_cleanup_result);
    assert_int_equal(message_decode(number, body, &got, NULL), 0);
    assert_int_equal(got.status, -2);
    assert_slice_equal(got.reason, "no space");
    assert_slice_equal(got.dsn, "4.3.1");
    assert_slice_equal(got.smtp_reply, "");
}

static void test_every_message_survives(void **state)
{
    (void)state;
    for (unsigned number = MESSAGE_NONE + 1; number < MESSAGE_COUNT; number++) {
        CLEANUP(buf_release) struct buf first = BUF_INIT;
        CLEANUP(buf_release) struct buf second = BUF_INIT;

        union {
            struct delivery_request largest;
            char bytes[4096];
        } message = {.largest = {.flags = 0}};
        enum message_number found;
        struct slice body;

        test_case(message_name(number));
        message_encode(&first, number, &message);
        assert_int_equal(message_frame(buf_slice(&first), &found, &body), first.len);
        assert_int_equal(message_decode(found, body, &message, NULL), 0);
        message_encode(&second, number, &message);
        assert_int_equal(first.len, second.len);
        assert_memory_equal(first.data, second.data, first.len);
    }
}

static void test_frames_arrive_in_pieces(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf buf = BUF_INIT;
    const struct ipc_failure message = {.reason = SLICE("later")};
    enum message_number number;
    struct slice body;

    message_encode(&buf, MESSAGE_ipc_failure, &message);
    for (size_t len = 0; len < buf.len; len++) {
        struct slice part = slice_sub(buf_slice(&buf), 0, len);

        assert_int_equal(message_frame(part, &number, &body), 0);
        assert_in_range(message_frame_bytes(part), len + 1, buf.len);
    }
}

static const struct {
    const char *name;
    uint32_t length;
    unsigned number;
} bad_frames[] = {
    {"no room for the number", 1, MESSAGE_ipc_goodbye},
    {"longer than any frame", IPC_FRAME_MAX_BYTES + 1, MESSAGE_ipc_goodbye},
    {"number 0", 2, MESSAGE_NONE},
    {"number past the last", 2, MESSAGE_COUNT},
    {"highest number", 2, 0xffff},
};

static void test_bad_frames(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad_frames); i++) {
        CLEANUP(buf_release) struct buf buf = BUF_INIT;
        enum message_number number;
        struct slice body;

        test_case(bad_frames[i].name);
        put_frame(&buf, bad_frames[i].length, bad_frames[i].number, SLICE_EMPTY);
        assert_int_equal(message_frame(buf_slice(&buf), &number, &body), -1);
    }
}

static const struct {
    const char *name;
    struct slice body;
} bad_bodies[] = {
    {"empty", SLICE("")},
    {"text longer than the body", SLICE("\5\0\0\0abcd")},
    {"text longer than any", SLICE("\377\377\377\377abcd")},
    {"half a length", SLICE("\1\0")},
    {"bytes left over", SLICE("\1\0\0\0ab")},
};

static void test_bad_bodies(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad_bodies); i++) {
        struct ipc_failure message;
        struct error error;

        test_case(bad_bodies[i].name);
        assert_int_equal(
            message_decode(MESSAGE_ipc_failure, bad_bodies[i].body, &message, &error), -1);
        assert_int_equal(error.kind, ERROR_PERMANENT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_encoded_is_decoded),
        cmocka_unit_test(test_every_message_survives),
        cmocka_unit_test(test_frames_arrive_in_pieces),
        cmocka_unit_test(test_bad_frames),
        cmocka_unit_test(test_bad_bodies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

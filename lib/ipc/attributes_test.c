#include "ipc/attributes.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/test.h"

enum { MAX = 100 };

/* A stream that holds these bytes and then ends. */
static void feed(struct stream *stream, struct slice bytes)
{
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(write(pair[1], bytes.ptr, bytes.len), bytes.len);
    assert_int_equal(close(pair[1]), 0);
    stream_init(stream, pair[0]);
    stream_set_deadline(stream, deadline_in(SECONDS(10)));
}

static void test_what_is_put_is_read(void **state)
{
    CLEANUP(buf_release) struct buf bytes = BUF_INIT;
    CLEANUP(buf_release) struct buf name = BUF_INIT;
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    CLEANUP(stream_release) struct stream stream;

    (void)state;
    attribute_put(&bytes, "sender", SLICE("a@x.test"));
    attribute_put(&bytes, "empty", SLICE_EMPTY);
    attribute_put_number(&bytes, "size", -42);
    attribute_put(&bytes, "nul", SLICE("a\0b"));
    attribute_end(&bytes);
    attribute_end(&bytes);
    assert_true(slice_same(slice_sub(buf_slice(&bytes), 0, 16), SLICE("sender\0a@x.test\0")));

    feed(&stream, buf_slice(&bytes));
    assert_int_equal(attribute_read(&stream, &name, &value, MAX), ATTRIBUTE_FOUND);
    assert_slice_equal(buf_slice(&name), "sender");
    assert_slice_equal(buf_slice(&value), "a@x.test");
    assert_int_equal(attribute_read(&stream, &name, &value, MAX), ATTRIBUTE_FOUND);
    assert_slice_equal(buf_slice(&name), "empty");
    assert_slice_equal(buf_slice(&value), "");
    assert_int_equal(attribute_read(&stream, &name, &value, MAX), ATTRIBUTE_FOUND);
    assert_slice_equal(buf_slice(&value), "-42");
    assert_int_equal(attribute_read(&stream, &name, &value, MAX), ATTRIBUTE_FOUND);
    assert_slice_equal(buf_slice(&value), "a?b");
    assert_int_equal(attribute_read(&stream, &name, &value, MAX), ATTRIBUTE_LIST_END);
    assert_int_equal(attribute_read(&stream, &name, &value, MAX), ATTRIBUTE_LIST_END);
    assert_int_equal(attribute_read(&stream, &name, &value, MAX), ATTRIBUTE_FAILED);
}

#define TEN "0123456789"

static const struct {
    const char *name;
    struct slice bytes;
} broken[] = {
    {"nothing", {"", 0}},
    {"ends in the name", {"name", 4}},
    {"ends in front of the value", {"name\0", 5}},
    {"ends in the value", {"name\0value", 10}},
    {"name too long", {TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN "x\0v\0", 104}},
    {"value too long", {"n\0" TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN "x\0", 104}},
};

static void test_broken(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
        CLEANUP(buf_release) struct buf name = BUF_INIT;
        CLEANUP(buf_release) struct buf value = BUF_INIT;
        CLEANUP(stream_release) struct stream stream;

        test_case(broken[i].name);
        feed(&stream, broken[i].bytes);
        assert_int_equal(attribute_read(&stream, &name, &value, MAX), ATTRIBUTE_FAILED);
    }
}

static void test_just_short_enough(void **state)
{
    CLEANUP(buf_release) struct buf name = BUF_INIT;
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    CLEANUP(stream_release) struct stream stream;

    (void)state;
    feed(&stream, SLICE("n\0" TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN "\0"));
    assert_int_equal(attribute_read(&stream, &name, &value, MAX), ATTRIBUTE_FOUND);
    assert_int_equal(value.len, MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_put_is_read),
        cmocka_unit_test(test_broken),
        cmocka_unit_test(test_just_short_enough),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

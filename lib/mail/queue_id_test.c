#include "mail/queue_id.h"

#include "base/test.h"

static const struct timeval moment = {.tv_sec = 1700000000, .tv_usec = 123456};

static void test_make(void **state)
{
    char id[QUEUE_ID_BYTES];

    (void)state;
    queue_id_make(id, QUEUE_ID_SHORT, moment, 0x6AD4358);
    assert_string_equal(id, "1E2406AD4358");
    queue_id_make(id, QUEUE_ID_SHORT, (struct timeval){.tv_usec = 7}, 10);
    assert_string_equal(id, "00007A");
    queue_id_make(id, QUEUE_ID_LONG, moment, 12345);
    assert_string_equal(id, "4SVLCh0sf8z4k3");
    queue_id_make(id, QUEUE_ID_LONG, (struct timeval){.tv_sec = 1}, 0);
    assert_string_equal(id, "0000010000z0");
}

static void test_parse(void **state)
{
    char id[QUEUE_ID_BYTES];
    int64_t seconds;
    int32_t microseconds;
    uint64_t inode;

    (void)state;
    for (uint64_t n = 0; n < 1000000; n += 9973) {
        struct timeval time = {.tv_sec = (time_t)(n * 1000), .tv_usec = (suseconds_t)n};

        queue_id_make(id, QUEUE_ID_LONG, time, n * n);
        assert_true(queue_id_is_long(slice_from(id)));
        assert_true(queue_id_parse(slice_from(id), &seconds, &microseconds, &inode));
        assert_int_equal(seconds, time.tv_sec);
        assert_int_equal(microseconds, time.tv_usec);
        assert_int_equal(inode, n * n);
        queue_id_make(id, QUEUE_ID_SHORT, time, n * n);
        assert_false(queue_id_is_long(slice_from(id)));
        assert_true(queue_id_parse(slice_from(id), &seconds, &microseconds, &inode));
        assert_int_equal(seconds, 0);
        assert_int_equal(microseconds, time.tv_usec);
        assert_int_equal(inode, n * n);
    }
}

static void test_parse_refuses(void **state)
{
    static const char *const ids[] = {
        "",        "12345",       "abc",          "FFFFF1",       "1E240G",
        "1E240-1", "4SVLCh0sf8z", "4SVLCha000z1", "4SVLCh0sf8z4z"};
    int64_t seconds;
    int32_t microseconds;
    uint64_t inode;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
        test_case(ids[i]);
        assert_false(queue_id_parse(slice_from(ids[i]), &seconds, &microseconds, &inode));
    }
}

static void test_validity(void **state)
{
    char long_id[257];

    (void)state;
    memset(long_id, 'A', sizeof(long_id));
    assert_true(queue_id_is_valid(SLICE("48006AD4358")));
    assert_true(queue_id_is_valid(SLICE("a_b")));
    assert_true(queue_id_is_valid(slice_of(long_id, 255)));
    assert_false(queue_id_is_valid(slice_of(long_id, 256)));
    assert_false(queue_id_is_valid(SLICE("")));
    assert_false(queue_id_is_valid(SLICE("../x")));
    assert_false(queue_id_is_valid(SLICE("1.2")));
    assert_true(queue_name_is_valid(SLICE("deferred")));
    assert_false(queue_name_is_valid(SLICE("de_ferred")));
}

static const struct {
    const char *queue, *id, *path;
    int depth;
} places[] = {
    {"deferred", "48006AD4358", "deferred/4/48006AD4358", 1},
    {"deferred", "48006AD4358", "deferred/4/8/0/48006AD4358", 3},
    {"incoming", "48006AD4358", "incoming/48006AD4358", 3},
    {"defer", "48006AD4358", "defer/4/48006AD4358", 1},
    {"deferred", "AB", "deferred/A/B/_/AB", 3},
    {"deferred", "4SVLCh0sf8z4k3", "deferred/1/E/4SVLCh0sf8z4k3", 2}, /* 1E240 microseconds */
};

static void test_paths(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        CLEANUP(buf_release) struct buf path = BUF_INIT;
        struct queue_layout layout = {"deferred, defer", places[i].depth};

        test_case(places[i].path);
        queue_path(&path, &layout, places[i].queue, slice_from(places[i].id));
        assert_string_equal(path.data, places[i].path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_make),          cmocka_unit_test(test_parse),
        cmocka_unit_test(test_parse_refuses), cmocka_unit_test(test_validity),
        cmocka_unit_test(test_paths),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

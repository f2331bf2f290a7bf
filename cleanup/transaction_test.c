#include "transaction.h"

#include <dirent.h>

#include "test_transaction.h"

#define MANY_RECEIVED "Received: 1\nReceived: 2\nReceived: 3\n"

static const struct {
    const char *name;
    struct test_input input;
    unsigned status;
    const char *logged; /* part of a line */
} refused[] = {
    {"reject",
     {"a@b.test", "x@s.test", "Subject: reject\n\n", ALL},
     CLEANUP_STATUS_CONTENT,
     ": reject: header Subject: reject from local; from=<a@b.test> to=<x@s.test>: 5.7.66 not "
     "here"},
    {"reject for now",
     {"", "x@s.test", "Subject: later\n\n", ALL},
     CLEANUP_STATUS_SERVICE,
     ": 4.7.9 come back"},
    {"reject body",
     {"", "x@s.test", "Subject: x\n\nbad\n", ALL},
     CLEANUP_STATUS_CONTENT,
     ": reject: body bad from local; from=<> to=<x@s.test>: 5.7.1 bad words"},
    {"no checks", {"", "x@s.test", "Subject: reject\n\nbad\n", 0}, 0, "message-id=<"},
    {"hops",
     {"", "x@s.test", MANY_RECEIVED "\n", ALL},
     CLEANUP_STATUS_HOPS,
     ": message rejected: hopcount exceeded"},
    {"alias loop",
     {"", "loop@v.test", "\n", ALL},
     CLEANUP_STATUS_SERVICE,
     ": unreasonable virtual_alias_maps map nesting for loop@v.test -- message not accepted, "
     "try again later"},
    {"alias size",
     {"", "big@v.test", "\n", ALL},
     CLEANUP_STATUS_SERVICE,
     ": unreasonable virtual_alias_maps map expansion size for big@v.test -- message not "
     "accepted, try again later"},
    {"held",
     {"", "x@s.test", "Subject: hold\n\n", ALL},
     0,
     ": hold: header Subject: hold from local; from=<> to=<x@s.test>: look"},
};

static void test_refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        CLEANUP(buf_release) struct buf text = BUF_INIT;
        unsigned status;

        test_case(refused[i].name);
        test_run(&refused[i].input, &text, &status);
        assert_int_equal(status, refused[i].status);
        if (slice_find_text(buf_slice(&test_logged), slice_from(refused[i].logged)) ==
            test_logged.len)
            fail_msg("no \"%s\" in \"%s\"", refused[i].logged, test_logged.data);
    }
}

static size_t count_files(const char *queue)
{
    DIR *opened = opendir(queue);
    size_t n = 0;

    assert_non_null(opened);
    for (const struct dirent *entry = readdir(opened); entry; entry = readdir(opened))
        n += entry->d_name[0] != '.';
    closedir(opened);
    return n;
}

static void test_commits(void **state)
{
    struct test_input input = {"a@b.test", "x@s.test", "Subject: x\n\ntext\n", ALL};
    struct transaction transaction;
    struct stat status;
    struct error error;

    (void)state;
    assert_int_equal(transaction_init(&transaction, ALL, 0, &error), 0);
    test_feed(&transaction, &input);
    transaction_finish(&transaction);
    assert_int_equal(transaction.status, CLEANUP_STATUS_OK);
    assert_int_equal(stat(transaction.file.path.data, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    assert_int_equal(unlink(transaction.file.path.data), 0);
    transaction_release(&transaction);
    assert_int_equal(count_files("incoming"), 0);
}

static void test_keeps_nothing_of_what_it_refuses(void **state)
{
    static const struct test_input inputs[] = {
        {"a@b.test", "x@s.test", "Subject: reject\n\ntext\n", ALL},
        {"a@b.test", "x@s.test", "Subject: discard\n\ntext\n", ALL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(inputs); i++) {
        struct transaction transaction;
        struct error error;

        assert_int_equal(transaction_init(&transaction, ALL, 0, &error), 0);
        test_feed(&transaction, &inputs[i]);
        transaction_finish(&transaction);
        transaction_release(&transaction);
        assert_int_equal(count_files("incoming"), 0);
    }
}

static void test_size_limit(void **state)
{
    CLEANUP(buf_release) struct buf content = BUF_INIT;
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    struct test_input input = {"a@b.test", "x@s.test", "", ALL};
    unsigned status;

    (void)state;
    buf_add_text(&content, "Subject: x\n\n");
    for (int i = 0; i < 400; i++)
        buf_add_text(&content,
                     "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\n");
    input.content = content.data;
    test_run(&input, &text, &status);
    assert_int_equal(status, CLEANUP_STATUS_SIZE);
}

static const struct {
    const char *name, *records;
    size_t len;
} malformed[] = {

#define ROW(name, text)              \
    {                                \
        name, text, sizeof(text) - 1 \
    }
    ROW("unknown record", "Z\1a"),
    ROW("recipient before sender", "T\0031 1R\1a"),
    ROW("two senders", "T\0031 1S\1aS\1b"),
    ROW("cut off", "S\12a"),
    ROW("type 0", "\0\1a"),
    ROW("line end in the envelope", "S\3a\nb"),
    ROW("empty attribute value", "A\2a="),
    ROW("no sender", "T\0031 1M\0X\0E\0"),
    ROW("recipient in the content", "T\0031 1S\1aM\0R\1a"),
    ROW("end in the envelope", "E\0"),
    ROW("nothing for the ID", "%\0"),
    ROW("no place for the ID", "%\004Aa=b"),
    ROW("ID in a recipient", "T\0031 1S\1a%\2R\0"),
    ROW("ID in an ID", "%\5%A\0=b"),
};

static void test_malformed(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(malformed); i++) {
        CLEANUP(transaction_release) struct transaction transaction;
        struct error error;

        test_case(malformed[i].name);
        assert_int_equal(transaction_init(&transaction, ALL, 0, &error), 0);
        transaction_feed(&transaction, slice_of(malformed[i].records, malformed[i].len));
        assert_true(transaction.status & CLEANUP_STATUS_BAD);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_commits),
        cmocka_unit_test(test_keeps_nothing_of_what_it_refuses),
        cmocka_unit_test(test_size_limit),
        cmocka_unit_test(test_malformed),
    };

    log_hook = test_collect_log;
    return cmocka_run_group_tests(tests, test_set_up, test_tear_down);
}

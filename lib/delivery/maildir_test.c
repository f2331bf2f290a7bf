#include "delivery/maildir.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "delivery/test_message.h"

static char directory[] = "/tmp/maildir_test.XXXXXX";

static struct maildir maildir_at(const char *path)
{
    return (struct maildir){
        .path = path, .hostname = "h.test", .user = {.uid = geteuid(), .gid = getegid()}};
}

/* The number of files in a folder; the name of one of them. */
static size_t list_folder(const char *maildir, const char *folder, struct buf *name)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    size_t count = 0;

    buf_printf(&path, "%s/%s", maildir, folder);
    DIR *stream = opendir(path.data);
    assert_non_null(stream);
    for (struct dirent *entry; (entry = readdir(stream)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        count++;
        buf_reset(name);
        buf_printf(name, "%s/%s", path.data, entry->d_name);
    }
    closedir(stream);
    return count;
}

static int deliver(const struct maildir *maildir, const char *content, struct dsn *dsn,
                   struct test_message *message)
{
    struct mail_copy copy = {.delivery = &message->delivery,
                             .recipient = &message->recipient,
                             .delivered_to = SLICE("a@example.test"),
                             .flags = MAIL_COPY_MAILDIR,
                             .end_of_line = "\n"};

    test_message_init(message, slice_from(content));
    return maildir_deliver(maildir, &copy, &message->delivery, dsn);
}

static void test_delivers(void **state)
{
    static const char *const folders[] = {"", "cur", "tmp", "new"};
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    CLEANUP(buf_release) struct buf name = BUF_INIT;
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    CLEANUP(test_message_release) struct test_message message;
    struct stat status;
    struct error error;
    struct dsn dsn;

    (void)state;
    /* The parent is missing as well; slashes at the end make no difference. */
    buf_printf(&path, "%s/parent/box", directory);
    CLEANUP(buf_release) struct buf with_slash = BUF_INIT;
    buf_printf(&with_slash, "%s//", path.data);
    struct maildir maildir = maildir_at(with_slash.data);
    assert_int_equal(deliver(&maildir, "A: b\n\nFrom me\n", &dsn, &message), 0);
    assert_string_equal(dsn.status, "2.0.0");
    assert_slice_equal(dsn.reason, "delivered to maildir");
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
        buf_reset(&name);
        buf_printf(&name, "%s/%s", path.data, folders[i]);
        assert_int_equal(stat(name.data, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0700);
    }
    assert_int_equal(list_folder(path.data, "tmp", &name), 0);
    assert_int_equal(list_folder(path.data, "cur", &name), 0);
    assert_int_equal(list_folder(path.data, "new", &name), 1);
    assert_true(slice_ends_with(buf_slice(&name), ".h.test"));
    assert_int_equal(stat(name.data, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(file_read_all(name.data, &text, 1 << 20, &error), 0);
    assert_slice_equal(buf_slice(&text), "Return-Path: <sender@example.test>\n"
                                         "Delivered-To: a@example.test\nA: b\n\nFrom me\n");
}

static void test_many_get_names_of_their_own(void **state)
{
    enum { MANY = 20 };
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    CLEANUP(buf_release) struct buf name = BUF_INIT;

    (void)state;
    buf_printf(&path, "%s/many", directory);
    struct maildir maildir = maildir_at(path.data);
    for (int i = 0; i < MANY; i++) {
        CLEANUP(test_message_release) struct test_message message;
        struct dsn dsn;
        assert_int_equal(deliver(&maildir, "A: b\n", &dsn, &message), 0);
    }
    assert_int_equal(list_folder(path.data, "new", &name), MANY);
}

/* Its maker was stopped between tmp and new: no reason to return mail. */
static void test_folder_is_missing(void **state)
{
    static const char *const folders[] = {"cur", "new", "tmp"};
    CLEANUP(buf_release) struct buf path = BUF_INIT;

    (void)state;
    buf_printf(&path, "%s/missing", directory);
    struct maildir maildir = maildir_at(path.data);
    assert_int_equal(mkdir(path.data, 0700), 0);
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
        CLEANUP(test_message_release) struct test_message message;
        CLEANUP(buf_release) struct buf name = BUF_INIT;
        CLEANUP(buf_release) struct buf found = BUF_INIT;
        struct dsn dsn;

        buf_printf(&name, "%s/%s", path.data, folders[i]);
        assert_int_equal(mkdir(name.data, 0700), 0);
        assert_int_equal(deliver(&maildir, "A: b\n", &dsn, &message), 0);
        assert_int_equal(list_folder(path.data, "new", &found), 1);
        assert_int_equal(unlink(found.data), 0);
        for (size_t k = 0; k < ARRAY_SIZE(folders); k++) {
            buf_reset(&name);
            buf_printf(&name, "%s/%s", path.data, folders[k]);
            (void)rmdir(name.data);
        }
    }
}

static void test_over_the_limit(void **state)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    CLEANUP(buf_release) struct buf name = BUF_INIT;
    CLEANUP(test_message_release) struct test_message message;
    struct dsn dsn;

    (void)state;
    buf_printf(&path, "%s/limit", directory);
    struct maildir maildir = maildir_at(path.data);
    maildir.limit_bytes = 3;
    assert_int_equal(deliver(&maildir, "A: b\n", &dsn, &message), -1);
    assert_string_equal(dsn.status, "5.2.2");
    assert_true(slice_starts_with(dsn.reason, "maildir delivery failed: "));
    assert_int_equal(list_folder(path.data, "tmp", &name), 0);
    assert_int_equal(list_folder(path.data, "new", &name), 0);
}

/* The file system stops in the middle: nothing stays behind, and a quota is permanent. */
static void test_file_cannot_be_written(void **state)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    CLEANUP(buf_release) struct buf name = BUF_INIT;
    CLEANUP(test_message_release) struct test_message message;
    struct rlimit before, small = {.rlim_cur = 10};
    struct dsn dsn;

    (void)state;
    buf_printf(&path, "%s/full", directory);
    struct maildir maildir = maildir_at(path.data);
    test_message_init(&message, SLICE("A: b\n\nlonger than ten bytes\n"));
    struct mail_copy copy = {
        .delivery = &message.delivery, .recipient = &message.recipient, .end_of_line = "\n"};
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int result = maildir_deliver(&maildir, &copy, &message.delivery, &dsn);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(result, -1);
    assert_string_equal(dsn.status, "5.2.2");
    assert_slice_equal(dsn.reason,
                       "maildir delivery failed: error writing message: File too large");
    assert_int_equal(list_folder(path.data, "tmp", &name), 0);
    assert_int_equal(list_folder(path.data, "new", &name), 0);
}

static void test_path_is_a_file(void **state)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    CLEANUP(test_message_release) struct test_message message;
    struct error error;
    struct dsn dsn;

    (void)state;
    buf_printf(&path, "%s/file", directory);
    assert_int_equal(file_replace(path.data, SLICE("x"), 0600, &error), 0);
    struct maildir maildir = maildir_at(path.data);
    assert_int_equal(deliver(&maildir, "A: b\n", &dsn, &message), -1);
    assert_string_equal(dsn.status, "4.2.0");
    assert_true(slice_ends_with(dsn.reason, ": Not a directory"));
}

static int make_directory(void **state)
{
    (void)state;
    return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
    (void)state;
    return test_remove_tree(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delivers),
        cmocka_unit_test(test_many_get_names_of_their_own),
        cmocka_unit_test(test_folder_is_missing),
        cmocka_unit_test(test_over_the_limit),
        cmocka_unit_test(test_file_cannot_be_written),
        cmocka_unit_test(test_path_is_a_file),
    };

    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}

#include "entries.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/test.h"
#include "mail/queue_file.h"

static char directory[] = "/tmp/entries_test.XXXXXX";
static const struct queue_layout layout = {"", 0};

static int enter_directory(void **state)
{
    (void)state;
    if (!mkdtemp(directory) || chdir(directory) < 0)
        return -1;
    return system("mkdir active defer") == 0 ? 0 : -1;
}

static int remove_directory(void **state)
{
    (void)state;
    return test_remove_tree(directory);
}

static void append(const char *address, int notify, off_t offset)
{
    struct status_entry entry = {
        .recipient = {.address = slice_from(address), .notify = notify, .offset = offset},
        .dsn = {.status = "4.4.1", .action = "delayed", .reason = SLICE("refused")},
    };
    struct error error;

    assert_int_equal(status_log_append("defer/ID", &entry, true, &error), 0);
}

/* The addresses seen, each followed by its action and a blank. */
static void note(void *arg, const struct status_entry *entry)
{
    buf_printf(arg, "%.*s:%s ", SLICE_ARG(entry->recipient.address), entry->dsn.action);
}

static const struct entries defer_log = {.path = "defer/ID", .defaults = {"4.0.0", "delayed"}};

static const struct {
    const char *name;
    int wanted;
    bool for_postmaster;
    const char *seen;
} rows[] = {
    {"failures", NOTIFY_FAILURE, false, "plain:delayed failure:delayed "},
    {"delays", NOTIFY_DELAY, false, "plain:delayed delay:delayed "},
    {"all but never", 0, false, "plain:delayed failure:delayed delay:delayed "},
    {"all", 0, true, "plain:delayed never:delayed failure:delayed delay:delayed "},
};

static void test_notify_filters(void **state)
{
    (void)state;
    (void)unlink("defer/ID");
    append("plain", 0, 10);
    append("never", NOTIFY_NEVER, 20);
    append("failure", NOTIFY_FAILURE, 30);
    append("delay", NOTIFY_DELAY, 40);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(buf_release) struct buf seen = BUF_INIT;
        struct entries entries = defer_log;
        struct error error;

        test_case(rows[i].name);
        entries.wanted = rows[i].wanted;
        entries.for_postmaster = rows[i].for_postmaster;
        assert_true(entries_walk(&entries, note, &seen, &error) > 0);
        assert_string_equal(seen.data, rows[i].seen);
    }
}

static void test_missing_log_is_empty(void **state)
{
    struct entries entries = defer_log;
    struct error error;

    (void)state;
    entries.path = "defer/NONE";
    assert_int_equal(entries_walk(&entries, NULL, NULL, &error), 0);
}

static void put(struct queue_file *file, char type, const char *text, off_t *offset)
{
    struct error error;

    assert_int_equal(queue_file_put(file, type, slice_from(text), offset, &error), 0);
}

static void test_expired_recipients_without_entry_count(void **state)
{
    CLEANUP(buf_release) struct buf seen = BUF_INIT;
    struct queue_file file = QUEUE_FILE_INIT;
    struct entries entries = defer_log;
    struct message message;
    struct error error;
    off_t logged;

    (void)state;
    assert_int_equal(queue_file_create(&file, &layout, "active", QUEUE_ID_SHORT, 0600, &error),
                     0);
    put(&file, RECORD_TIME, "1700000000 0", NULL);
    put(&file, RECORD_SENDER, "s@example.com", NULL);
    put(&file, RECORD_RECIPIENT, "logged", &logged);
    put(&file, RECORD_DONE, "done", NULL);
    put(&file, RECORD_RECIPIENT, "forgotten", NULL);
    put(&file, RECORD_MESSAGE, "", NULL);
    put(&file, RECORD_LINE, "", NULL);
    put(&file, RECORD_EXTRACTED, "", NULL);
    put(&file, RECORD_END, "", NULL);
    assert_int_equal(queue_file_commit(&file, 0700, &error), 0);
    (void)unlink("defer/ID");
    append("logged", 0, logged);

    CLEANUP(fd_close) int fd = queue_open(&layout, "active", slice_from(file.id), O_RDONLY);

    assert_int_equal(message_read_envelope(&message, fd, &error), 0);
    entries.complete_from = &message;
    assert_int_equal(entries_walk(&entries, note, &seen, &error), 2);
    assert_string_equal(seen.data, "logged:delayed forgotten:delayed ");
    message_release(&message);
    queue_file_release(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_notify_filters),
        cmocka_unit_test(test_missing_log_is_empty),
        cmocka_unit_test(test_expired_recipients_without_entry_count),
    };

    return cmocka_run_group_tests(tests, enter_directory, remove_directory);
}

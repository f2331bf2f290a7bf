#include "mail/status_log.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/test.h"

#define TEXT(literal)                  \
    {                                  \
        (literal), sizeof(literal) - 1 \
    }

static const struct status_defaults defer_defaults = {"4.0.0", "delayed"};

static const struct status_entry full = {
    .recipient = {.address = TEXT("joh n@later.test"),
                  .original = TEXT("o@later.test"),
                  .dsn_original = TEXT("rfc822;o@later.test"),
                  .notify = NOTIFY_FAILURE | NOTIFY_NEVER,
                  .offset = 705},
    .dsn = {.status = "4.2.0",
            .action = "delayed",
            .reason = TEXT("host x said: 450\r\nno"),
            .diagnostic_type = "smtp",
            .diagnostic = TEXT("450 4.2.0 no"),
            .mta_type = "dns",
            .mta = TEXT("mx.test")},
};

/* Byte for byte what Postfix writes. */
static const char full_text[] = "\n"
                                "<\"joh n\"@later.test>: host x said: 450??no\n"
                                "recipient=\"joh n\"@later.test\n"
                                "original_recipient=o@later.test\n"
                                "offset=705\n"
                                "dsn_orig_rcpt=rfc822;o@later.test\n"
                                "notify_flags=5\n"
                                "status=4.2.0\n"
                                "action=delayed\n"
                                "diag_type=smtp\n"
                                "diag_text=450 4.2.0 no\n"
                                "mta_type=dns\n"
                                "mta_mname=mx.test\n"
                                "reason=host x said: 450??no\n"
                                "\n";

static const struct status_entry bare = {
    .recipient = {.address = TEXT(""), .original = TEXT(""), .dsn_original = TEXT("")},
    .dsn = {.status = "5.0.0", .action = "failed", .reason = TEXT("")},
};

static void test_format(void **state)
{
    CLEANUP(buf_release) struct buf buf = BUF_INIT;

    (void)state;
    status_log_format(&buf, &full, true);
    assert_string_equal(buf.data, full_text);
    buf_reset(&buf);
    status_log_format(&buf, &bare, false);
    assert_string_equal(buf.data, "\nrecipient=<>\nstatus=5.0.0\naction=failed\n\n");
}

static void check_full(const struct status_entry *entry)
{
    assert_slice_equal(entry->recipient.address, "joh n@later.test");
    assert_slice_equal(entry->recipient.original, "o@later.test");
    assert_slice_equal(entry->recipient.dsn_original, "rfc822;o@later.test");
    assert_int_equal(entry->recipient.notify, 5);
    assert_int_equal(entry->recipient.offset, 705);
    assert_string_equal(entry->dsn.status, "4.2.0");
    assert_string_equal(entry->dsn.action, "delayed");
    assert_string_equal(entry->dsn.diagnostic_type, "smtp");
    assert_slice_equal(entry->dsn.mta, "mx.test");
    assert_slice_equal(entry->dsn.reason, "host x said: 450??no");
}

static void test_append_and_read(void **state)
{
    char directory[] = "/tmp/status_log_test.XXXXXX";
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct status_log_reader *reader;
    struct status_entry entry;
    struct error error;
    struct stat status;

    (void)state;
    assert_non_null(mkdtemp(directory));
    buf_printf(&path, "%s/A/ID", directory);
    assert_int_equal(status_log_append(path.data, &full, true, &error), 0);
    assert_int_equal(status_log_append(path.data, &bare, false, &error), 0);
    assert_int_equal(stat(path.data, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    reader = status_log_open(path.data);
    assert_non_null(reader);
    assert_int_equal(status_log_next(reader, &arena, &defer_defaults, &entry, &error), 1);
    check_full(&entry);
    assert_int_equal(status_log_next(reader, &arena, &defer_defaults, &entry, &error), 1);
    assert_slice_equal(entry.recipient.address, "");
    assert_string_equal(entry.dsn.action, "failed");
    assert_int_equal(status_log_next(reader, &arena, &defer_defaults, &entry, &error), 0);
    status_log_close(reader);
    unlink(path.data);
    buf_printf(&path, "/..");
    rmdir(path.data);
    buf_truncate(&path, strlen(directory) + 2);
    rmdir(path.data);
    rmdir(directory);
}

/* What others wrote. */
static const struct {
    const char *name, *text, *recipients; /* addresses in order, joined by | */
    const char *status, *reason;          /* of the last one */
} logs[] = {
    {"empty", "", "", NULL, NULL},
    {"blank lines", "\n\n\n", "", NULL, NULL},
    {"old style", "\n<a@x>: why\n\n", "a@x", "4.0.0", "why"},
    {"old style, two", "\n<a@x>: why\n\n\n<\"b c\"@x>: how: x\n", "a@x|b c@x", "4.0.0",
     "how: x"},
    {"no end", "recipient=a@x\nstatus=4.1.1\nreason=r", "a@x", "4.1.1", "r"},
    {"unknown names", "x=y\nrecipient=a@x\nfoo=bar\nbaz\nstatus=4.1.1\n\n", "a@x", "4.1.1", ""},
    {"bad values", "recipient=a@x\nstatus=9\noffset=-1\nnotify_flags=x\n\n", "a@x", "4.0.0",
     ""},
    {"entry without a recipient", "status=4.1.1\n\nrecipient=b@x\n\n", "b@x", "4.1.1", ""},
};

static void read_log(size_t i, struct buf *recipients, struct status_entry *entry,
                     struct arena *arena)
{
    FILE *file = tmpfile();
    struct status_log_reader *reader;
    struct error error;

    assert_non_null(file);
    assert_true(fputs(logs[i].text, file) >= 0);
    rewind(file);
    reader = status_log_open_fd(dup(fileno(file)));
    while (status_log_next(reader, arena, &defer_defaults, entry, &error) == 1) {
        if (recipients->len > 0)
            buf_add_char(recipients, '|');
        buf_add_slice(recipients, entry->recipient.address);
    }
    status_log_close(reader);
    assert_int_equal(fclose(file), 0);
}

static void test_reading(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(logs); i++) {
        CLEANUP(buf_release) struct buf recipients = BUF_INIT;
        CLEANUP(arena_release) struct arena arena = ARENA_INIT;
        struct status_entry entry;

        test_case(logs[i].name);
        read_log(i, &recipients, &entry, &arena);
        assert_string_equal(recipients.data, logs[i].recipients);
        if (logs[i].status) {
            assert_string_equal(entry.dsn.status, logs[i].status);
            assert_slice_equal(entry.dsn.reason, logs[i].reason);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_append_and_read),
        cmocka_unit_test(test_reading),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

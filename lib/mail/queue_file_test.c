#include "mail/queue_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/fd.h"
#include "base/test.h"

static char directory[] = "/tmp/queue_file_test.XXXXXX";
static const struct queue_layout layout = {"deferred, hold", 2};

static int enter_directory(void **state)
{
    (void)state;
    if (!mkdtemp(directory) || chdir(directory) < 0)
        return -1;
    return mkdir("incoming", 0700) < 0 || mkdir("hold", 0700) < 0 ? -1 : 0;
}

static int remove_directory(void **state)
{
    (void)state;
    return test_remove_tree(directory);
}

static void put(struct queue_file *file, char type, const char *text)
{
    struct error error;

    assert_int_equal(queue_file_put(file, type, slice_from(text), NULL, &error), 0);
}

/* A small message as cleanup writes it. */
static void write_message(struct queue_file *file, off_t *warn_offset)
{
    struct error error;
    char size[128];
    off_t content, end;

    put(file, RECORD_SIZE,
        "                                                                       "
        "                        ");
    put(file, RECORD_TIME, "1700000000 123456");
    put(file, RECORD_ATTRIBUTE, "create_time=1700000001");
    put(file, RECORD_SENDER, "a b@example.com");
    put(file, RECORD_ATTRIBUTE, "log_client_name=client.example");
    assert_int_equal(
        queue_file_put(file, RECORD_WARN_TIME, SLICE("     1700014400"), warn_offset, &error),
        0);
    put(file, RECORD_ATTRIBUTE, "notify_flags=5");
    put(file, RECORD_ATTRIBUTE, "dsn_orig_rcpt=rfc822;One@example.net");
    put(file, RECORD_ORIGINAL_RECIPIENT, "One@example.net");
    put(file, RECORD_RECIPIENT, "one@example.net");
    put(file, RECORD_CANCELLED, "gone@example.net");
    put(file, RECORD_RECIPIENT, "two@example.net");
    put(file, RECORD_MESSAGE, "");
    content = queue_file_offset(file);
    put(file, RECORD_LINE, "Subject: hi");
    put(file, RECORD_LINE, "");
    put(file, RECORD_PART, "long ");
    put(file, RECORD_LINE, "line");
    end = queue_file_offset(file);
    put(file, RECORD_EXTRACTED, "");
    put(file, RECORD_ATTRIBUTE, "message_id=<x@y>");
    put(file, RECORD_RECIPIENT, "three@example.net");
    put(file, RECORD_END, "");
    snprintf(size, sizeof(size), "%15jd %15jd %15d %15d %15jd %15d", (intmax_t)(end - content),
             (intmax_t)content, 3, 1, (intmax_t)(end - content), 1);
    assert_int_equal(queue_file_patch(file, 2, slice_from(size), &error), 0);
}

static void check_envelope(const struct envelope *envelope)
{
    assert_int_equal(envelope->arrival_time.tv_sec, 1700000000);
    assert_int_equal(envelope->arrival_time.tv_usec, 123456);
    assert_int_equal(envelope->create_time, 1700000001);
    assert_true(slice_equals(envelope->sender, "a b@example.com"));
    assert_true(slice_equals(envelope->log_client.name, "client.example"));
    assert_true(slice_equals(envelope->message_id, "<x@y>"));
    assert_int_equal(envelope->send_options, SEND_SMTPUTF8_REQUESTED);
    assert_int_equal(envelope->warn_time, 1700014400);
    assert_int_equal(envelope->n_recipients, 3);
}

static void check_recipients(struct message *message, size_t at_once)
{
    static const char *const expected[] = {"one@example.net", "two@example.net",
                                           "three@example.net"};
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    CLEANUP(recipient_list_release) struct recipient_list list = {0};
    struct error error;
    int reads = 0;

    while (message->next_recipient != 0) {
        assert_int_equal(message_read_recipients(message, &arena, at_once, &list, &error), 0);
        reads++;
    }
    assert_int_equal(reads, at_once >= 3 ? 1 : (3 + at_once - 1) / at_once);
    assert_int_equal(list.count, 3);
    bug_if(!list.items);
    for (size_t i = 0; i < 3; i++)
        assert_true(slice_equals(list.items[i].address, expected[i]));
    assert_int_equal(list.items[0].notify, 5);
    assert_true(slice_equals(list.items[0].original, "One@example.net"));
    assert_true(slice_equals(list.items[0].dsn_original, "rfc822;One@example.net"));
    assert_int_equal(list.items[1].notify, 0);
    assert_true(slice_is_empty(list.items[1].original));
}

static void check_content(const struct message *message)
{
    static const char *const expected[] = {"Subject: hi", "", "long line"};
    CLEANUP(content_close) struct content_reader reader;
    struct slice line;
    struct error error;
    bool continues;

    content_open(&reader, message);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(content_next_line(&reader, &line, &continues, &error), 1);
        assert_true(slice_equals(line, expected[i]));
        assert_false(continues);
    }
    assert_int_equal(content_next_line(&reader, &line, &continues, &error), 0);
    assert_int_equal(content_next_line(&reader, &line, &continues, &error), 0);
}

static void test_round_trip(void **state)
{
    CLEANUP(queue_file_release) struct queue_file file = QUEUE_FILE_INIT;
    CLEANUP(message_release) struct message message;
    CLEANUP(fd_close) int fd = -1;
    struct error error;
    struct stat status;
    off_t warn_offset;

    (void)state;
    assert_int_equal(
        queue_file_create(&file, &layout, "incoming", QUEUE_ID_SHORT, 0600, &error), 0);
    write_message(&file, &warn_offset);
    assert_int_equal(queue_file_move(&file, &layout, "hold", &error), 0);
    assert_int_equal(queue_file_commit(&file, 0700, &error), 0);
    fd = queue_open(&layout, "hold", slice_from(file.id), O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0700);
    for (size_t at_once = 1; at_once < 5; at_once++) {
        assert_int_equal(message_read_envelope(&message, fd, &error), 0);
        check_envelope(&message.envelope);
        check_recipients(&message, at_once);
        check_content(&message);
        if (at_once < 4)
            message_release(&message);
    }
    assert_int_equal(message.envelope.warn_offset, warn_offset + 2);
    assert_int_equal(message_clear_warning(fd, message.envelope.warn_offset), 0);
    message_release(&message);
    assert_int_equal(message_read_envelope(&message, fd, &error), 0);
    assert_int_equal(message.envelope.warn_time, -1);
}

/* What is not committed leaves nothing behind. */
static void test_release_removes(void **state)
{
    CLEANUP(queue_file_release) struct queue_file file = QUEUE_FILE_INIT;
    struct queue_scan *scan;
    struct error error;
    struct slice id;

    (void)state;
    assert_int_equal(queue_file_create(&file, &layout, "incoming", QUEUE_ID_LONG, 0600, &error),
                     0);
    put(&file, RECORD_LINE, "text");
    assert_int_equal(access(file.path.data, F_OK), 0);
    queue_file_release(&file);
    queue_file_release(&file);
    scan = queue_scan_open("incoming");
    assert_non_null(scan);
    assert_int_equal(queue_scan_next(scan, &id), 0);
    queue_scan_close(scan);
}

/* The scan finds files at every depth and knows their paths. */
static void test_scan(void **state)
{
    CLEANUP(queue_file_release) struct queue_file file = QUEUE_FILE_INIT;
    struct queue_scan *scan;
    struct error error;
    struct slice id;

    (void)state;
    assert_int_equal(queue_file_create(&file, &layout, "hold", QUEUE_ID_LONG, 0600, &error), 0);
    assert_int_equal(queue_file_commit(&file, 0700, &error), 0);
    scan = queue_scan_open("hold");
    assert_non_null(scan);
    while (queue_scan_next(scan, &id) == 1 && !slice_equals(id, file.id))
        ;
    assert_string_equal(queue_scan_path(scan), file.path.data);
    queue_scan_close(scan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_release_removes),
        cmocka_unit_test(test_scan),
    };

    return cmocka_run_group_tests(tests, enter_directory, remove_directory);
}

#include "delivery/mail_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "conf/params.h"
#include "delivery/test_message.h"

static struct timeval fixed_wall(void)
{
    return (struct timeval){.tv_sec = 1};
}

/* What the copy looks like as a file. */
static void write_copy(const struct mail_copy *copy, struct buf *text)
{
    CLEANUP(fd_close) int fd = memfd_create("copy", MFD_CLOEXEC);
    struct error error;
    int write_errno;

    assert_int_equal(mail_copy_write(copy, fd, &write_errno, &error), 0);
    assert_int_equal(write_errno, 0);
    assert_true(lseek(fd, 0, SEEK_SET) == 0);
    assert_int_equal(fd_read_all(fd, text, 1 << 20, &error), 0);
}

static const struct {
    const char *name;
    unsigned flags;
    const char *sender, *original, *delivered_to, *end_of_line, *content, *copy;
} copies[] = {
    {"nothing added", 0, "s@x.test", "o@x.test", "d@x.test", "\n", "A: b\n\nFrom me\n.\n",
     "A: b\n\nFrom me\n.\n"},
    {"Maildir", MAIL_COPY_MAILDIR, "s@x.test", "o@x.test", "d@x.test", "\n",
     "A: b\n\nFrom me\n",
     "Return-Path: <s@x.test>\nX-Original-To: o@x.test\nDelivered-To: d@x.test\n"
     "A: b\n\nFrom me\n"},
    {"the original is not known", MAIL_COPY_MAILDIR, "s@x.test", "", "d@x.test", "\n", "A: b\n",
     "Return-Path: <s@x.test>\nDelivered-To: d@x.test\nA: b\n"},
    {"null sender", MAIL_COPY_RETURN_PATH | MAIL_COPY_FROM_LINE, "", "", "", "\n", "A: b\n",
     "From MAILER-DAEMON  Thu Jan  1 00:00:01 1970\nReturn-Path: <>\nA: b\n"},
    {"addresses that need quotes", MAIL_COPY_MAILDIR, "a b@x.test", "c d@x.test", "e f@x.test",
     "\n", "A: b\n",
     "Return-Path: <\"a b\"@x.test>\nX-Original-To: \"c d\"@x.test\n"
     "Delivered-To: \"e f\"@x.test\nA: b\n"},
    {"mbox", MAIL_COPY_MBOX, "s@x.test", "", "d@x.test", "\n",
     "A: b\n\nFrom me\n>From you\nFromage\n From here\n",
     "From s@x.test  Thu Jan  1 00:00:01 1970\nReturn-Path: <s@x.test>\n"
     "Delivered-To: d@x.test\nA: b\n\n>From me\n>From you\nFromage\n From here\n\n"},
    {"dots", MAIL_COPY_DOT_STUFF, "", "", "", "\n", "A: b\n\n.\n..\na.\n",
     "A: b\n\n..\n...\na.\n"},
    {"other line ends", MAIL_COPY_RETURN_PATH | MAIL_COPY_BLANK_LINE, "", "", "", "\r\n",
     "A: b\n\nc\n", "Return-Path: <>\r\nA: b\r\n\r\nc\r\n\r\n"},
    {"empty message", MAIL_COPY_BLANK_LINE, "", "", "", "\n", "", "\n"},
};

static void test_copies(void **state)
{
    (void)state;
    time_test_wall = fixed_wall;
    for (size_t i = 0; i < ARRAY_SIZE(copies); i++) {
        CLEANUP(buf_release) struct buf text = BUF_INIT;
        CLEANUP(test_message_release) struct test_message message;
        struct mail_copy copy = {.delivery = &message.delivery,
                                 .recipient = &message.recipient,
                                 .delivered_to = slice_from(copies[i].delivered_to),
                                 .flags = copies[i].flags,
                                 .end_of_line = copies[i].end_of_line};

        test_case(copies[i].name);
        test_message_init(&message, slice_from(copies[i].content));
        message.delivery.request.sender = slice_from(copies[i].sender);
        message.recipient.original = slice_from(copies[i].original);
        write_copy(&copy, &text);
        assert_slice_equal(buf_slice(&text), copies[i].copy);
    }
    time_test_wall = NULL;
}

/* What is no start of a line gets neither ">" nor ".", wherever a line is cut into pieces. */
static void test_long_lines(void **state)
{
    CLEANUP(buf_release) struct buf content = BUF_INIT;
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    CLEANUP(test_message_release) struct test_message message;
    struct mail_copy copy = {.delivery = &message.delivery,
                             .recipient = &message.recipient,
                             .flags = MAIL_COPY_QUOTE_FROM | MAIL_COPY_DOT_STUFF,
                             .end_of_line = "\n"};

    (void)state;
    for (size_t i = 0; i < 40000; i++)
        buf_add_text(&content, i % 2 ? ".....From " : "From From ");
    buf_add_char(&content, '\n');
    test_message_init(&message, buf_slice(&content));
    write_copy(&copy, &text);
    assert_int_equal(text.len, content.len + 1);
    assert_int_equal(text.data[0], '>');
    assert_memory_equal(text.data + 1, content.data, content.len);
}

static void test_reader_has_gone(void **state)
{
    CLEANUP(test_message_release) struct test_message message;
    struct mail_copy copy = {
        .delivery = &message.delivery, .recipient = &message.recipient, .end_of_line = "\n"};
    struct error error;
    int pair[2], write_errno;

    (void)state;
    (void)signal(SIGPIPE, SIG_IGN);
    test_message_init(&message, SLICE("A: b\n"));
    assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
    fd_close(&pair[0]);
    assert_int_equal(mail_copy_write(&copy, pair[1], &write_errno, &error), -1);
    assert_int_equal(write_errno, EPIPE);
    assert_string_equal(error.text, "error writing message: Broken pipe");
    fd_close(&pair[1]);
}

/* A command that does not read its input: the deadline ends it. */
static void test_reader_does_not_read(void **state)
{
    CLEANUP(buf_release) struct buf content = BUF_INIT;
    CLEANUP(test_message_release) struct test_message message;
    struct mail_copy copy = {.delivery = &message.delivery,
                             .recipient = &message.recipient,
                             .end_of_line = "\n",
                             .deadline = deadline_in(20)};
    struct error error;
    int pair[2], write_errno;

    (void)state;
    buf_add_repeated(&content, 'x', 1 << 20);
    buf_add_char(&content, '\n');
    test_message_init(&message, buf_slice(&content));
    assert_int_equal(pipe2(pair, O_CLOEXEC | O_NONBLOCK), 0);
    assert_int_equal(mail_copy_write(&copy, pair[1], &write_errno, &error), -1);
    assert_int_equal(write_errno, ETIMEDOUT);
    fd_close(&pair[0]);
    fd_close(&pair[1]);
}

/* The headers that we add count as well. */
static void test_no_room(void **state)
{
    CLEANUP(test_message_release) struct test_message message;
    CLEANUP(fd_close) int fd = memfd_create("copy", MFD_CLOEXEC);
    struct mail_copy copy = {.delivery = &message.delivery,
                             .recipient = &message.recipient,
                             .delivered_to = SLICE("d@x.test"),
                             .flags = MAIL_COPY_DELIVERED_TO,
                             .end_of_line = "\n",
                             .room = strlen("Delivered-To: d@x.test\nA: b\n\nbody\n")};
    struct error error;
    int write_errno;

    (void)state;
    test_message_init(&message, SLICE("A: b\n\nbody\n"));
    assert_int_equal(mail_copy_write(&copy, fd, &write_errno, &error), 0);
    copy.room--;
    assert_int_equal(mail_copy_write(&copy, fd, &write_errno, &error), -1);
    assert_int_equal(write_errno, EFBIG);
    assert_string_equal(error.text, "error writing message: File too large");
}

static void test_damaged_queue_file(void **state)
{
    CLEANUP(test_message_release) struct test_message message;
    CLEANUP(fd_close) int fd = memfd_create("copy", MFD_CLOEXEC);
    struct mail_copy copy = {
        .delivery = &message.delivery, .recipient = &message.recipient, .end_of_line = "\n"};
    struct error error;
    int write_errno;

    (void)state;
    test_message_init(&message, SLICE("A: b\n\nbody\n"));
    assert_int_equal(
        ftruncate(message.delivery.fd, message.delivery.message.envelope.content_offset + 8),
        0);
    assert_int_equal(mail_copy_write(&copy, fd, &write_errno, &error), -1);
    assert_int_equal(write_errno, 0);
    assert_true(slice_starts_with(slice_from(error.text), "queue file read error"));
}

static const struct {
    const char *name, *content, *address;
    bool is_loop;
} loops[] = {
    {"none", "A: b\n\n", "a@x.test", false},
    {"the same", "A: b\nDelivered-To: a@x.test\n\n", "a@x.test", true},
    {"case does not matter", "delivered-TO: A@X.test\n\n", "a@x.TEST", true},
    {"another address", "Delivered-To: b@x.test\n\n", "a@x.test", false},
    {"an extension makes another address", "Delivered-To: a+x@x.test\n\n", "a@x.test", false},
    {"the second one", "Delivered-To: b@x.test\nDelivered-To: a@x.test\n\n", "a@x.test", true},
    {"in the body", "A: b\n\nDelivered-To: a@x.test\n", "a@x.test", false},
    {"quoted", "Delivered-To: \"a b\"@x.test\n\n", "a b@x.test", true},
    {"behind a continued header", "A: b\n c\nDelivered-To: a@x.test\n\n", "a@x.test", true},
};

static void test_loops(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(loops); i++) {
        CLEANUP(test_message_release) struct test_message message;

        test_case(loops[i].name);
        test_message_init(&message, slice_from(loops[i].content));
        assert_int_equal(mail_copy_is_loop(&message.delivery, slice_from(loops[i].address)),
                         loops[i].is_loop);
    }
}

static void test_status(void **state)
{
    const struct mail_copy keeping = {.end_of_line = "\n"},
                           returning = {.end_of_line = "\n", .returns_mail = true};

    (void)state;
    assert_string_equal(mail_copy_status(&returning, ENOSPC), "4.3.0");
    assert_string_equal(mail_copy_status(&returning, EDQUOT), "5.2.2");
    assert_string_equal(mail_copy_status(&returning, EFBIG), "5.2.2");
    assert_string_equal(mail_copy_status(&returning, EACCES), "4.2.0");
    assert_string_equal(mail_copy_status(&returning, EISDIR), "5.2.0");
    assert_string_equal(mail_copy_status(&keeping, EISDIR), "4.2.0");
    assert_string_equal(mail_copy_status(&returning, 0), "4.3.0");
    assert_string_equal(mail_copy_status(&returning, EAGAIN), "4.2.0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copies),          cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_reader_has_gone), cmocka_unit_test(test_reader_does_not_read),
        cmocka_unit_test(test_no_room),         cmocka_unit_test(test_damaged_queue_file),
        cmocka_unit_test(test_loops),           cmocka_unit_test(test_status),
    };

    (void)setenv("TZ", "UTC", 1);
    params.enable_original_recipient = true;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "delivery/mbox.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "co/co.h"
#include "delivery/test_message.h"

static char directory[] = "/tmp/mbox_test.XXXXXX";
static char path[sizeof(directory) + 10], lock_path[sizeof(path) + 10];

/* What the next test finds: no mailbox, no lock. */
static int start_afresh(void **state)
{
    (void)state;
    if ((unlink(path) < 0 && errno != ENOENT) || (unlink(lock_path) < 0 && errno != ENOENT))
        return -1;
    return 0;
}

static struct mbox make_mbox(unsigned locks)
{
    struct user me = {.uid = geteuid(), .gid = getegid()};

    return (struct mbox){.path = path,
                         .locks = locks,
                         .lock_attempts = 3,
                         .lock_delay = 1,
                         .stale_lock_time = SECONDS(500),
                         .user = me,
                         .file_owner = me};
}

static int append(const struct mbox *mbox, const char *content, char status[DSN_STATUS_BYTES],
                  struct error *error)
{
    CLEANUP(test_message_release) struct test_message message;
    struct mail_copy copy = {.delivery = &message.delivery,
                             .recipient = &message.recipient,
                             .flags = MAIL_COPY_BLANK_LINE | MAIL_COPY_QUOTE_FROM,
                             .end_of_line = "\n",
                             .returns_mail = true};

    test_message_init(&message, slice_from(content));
    return mbox_append(mbox, &copy, status, error);
}

static void assert_mailbox(const char *expected)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    struct error error;

    assert_int_equal(file_read_all(path, &text, 1 << 20, &error), 0);
    assert_slice_equal(buf_slice(&text), expected);
    assert_int_equal(access(lock_path, F_OK), -1);
}

static void test_parse_locks(void **state)
{
    struct error error;
    unsigned locks = 0;

    (void)state;
    assert_int_equal(mbox_parse_locks("fcntl, dotlock", &locks, &error), 0);
    assert_int_equal(locks, MBOX_LOCK_FCNTL | MBOX_LOCK_DOTLOCK);
    assert_int_equal(mbox_parse_locks("flock", &locks, &error), 0);
    assert_int_equal(locks, MBOX_LOCK_FLOCK);
    assert_int_equal(mbox_parse_locks("", &locks, &error), 0);
    assert_int_equal(locks, 0);
    assert_int_equal(mbox_parse_locks("fcntl maillock", &locks, &error), -1);
    assert_string_equal(error.text, "unknown mailbox_delivery_lock value \"maillock\" in "
                                    "\"fcntl maillock\"");
}

static void test_appends(void **state)
{
    struct mbox mbox = make_mbox(MBOX_LOCK_FCNTL | MBOX_LOCK_FLOCK | MBOX_LOCK_DOTLOCK);
    char status[DSN_STATUS_BYTES];
    struct error error;
    struct stat file;

    (void)state;
    assert_int_equal(append(&mbox, "A: b\n\nFrom me\n", status, &error), 0);
    assert_mailbox("A: b\n\n>From me\n\n");
    assert_int_equal(stat(path, &file), 0);
    assert_int_equal(file.st_mode & 0777, 0600);
    assert_int_equal(append(&mbox, "C: d\n", status, &error), 0);
    assert_mailbox("A: b\n\n>From me\n\nC: d\n\n");
}

static void make_lock_file(void)
{
    struct error error;

    assert_int_equal(file_replace(lock_path, SLICE_EMPTY, 0600, &error), 0);
}

static void test_dotlock_stays(void **state)
{
    struct mbox mbox = make_mbox(MBOX_LOCK_DOTLOCK);
    char status[DSN_STATUS_BYTES];
    struct error error;

    (void)state;
    make_lock_file();
    assert_int_equal(append(&mbox, "A: b\n", status, &error), -1);
    assert_string_equal(status, "4.2.0");
    assert_true(slice_starts_with(slice_from(error.text), "unable to create lock file "));
    assert_int_equal(access(lock_path, F_OK), 0);
    assert_int_equal(access(path, F_OK), -1);
}

static struct timeval much_later(void)
{
    struct timeval now;

    assert_int_equal(gettimeofday(&now, NULL), 0);
    now.tv_sec += 10000;
    return now;
}

static void test_dotlock_is_stale(void **state)
{
    struct mbox mbox = make_mbox(MBOX_LOCK_DOTLOCK);
    char status[DSN_STATUS_BYTES];
    struct error error;

    (void)state;
    make_lock_file();
    time_test_wall = much_later;
    int result = append(&mbox, "A: b\n", status, &error);
    time_test_wall = NULL;
    assert_int_equal(result, 0);
    assert_mailbox("A: b\n\n");
}

/* -- a lock that goes away while we wait ------------------------------------------------------
 */

static int waiting_result;
static int other_fd; /* has the mailbox open, for the other's lock */

static void append_waiting(void *arg)
{
    const struct mbox *mbox = arg;
    char status[DSN_STATUS_BYTES];
    struct error error;

    waiting_result = append(mbox, "A: b\n", status, &error);
}

static void let_go(void *arg)
{
    (void)arg;
    if (other_fd >= 0)
        fd_close(&other_fd);
    else
        assert_int_equal(unlink(lock_path), 0);
}

static void wait_and_append(struct mbox *mbox)
{
    mbox->lock_attempts = 10000;
    waiting_result = -2;
    assert_non_null(co_spawn("reader", append_waiting, mbox));
    assert_non_null(co_spawn("owner", let_go, NULL));
    co_run();
    assert_int_equal(waiting_result, 0);
    assert_mailbox("A: b\n\n");
}

static void test_waits_for_dotlock(void **state)
{
    struct mbox mbox = make_mbox(MBOX_LOCK_DOTLOCK);

    (void)state;
    make_lock_file();
    other_fd = -1;
    wait_and_append(&mbox);
}

static void test_waits_for_flock(void **state)
{
    struct mbox mbox = make_mbox(MBOX_LOCK_FLOCK);

    (void)state;
    other_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(other_fd >= 0);
    assert_int_equal(fd_flock(other_fd, FILE_LOCK_EXCLUSIVE, FILE_LOCK_TRY), 0);
    wait_and_append(&mbox);
}

static void test_flock_stays(void **state)
{
    struct mbox mbox = make_mbox(MBOX_LOCK_FLOCK | MBOX_LOCK_DOTLOCK);
    CLEANUP(fd_close) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    char status[DSN_STATUS_BYTES];
    struct error error;

    (void)state;
    assert_int_equal(fd_flock(fd, FILE_LOCK_EXCLUSIVE, FILE_LOCK_TRY), 0);
    assert_int_equal(append(&mbox, "A: b\n", status, &error), -1);
    assert_string_equal(status, "4.2.0");
    assert_mailbox(""); /* and the lock file has gone */
}

/* -- what goes wrong -------------------------------------------------------------------------
 */

static void test_over_the_limit(void **state)
{
    struct mbox mbox = make_mbox(MBOX_LOCK_FCNTL);
    char status[DSN_STATUS_BYTES];
    struct error error;

    (void)state;
    assert_int_equal(append(&mbox, "A: b\n", status, &error), 0);
    mbox.limit_bytes = 10;
    assert_int_equal(append(&mbox, "C: d\n", status, &error), -1);
    assert_string_equal(status, "5.2.2");
    assert_mailbox("A: b\n\n");
}

static void test_is_cut_back(void **state)
{
    struct mbox mbox = make_mbox(MBOX_LOCK_FCNTL | MBOX_LOCK_DOTLOCK);
    struct rlimit before, small = {.rlim_cur = 20};
    char status[DSN_STATUS_BYTES];
    struct error error;

    (void)state;
    assert_int_equal(append(&mbox, "A: b\n", status, &error), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;

    CLEANUP(test_message_release) struct test_message message;
    struct mail_copy copy = {
        .delivery = &message.delivery, .recipient = &message.recipient, .end_of_line = "\n"};
    test_message_init(&message, SLICE("C: d\n\nmore than fits into this file\n"));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int result = mbox_append(&mbox, &copy, status, &error);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(result, -1);
    assert_string_equal(status, "5.2.2");
    assert_mailbox("A: b\n\n");
}

/* Our own trouble is no reason to return mail. */
static void test_damaged_queue_file(void **state)
{
    CLEANUP(test_message_release) struct test_message message;
    struct mail_copy copy = {.delivery = &message.delivery,
                             .recipient = &message.recipient,
                             .end_of_line = "\n",
                             .returns_mail = true};
    struct mbox mbox = make_mbox(MBOX_LOCK_DOTLOCK);
    char status[DSN_STATUS_BYTES];
    struct error error;

    (void)state;
    test_message_init(&message, SLICE("A: b\n\nbody\n"));
    assert_int_equal(
        ftruncate(message.delivery.fd, message.delivery.message.envelope.content_offset + 8),
        0);
    assert_int_equal(mbox_append(&mbox, &copy, status, &error), -1);
    assert_string_equal(status, "4.3.0");
    assert_mailbox("");
}

static void test_refuses_other_files(void **state)
{
    struct mbox mbox = make_mbox(0);
    CLEANUP(buf_release) struct buf other = BUF_INIT;
    char status[DSN_STATUS_BYTES];
    struct error error;

    (void)state;
    buf_printf(&other, "%s/other", directory);
    assert_int_equal(file_replace(other.data, SLICE_EMPTY, 0600, &error), 0);

    assert_int_equal(symlink(other.data, path), 0);
    assert_int_equal(append(&mbox, "A: b\n", status, &error), -1);
    assert_string_equal(status, "5.2.0");

    assert_int_equal(unlink(path), 0);
    assert_int_equal(link(other.data, path), 0);
    assert_int_equal(append(&mbox, "A: b\n", status, &error), -1);
    assert_string_equal(error.text, "file has 2 hard links");

    mbox.path = "/dev/null";
    assert_int_equal(append(&mbox, "A: b\n", status, &error), -1);
    assert_string_equal(error.text, "not a regular file");
}

static void test_device(void **state)
{
    struct mbox mbox = make_mbox(MBOX_LOCK_FCNTL | MBOX_LOCK_DOTLOCK);
    char status[DSN_STATUS_BYTES];
    struct error error;

    (void)state;
    mbox.path = "/dev/null";
    mbox.may_be_special = true;
    assert_int_equal(append(&mbox, "A: b\n", status, &error), 0);
}

static int make_directory(void **state)
{
    (void)state;
    if (!mkdtemp(directory))
        return -1;
    (void)snprintf(path, sizeof(path), "%s/box", directory);
    (void)snprintf(lock_path, sizeof(lock_path), "%s.lock", path);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    return test_remove_tree(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_parse_locks, start_afresh),
        cmocka_unit_test_setup(test_appends, start_afresh),
        cmocka_unit_test_setup(test_dotlock_stays, start_afresh),
        cmocka_unit_test_setup(test_dotlock_is_stale, start_afresh),
        cmocka_unit_test_setup(test_waits_for_dotlock, start_afresh),
        cmocka_unit_test_setup(test_waits_for_flock, start_afresh),
        cmocka_unit_test_setup(test_flock_stays, start_afresh),
        cmocka_unit_test_setup(test_over_the_limit, start_afresh),
        cmocka_unit_test_setup(test_is_cut_back, start_afresh),
        cmocka_unit_test_setup(test_damaged_queue_file, start_afresh),
        cmocka_unit_test_setup(test_refuses_other_files, start_afresh),
        cmocka_unit_test_setup(test_device, start_afresh),
    };

    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}

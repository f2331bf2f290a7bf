#include "base/log_ring.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/test.h"
#include "base/time.h"

static struct log_ring writer, reader;
static struct buf texts, lines;
static int bell[2];

static int receive_fd(void)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr message = {.msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    int fd = -1;

    assert_int_equal(recvmsg(bell[1], &message, MSG_CMSG_CLOEXEC), 0);
    const struct cmsghdr *header = CMSG_FIRSTHDR(&message);

    if (!header)
        fail_msg("the bell brings no descriptor");
    else
        memcpy(&fd, CMSG_DATA(header), sizeof(fd));
    return fd;
}

static int begin(void **state)
{
    pid_t owner;

    (void)state;
    buf_init(&texts);
    buf_init(&lines);
    assert_return_code(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, bell), errno);
    assert_return_code(log_ring_create(&writer), errno);
    assert_true(log_ring_needs_bell(&writer));
    assert_return_code(log_ring_ring_bell(&writer, bell[0]), errno);
    assert_return_code(log_ring_open(&reader, receive_fd(), &owner), errno);
    assert_int_equal(owner, getpid());
    return 0;
}

static int end(void **state)
{
    (void)state;
    log_ring_release(&writer);
    log_ring_release(&reader);
    fd_close(&bell[0]);
    fd_close(&bell[1]);
    buf_release(&texts);
    buf_release(&lines);
    return 0;
}

static size_t look(void)
{
    buf_reset(&texts);
    buf_reset(&lines);
    int64_t found = log_ring_look(&reader, time_now_ns() + 1, &texts, &lines);

    assert_true(found >= 0);
    log_ring_take(&reader, found);
    return lines.len / sizeof(struct log_ring_line);
}

static void test_lines_arrive_once(void **state)
{
    (void)state;
    assert_int_equal(look(), 0);
    assert_true(log_ring_add(&writer, "one", 3));
    assert_true(log_ring_add(&writer, "", 0));
    assert_false(log_ring_is_empty(&writer));
    assert_int_equal(look(), 2);
    assert_slice_equal(buf_slice(&texts), "one");
    assert_true(log_ring_is_empty(&writer));
    assert_int_equal(look(), 0);
}

/* Round and round: lines that lie across the end of the memory are whole. */
static void test_wrap(void **state)
{
    char line[3001];

    (void)state;
    for (int i = 0; i < 200; i++) {
        size_t len = 2000 + (size_t)i * 5;

        memset(line, 'a' + i % 26, sizeof(line));
        assert_true(log_ring_add(&writer, line, len));
        assert_int_equal(look(), 1);
        assert_int_equal(texts.len, len);
        assert_memory_equal(texts.data, line, len);
    }
}

static void test_full(void **state)
{
    char line[LOG_RING_LINE_BYTES + 1] = "x";
    size_t n = 0;

    (void)state;
    assert_false(log_ring_add(&writer, line, sizeof(line)));
    while (log_ring_add(&writer, line, LOG_RING_LINE_BYTES))
        n++;
    assert_in_range(n, 10, 20);
    assert_int_equal(look(), n);
    assert_true(log_ring_add(&writer, line, LOG_RING_LINE_BYTES));
}

static void test_bell(void **state)
{
    (void)state;
    assert_false(log_ring_needs_bell(&writer)); /* one is on its way */
    log_ring_attend(&reader, true);
    assert_false(log_ring_needs_bell(&writer));
    log_ring_attend(&reader, false);
    assert_true(log_ring_needs_bell(&writer));
}

/* What was logged after the look began may have causes in a ring that was looked at before. */
static void test_later_lines_wait(void **state)
{
    (void)state;
    assert_true(log_ring_add(&writer, "later", 5));
    assert_int_equal(log_ring_look(&reader, 1, &texts, &lines), 0);
    assert_int_equal(lines.len, 0);
    assert_int_equal(look(), 1);
}

static void test_what_is_no_ring_is_refused(void **state)
{
    struct log_ring none;
    pid_t owner;
    int fd = memfd_create("test", MFD_CLOEXEC);

    (void)state;
    assert_return_code(fd, errno);
    assert_return_code(ftruncate(fd, 70000), errno);
    assert_int_equal(log_ring_open(&none, fd, &owner), -1);
    assert_int_equal(log_ring_open(&none, open("/dev/null", O_RDONLY | O_CLOEXEC), &owner), -1);
}

/* A writer that scribbles over its ring: the reader says so, and reads nothing outside. */
static void test_nonsense_is_found(void **state)
{
    (void)state;
    assert_true(log_ring_add(&writer, "good", 4));
    memset((char *)writer.memory + 128, 0xff, 60000); /* the data */
    assert_int_equal(log_ring_look(&reader, INT64_MAX, &texts, &lines), -1);
    log_ring_take(&reader, 1000000);
    assert_int_equal(log_ring_look(&reader, INT64_MAX, &texts, &lines), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lines_arrive_once, begin, end),
        cmocka_unit_test_setup_teardown(test_wrap, begin, end),
        cmocka_unit_test_setup_teardown(test_full, begin, end),
        cmocka_unit_test_setup_teardown(test_bell, begin, end),
        cmocka_unit_test_setup_teardown(test_later_lines_wait, begin, end),
        cmocka_unit_test_setup_teardown(test_what_is_no_ring_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(test_nonsense_is_found, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

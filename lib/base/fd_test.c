#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"

static struct buf directory;

static int make_directory(void **state)
{
    char name[] = "/tmp/fd-test.XXXXXX";

    (void)state;
    if (!mkdtemp(name))
        return -1;
    buf_init(&directory);
    buf_set_text(&directory, name);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    int result = rmdir(directory.data);
    buf_release(&directory);
    return result;
}

static const char *path_of(const char *name)
{
    static char path[200];

    snprintf(path, sizeof(path), "%s/%s", directory.data, name);
    return path;
}

static void test_pipes(void **state)
{
    int fds[2];
    char bytes[10];
    CLEANUP(buf_release) struct buf buf = BUF_INIT;
    struct error error = ERROR_INIT;

    (void)state;
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(fd_write_all(fds[1], "hello", 5), 0);
    assert_int_equal(fd_read_full(fds[0], bytes, 5), 5);
    assert_memory_equal(bytes, "hello", 5);
    assert_int_equal(fd_write_all(fds[1], "rest", 4), 0);
    fd_close(&fds[1]);
    assert_int_equal(fds[1], -1);
    fd_close(&fds[1]);
    assert_int_equal(fd_read_all(fds[0], &buf, 4, &error), 0);
    assert_string_equal(buf.data, "rest");
    assert_int_equal(fd_read_full(fds[0], bytes, 5), 0);
    fd_close(&fds[0]);
    assert_int_equal(fd_read_full(-1, bytes, 5), -1);
    assert_int_equal(errno, EBADF);
    assert_int_equal(fd_write_all(-1, bytes, 5), -1);
}

static void test_flags(void **state)
{
    int fds[2];

    (void)state;
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(fd_set_nonblocking(fds[0], true), 0);
    assert_true(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
    assert_int_equal(fd_set_nonblocking(fds[0], false), 0);
    assert_false(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
    assert_int_equal(fd_set_cloexec(fds[0], true), 0);
    assert_int_equal(fcntl(fds[0], F_GETFD), FD_CLOEXEC);
    assert_int_equal(fd_set_cloexec(fds[0], false), 0);
    assert_int_equal(fcntl(fds[0], F_GETFD), 0);
    assert_int_equal(fd_set_nonblocking(-1, true), -1);
    fd_close(&fds[0]);
    fd_close(&fds[1]);
}

static void test_read_file(void **state)
{
    CLEANUP(buf_release) struct buf buf = BUF_INIT, expected = BUF_INIT;
    struct error error = ERROR_INIT;
    const char *path = path_of("file");

    (void)state;
    buf_add_repeated(&expected, 'x', 100000);
    assert_int_equal(file_replace(path, buf_slice(&expected), 0600, &error), 0);
    assert_int_equal(file_read_all(path, &buf, 100000, &error), 0);
    assert_string_equal(buf.data, expected.data);
    buf_reset(&buf);
    assert_int_equal(file_read_all(path, &buf, 99999, &error), -1);
    assert_int_equal(error.kind, ERROR_TEMPORARY);
    assert_non_null(strstr(error.text, "file: larger than 99999 bytes"));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(file_read_all(path, &buf, 1, &error), -1);
    assert_non_null(strstr(error.text, "file: No such file or directory"));
}

static void test_replace_keeps_mode(void **state)
{
    CLEANUP(buf_release) struct buf buf = BUF_INIT;
    struct error error = ERROR_INIT;
    struct stat info;
    const char *path = path_of("file");

    (void)state;
    assert_int_equal(file_replace(path, SLICE("one"), 0640, &error), 0);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0640);
    assert_int_equal(chmod(path, 0604), 0);
    assert_int_equal(file_replace(path, SLICE("two"), 0640, &error), 0);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0604);
    assert_int_equal(file_read_all(path, &buf, 10, &error), 0);
    assert_string_equal(buf.data, "two");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(file_replace(path_of("none/file"), SLICE("x"), 0600, &error), -1);
    assert_non_null(strstr(error.text, "No such file or directory"));
}

static void test_locks(void **state)
{
    const char *path = path_of("lock");
    int a = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600), b = open(path, O_RDWR | O_CLOEXEC);

    (void)state;
    assert_int_equal(fd_flock(a, FILE_LOCK_EXCLUSIVE, FILE_LOCK_BLOCK), 0);
    assert_int_equal(fd_flock(b, FILE_LOCK_SHARED, FILE_LOCK_TRY), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(fd_flock(a, FILE_LOCK_NONE, FILE_LOCK_BLOCK), 0);
    assert_int_equal(fd_flock(b, FILE_LOCK_SHARED, FILE_LOCK_TRY), 0);
    assert_int_equal(fd_fcntl_lock(a, FILE_LOCK_EXCLUSIVE, FILE_LOCK_TRY), 0);
    if (fork() == 0) /* fcntl locks are a process's */
        _exit(fd_fcntl_lock(b, FILE_LOCK_SHARED, FILE_LOCK_TRY) < 0 && errno == EAGAIN ? 0 : 1);
    int status;
    assert_true(wait(&status) > 0);
    assert_int_equal(status, 0);
    assert_int_equal(fd_fcntl_lock(a, FILE_LOCK_NONE, FILE_LOCK_BLOCK), 0);
    fd_close(&a);
    fd_close(&b);
    assert_int_equal(unlink(path), 0);
}

static void test_make_parents(void **state)
{
    (void)state;
    assert_int_equal(path_make_parents(path_of("a/b/c"), 0700), 0);
    assert_int_equal(path_make_parents(path_of("a/b/c"), 0700), 0);
    assert_int_equal(rmdir(path_of("a/b")), 0);
    assert_int_equal(rmdir(path_of("a")), 0);
    assert_int_equal(path_make_parents("file", 0700), 0);
    assert_int_equal(path_make_parents("/dev/null/x/y", 0700), -1);
    assert_int_equal(errno, ENOTDIR);
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static void test_bin(void **state)
{
    struct fd_bin bin = {0};
    int fds[100], kept = open("/dev/null", O_RDONLY);

    (void)state;
    fd_bin_empty(&bin);
    fd_bin_add(&bin, -1);
    for (size_t i = 0; i < 100; i++)
        assert_true((fds[i] = open("/dev/null", O_RDONLY)) > kept);
    for (size_t i = 100; i-- > 0;) {
        if (i % 10 != 3) /* the others leave gaps */
            fd_bin_add(&bin, fds[i]);
    }
    assert_true(is_open(fds[0]));
    fd_bin_empty(&bin);
    assert_true(is_open(kept));
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(is_open(fds[i]), i % 10 == 3);
        if (i % 10 == 3)
            fd_close(&fds[i]);
    }
    for (int i = 0; i < 1000; i++) { /* never more open than a bin holds */
        int fd = open("/dev/null", O_RDONLY);
        assert_true(fd > kept && fd < kept + 200);
        fd_bin_add(&bin, fd);
    }
    fd_bin_empty(&bin);
    assert_false(is_open(kept + 1));
    fd_close(&kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pipes),     cmocka_unit_test(test_flags),
        cmocka_unit_test(test_read_file), cmocka_unit_test(test_replace_keeps_mode),
        cmocka_unit_test(test_locks),     cmocka_unit_test(test_make_parents),
        cmocka_unit_test(test_bin),
    };

    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}

#include "mail/unnamed_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/fd.h"
#include "base/test.h"
#include "mail/queue_file.h"

static char directory[] = "/tmp/unnamed_file_test.XXXXXX";

static int enter_directory(void **state)
{
    (void)state;
    if (!mkdtemp(directory) || chdir(directory) < 0 || mkdir("incoming", 0700) < 0 ||
        mkdir("staging", 0700) < 0)
        return -1;
    for (int i = 0; i < STAGING_DIRECTORIES; i++) {
        char path[sizeof("staging/0")];

        snprintf(path, sizeof(path), "staging/%d", i);
        if (mkdir(path, 0700) < 0)
            return -1;
    }
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    return test_remove_tree(directory);
}

static ino_t inode_of(const char *path)
{
    struct stat status;

    assert_int_equal(stat(path, &status), 0);
    return status.st_ino;
}

static void test_name(void **state)
{
    struct stat status;

    (void)state;
    CLEANUP(fd_close) int fd = unnamed_file_open(0600);

    if (fd < 0) /* this file system has none; the queue file's test is enough then */
        skip();
    assert_int_equal(fstat(fd, &status), 0);
    assert_int_equal(status.st_nlink, 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(unnamed_file_link(fd, "missing/a"), -1);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(unnamed_file_link(fd, "incoming/a"), 0);
    assert_int_equal(inode_of("incoming/a"), status.st_ino);
    CLEANUP(fd_close) int other = unnamed_file_open(0600);

    assert_true(other >= 0);
    assert_int_equal(unnamed_file_link(other, "incoming/a"), -1);
    assert_int_equal(errno, EEXIST);
    assert_int_equal(inode_of("incoming/a"), status.st_ino);
}

/* Its inode has one name, the queue file's. */
static void create_queue_file(const struct queue_layout *layout)
{
    struct queue_file file = QUEUE_FILE_INIT;
    struct stat status;
    struct error error;

    assert_int_equal(queue_file_create(&file, layout, "incoming", QUEUE_ID_SHORT, 0600, &error),
                     0);
    assert_int_equal(fstat(file.fd, &status), 0);
    assert_int_equal(inode_of(file.path.data), status.st_ino);
    assert_int_equal(status.st_nlink, 1);
    queue_file_release(&file);
}

static void test_queue_file(void **state)
{
    const struct queue_layout flat = {"deferred", 1}, hashed = {"incoming", 2};

    (void)state;
    create_queue_file(&flat);
    create_queue_file(&hashed);
}

/* Last, for the process remembers it. */
static void test_without_directories(void **state)
{
    const struct queue_layout flat = {"deferred", 1};

    (void)state;
    for (int i = 0; i < STAGING_DIRECTORIES; i++) {
        char path[sizeof("staging/0")];

        snprintf(path, sizeof(path), "staging/%d", i);
        assert_int_equal(rmdir(path), 0); /* and nothing was left in it */
    }
    assert_int_equal(unnamed_file_open(0600), -1);
    create_queue_file(&flat);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_name),
        cmocka_unit_test(test_queue_file),
        cmocka_unit_test(test_without_directories),
    };

    return cmocka_run_group_tests(tests, enter_directory, remove_directory);
}

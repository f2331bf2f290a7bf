#include "site_log.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/test.h"

static char directory[] = "/tmp/site_log_test.XXXXXX";
static char path[sizeof(directory) + 10];

static const struct {
    const char *site, *path;
} paths[] = {
    {"example.com", "flush/example_com"},
    {"Mail-1.Example.COM", "flush/mail_1_example_com"},
    {"192.0.2.1", "flush/192_0_2_1"},
    {"../../etc/passwd", "flush/______etc_passwd"},
};

static void test_paths(void **state)
{
    CLEANUP(buf_release) struct buf result = BUF_INIT;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        test_case(paths[i].site);
        site_log_path(&result, slice_from(paths[i].site));
        assert_slice_equal(buf_slice(&result), paths[i].path);
    }
}

static off_t file_size(void)
{
    struct stat file;

    assert_int_equal(stat(path, &file), 0);
    return file.st_size;
}

static void test_add_and_take(void **state)
{
    struct hash ids = HASH_INIT;
    struct error error;

    (void)state;
    assert_int_equal(site_log_add(path, SLICE("0123456789A"), &error), 0);
    assert_int_equal(site_log_add(path, SLICE("BCDEF012345"), &error), 0);
    assert_int_equal(site_log_add(path, SLICE("0123456789A"), &error), 0);
    assert_int_equal(file_size(), 36);
    assert_int_equal(site_log_take(path, &ids, &error), 0);
    assert_int_equal(ids.n_entries, 2);
    assert_true(hash_has(&ids, SLICE("0123456789A")));
    assert_true(hash_has(&ids, SLICE("BCDEF012345")));
    assert_int_equal(file_size(), 0);
    hash_release(&ids, NULL);
    assert_int_equal(site_log_take(path, &ids, &error), 0);
    assert_int_equal(ids.n_entries, 0);
    hash_release(&ids, NULL);
}

/* What somebody else has put there must not become a path in the queue. */
static void test_takes_ids_only(void **state)
{
    struct hash ids = HASH_INIT;
    struct error error;

    (void)state;
    assert_int_equal(file_replace(path,
                                  SLICE("../../etc/passwd\n\n0123456789A\nshort\n"
                                        "0123456789A/x\nBCDEF012345"),
                                  0600, &error),
                     0);
    assert_int_equal(site_log_take(path, &ids, &error), 0);
    assert_true(hash_has(&ids, SLICE("0123456789A")));
    assert_true(hash_has(&ids, SLICE("BCDEF012345")));
    assert_false(hash_has(&ids, SLICE("../../etc/passwd")));
    assert_false(hash_has(&ids, SLICE("0123456789A/x")));
    assert_false(hash_has(&ids, SLICE_EMPTY));
    hash_release(&ids, NULL);
}

static void test_missing(void **state)
{
    struct hash ids = HASH_INIT;
    struct error error;

    (void)state;
    assert_int_equal(site_log_take("/tmp/does/not/exist", &ids, &error), 0);
    assert_int_equal(ids.n_entries, 0);
    assert_int_equal(site_log_add("/tmp/does/not/exist", SLICE("0123456789A"), &error), -1);
    assert_true(slice_ends_with(slice_from(error.text), "No such file or directory"));
    assert_int_equal(site_log_take(directory, &ids, &error), -1);
}

static int make_directory(void **state)
{
    (void)state;
    if (!mkdtemp(directory))
        return -1;
    (void)snprintf(path, sizeof(path), "%s/site", directory);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    return unlink(path) < 0 ? -1 : rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_add_and_take),
        cmocka_unit_test(test_takes_ids_only),
        cmocka_unit_test(test_missing),
    };

    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}

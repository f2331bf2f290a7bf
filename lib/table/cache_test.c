#include "table/cache.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "co/co.h"
#include "conf/params.h"

static char directory[64], spec[96];

static int set_up(void **state)
{
    (void)state;
    snprintf(directory, sizeof(directory), "/tmp/cache_test.XXXXXX");
    assert_non_null(mkdtemp(directory));
    snprintf(spec, sizeof(spec), "lmdb:%s/cache", directory);
    return 0;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"cache.lmdb", "cache.lmdb-lock"};
    char path[128];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
        unlink(path);
    }
    return rmdir(directory);
}

static struct cache *open_cache(void)
{
    struct error error;
    struct cache *cache = cache_open(spec, &error);

    assert_non_null(cache);
    return cache;
}

static void expect(struct cache *cache, const char *key, const char *value)
{
    CLEANUP(buf_release) struct buf found = BUF_INIT;
    struct error error;
    enum table_result result = cache_find(cache, slice_from(key), &found, &error);

    if (!value) {
        assert_int_equal(result, TABLE_NOT_FOUND);
        return;
    }
    assert_int_equal(result, TABLE_FOUND);
    assert_string_equal(found.data, value);
}

static void test_remembers(void **state)
{
    struct cache *cache = open_cache();

    (void)state;
    expect(cache, "a", NULL);
    cache_set(cache, SLICE("a"), SLICE("1"));
    cache_set(cache, SLICE("b"), SLICE("2"));
    cache_set(cache, SLICE("a"), SLICE("3"));
    cache_remove(cache, SLICE("b"));
    expect(cache, "a", "3");
    expect(cache, "b", NULL);
    cache_close(cache);
    cache = open_cache();
    expect(cache, "a", "3");
    expect(cache, "b", NULL);
    cache_close(cache);
}

static bool is_not_old(void *arg, struct slice key, struct slice value)
{
    (void)arg;
    (void)key;
    return !slice_equals(value, "old");
}

static void fill_and_clean(void *arg)
{
    struct cache *cache = arg;
    struct cache_cleanup result;
    struct error error;
    char key[16];

    for (int i = 0; i < 1800; i++) {
        snprintf(key, sizeof(key), "key%d", i);
        cache_set(cache, slice_from(key), i % 3 ? SLICE("old") : SLICE("new"));
        expect(cache, key, i % 3 ? "old" : "new");
    }
    cache_save(cache);
    expect(cache, "key1", "old");
    assert_int_equal(cache_last_cleaned(cache), 0);
    assert_int_equal(cache_clean(cache, is_not_old, NULL, &result, &error), 0);
    assert_int_equal(result.n_retained, 600);
    assert_int_equal(result.n_dropped, 1200);
    expect(cache, "key1", NULL);
    cache_save(cache);
    expect(cache, "key1", NULL);
    expect(cache, "key3", "new");
    assert_true(cache_last_cleaned(cache) > 0);
}

static void test_in_the_loop(void **state)
{
    struct cache *cache = open_cache();

    (void)state;
    assert_non_null(co_spawn("test", fill_and_clean, cache));
    co_run();
    cache_close(cache);
}

/* Whoever dies with the file open leaves it to others as it was. */
static void test_survives_a_kill(void **state)
{
    int status;
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        struct error error;
        struct cache *cache = cache_open(spec, &error);

        if (!cache)
            _exit(1);
        cache_set(cache, SLICE("x"), SLICE("y"));
        kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    struct cache *cache = open_cache();

    expect(cache, "x", "y");
    cache_set(cache, SLICE("x"), SLICE("z"));
    expect(cache, "x", "z");
    cache_close(cache);
}

static void test_says_why_not(void **state)
{
    static const struct {
        const char *spec, *text;
    } rows[] = {
        {"texthash:/tmp/x", "texthash:/tmp/x: a cache must be of type lmdb"},
        {"lmdb:/nonexistent/x", "open database /nonexistent/x.lmdb: No such file or directory"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct error error;

        test_case(rows[i].spec);
        assert_null(cache_open(rows[i].spec, &error));
        assert_string_equal(error.text, rows[i].text);
    }
}

static void test_refuses_what_is_no_database(void **state)
{
    char path[128];
    struct error error;

    (void)state;
    snprintf(path, sizeof(path), "%s/cache.lmdb", directory);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    assert_int_equal(write(fd, "This is no database at all.\n", 28), 28);
    close(fd);
    assert_null(cache_open(spec, &error));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_remembers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_in_the_loop, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_survives_a_kill, set_up, tear_down),
        cmocka_unit_test(test_says_why_not),
        cmocka_unit_test_setup_teardown(test_refuses_what_is_no_database, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

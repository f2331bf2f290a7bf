/*
 * Writing an index and reading it back.
 */
#include "table/build.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/test.h"
#include "base/time.h"
#include "conf/params.h"

static char directory[] = "/tmp/build_test.XXXXXX";
static struct buf source_path, index_path, spec;

static void write_source(const char *text)
{
    struct error error;

    assert_int_equal(file_replace(source_path.data, slice_from(text), 0640, &error), 0);
}

static void build(const struct build_options *options)
{
    struct error error = ERROR_INIT;

    if (table_build(spec.data, options, &error) < 0)
        fail_msg("%s", error.text);
}

/* The value, "" for not found; lies in a static buffer. */
static const char *ask(const char *key)
{
    static struct buf value = {.data = buf_nothing};
    struct error error = ERROR_INIT;
    struct table *table = table_open(spec.data, NULL, &error);
    enum table_result result;

    assert_non_null(table);
    buf_reset(&value);
    result = table_lookup(table, slice_from(key), &value, &error);
    assert_int_not_equal(result, TABLE_ERROR);
    table_close(table);
    return result == TABLE_FOUND ? value.data : "";
}

static int setup(void **state)
{
    (void)state;
    params.smtputf8_enable = true;
    params.lmdb_map_size = 16 << 20;
    if (!mkdtemp(directory))
        return -1;
    buf_init(&source_path);
    buf_init(&index_path);
    buf_init(&spec);
    buf_printf(&source_path, "%s/source", directory);
    buf_printf(&index_path, "%s.lmdb", source_path.data);
    buf_printf(&spec, "hash:%s", source_path.data);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(source_path.data);
    unlink(index_path.data);
    buf_release(&source_path);
    buf_release(&index_path);
    buf_release(&spec);
    return rmdir(directory);
}

static char warnings[1000];

static void keep_warning(enum log_level level, const char *line)
{
    size_t len = strlen(warnings);
    const char *duplicate = strstr(line, "duplicate entry: ");

    (void)level;
    snprintf(warnings + len, sizeof(warnings) - len, "%.*s%s\n",
             duplicate ? (int)strcspn(duplicate, "(") : 0, duplicate ? duplicate : "",
             strstr(line, "line "));
}

static void test_map(void **state)
{
    struct build_options options = {.syntax = BUILD_MAP};
    struct stat status;

    (void)state;
    write_source("Key one\n more\nb two\nkey three\n\xc3\x89 utf\nnovalue\n");
    log_hook = keep_warning;
    build(&options);
    log_hook = NULL;
    assert_string_equal(warnings, "line 6: expected format: key whitespace value\n"
                                  "duplicate entry: \"key\" line 4)\n");
    assert_string_equal(ask("KEY"), "one more");
    assert_string_equal(ask("b"), "two");
    assert_string_equal(ask("\xc3\xa9"), "utf");
    assert_string_equal(ask("none"), "");
    assert_int_equal(stat(index_path.data, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0640);
}

static void test_duplicates(void **state)
{
    struct build_options replace = {.duplicates = BUILD_DUPLICATES_REPLACE};
    struct build_options ignore = {.duplicates = BUILD_DUPLICATES_IGNORE, .keep_case = true};

    (void)state;
    write_source("k 1\nk 2\n");
    build(&replace);
    assert_string_equal(ask("k"), "2");
    warnings[0] = '\0';
    log_hook = keep_warning;
    build(&ignore);
    log_hook = NULL;
    assert_string_equal(warnings, "");
    assert_string_equal(ask("k"), "1");
}

/* Logical lines of all kinds where a source is cut into the parts that are read. */
static void test_large_source(void **state)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    struct build_options options = {.syntax = BUILD_MAP};
    char key[32], value[32];

    (void)state;
    for (int i = 0; i < 60000; i++)
        buf_printf(&text, "key%d one\n# comment\n\n two%d\n", i * 7919 % 60000, i);
    buf_add_text(&text, "long ");
    buf_add_repeated(&text, 'x', 300000);
    buf_add_text(&text, "\n  y\nkey1 again\nlast\n\tvalue");
    write_source(text.data);
    warnings[0] = '\0';
    log_hook = keep_warning;
    build(&options);
    log_hook = NULL;
    assert_string_equal(warnings, "duplicate entry: \"key1\" line 240003)\n");
    for (int i = 0; i < 60000; i += 97) {
        snprintf(key, sizeof(key), "key%d", i * 7919 % 60000);
        snprintf(value, sizeof(value), "one two%d", i);
        assert_string_equal(ask(key), value);
    }
    assert_int_equal(strlen(ask("long")), 300003);
    assert_string_equal(ask("last"), "value");
}

static void test_without_nul(void **state)
{
    struct build_options options = {.without_nul = true};

    (void)state;
    write_source("k v\n");
    build(&options);
    assert_string_equal(ask("k"), "v");
}

static void test_delete(void **state)
{
    struct build_options options = {.syntax = BUILD_MAP};
    struct slice keys[] = {SLICE("A"), SLICE("none")};
    struct error error;

    (void)state;
    write_source("a 1\nb 2\n");
    build(&options);
    assert_int_equal(table_delete(spec.data, keys, 2, &options, &error), 1);
    assert_string_equal(ask("a"), "");
    assert_string_equal(ask("b"), "2");
    assert_int_equal(table_delete(spec.data, keys, 2, &options, &error), 0);
}

static bool count(void *arg, struct slice key, struct slice value)
{
    (void)value;
    assert_true(key.len > 0);
    ++*(int *)arg;
    return true;
}

/* More than fits into one page, and values of every size. */
static void test_large(void **state)
{
    struct build_options options = {.syntax = BUILD_MAP};
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    struct error error = ERROR_INIT;
    struct table *table;
    int n = 0;

    (void)state;
    for (int i = 0; i < 3000; i++) {
        buf_printf(&text, "key%d ", i * 7919 % 3000);
        buf_add_repeated(&text, 'v', (size_t)i * 7919 % 3000 + 1);
        buf_add_char(&text, '\n');
    }
    write_source(text.data);
    build(&options);
    assert_int_equal(strlen(ask("key2999")), 3000);
    table = table_open(spec.data, NULL, &error);
    assert_int_equal(table_walk(table, count, &n, &error), 0);
    assert_int_equal(n, 3000);
    table_close(table);
}

static int64_t fake_now;

static int64_t fake_clock(void)
{
    return fake_now;
}

static void test_change_is_seen(void **state)
{
    struct build_options options = {.syntax = BUILD_MAP};
    struct error error = ERROR_INIT;
    struct table *table;

    (void)state;
    time_test_monotonic = fake_clock;
    write_source("a 1\n");
    build(&options);
    table = table_open(spec.data, NULL, &error);
    assert_false(table_has_changed(table));
    fake_now += SECONDS(2);
    assert_false(table_has_changed(table));
    build(&options);
    assert_false(table_has_changed(table)); /* one look a second */
    fake_now += SECONDS(2);
    assert_true(table_has_changed(table));
    table_close(table);
    time_test_monotonic = NULL;
}

static const struct {
    const char *line, *key, *value;
} aliases[] = {
    {"One: a@b.test,\n  c@d.test # no comment", "one", "a@b.test, c@d.test # no comment"},
    {"\"quoted name\": x", "quoted name", "x"},
    {"\"q@r\": y", "q@r", "y"},
    {"\"esc\\\"q\": e", "esc\"q", "e"},
    {"colon:colon: z", "colon", "colon:z"},
    {"sp ace: z", "sp ace", "z"},
    {"x(com): y", "x (com)", "y"},
    {"\\esc: z", "esc", "z"},
    {"pipe: \"|cmd a b, c\"\n pp: \"|cont\"", "pipe", "\"|cmd a b, c\" pp:\"|cont\""},
    {"a: \\root, x\\y", "a", "root, xy"},
    {"a: <u@d>, \"A B\" <u@d>", "a", "<u@d>, \"A B\" <u@d>"},
    {"a: a b@c , , d", "a", "a b@c, , d"},
    {"a: (comment) x (c2) y", "a", "(comment) x (c2) y"},
    {"a: u@[1.2.3.4]", "a", "u@[1.2.3.4]"},
    {"a: \"|/bin/x \\\"q\\\" \\\\ z\"", "a", "\"|/bin/x \\\"q\\\" \\\\ z\""},
    {"a: |/bin/true arg", "a", "|/bin/true arg"},
    {"a: :include:/x/y , \":include:/z w\"", "a", ":include:/x/y, \":include:/z w\""},
    {"a: a;b; c:d ,e", "a", "a;b;c:d, e"},
    {"a: ,x", "a", ", x"},
    {"a: u . v @ d . e", "a", "u.v@d.e"},
    {"a: x | y % z ! w", "a", "x|y%z!w"},
    {"a: | \"x y\"", "a", "|\"x y\""},
    {"a: |<b>", "a", "| <b>"},
    {"a: <b> <c>", "a", "<b> <c>"},
    {"a: x@<y>", "a", "x@ <y>"},
    {"a: b, ", "a", "b, "},
    {"a: \"b\tc\"", "a", "\"b c\""},
    {"a: b\\", "a", "b"},
    {"a: \"unterminated", "a", "\"unterminated\""},
    {"a: (unterminated", "a", "(unterminated"},
    {"[l]: z", "[l]", "z"},
    {"y;z: z", "y;z", "z"},
    {"a: a\\,b", "a", "\"a,b\""},
    {"a@b.c: at", "a", ""},
    {": novalue", "a", ""},
    {"a:", "a", ""},
    {"a b", "a", ""},
    {"a,b: x", "a", ""},
    {"\"\": x", "a", ""},
};

static void test_aliases(void **state)
{
    struct build_options options = {.syntax = BUILD_ALIASES};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(aliases); i++) {
        test_case(aliases[i].line);
        write_source(aliases[i].line);
        build(&options);
        assert_string_equal(ask(aliases[i].key), aliases[i].value);
        assert_string_equal(ask("@"), "@");
    }
}

static void test_broken_index(void **state)
{
    struct error error = ERROR_INIT;

    (void)state;
    assert_int_equal(file_replace(index_path.data, SLICE("no index"), 0600, &error), 0);
    assert_null(table_open(spec.data, NULL, &error));
    assert_int_equal(error.kind, ERROR_TEMPORARY);
    assert_true(truncate(index_path.data, 0) == 0);
    assert_null(table_open(spec.data, NULL, &error));
}

/* The map of a file that was cut off would end in a signal at the first look-up. */
static void test_truncated_index(void **state)
{
    struct build_options options = {.syntax = BUILD_MAP};
    struct error error = ERROR_INIT;

    (void)state;
    write_source("a 1\n");
    build(&options);
    assert_int_equal(truncate(index_path.data, 8192), 0);
    assert_null(table_open(spec.data, NULL, &error));
    assert_non_null(strstr(error.text, "truncated"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_map),
        cmocka_unit_test(test_duplicates),
        cmocka_unit_test(test_large_source),
        cmocka_unit_test(test_without_nul),
        cmocka_unit_test(test_delete),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_change_is_seen),
        cmocka_unit_test(test_aliases),
        cmocka_unit_test(test_broken_index),
        cmocka_unit_test(test_truncated_index),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}

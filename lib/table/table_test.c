/*
 * The answers of the tables, as Postfix 3.7's postmap -q gives them.
 */
#include "table/table.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/test.h"
#include "conf/params.h"

static char directory[] = "/tmp/table_test.XXXXXX";

static const struct {
    const char *name, *text;
} files[] = {
    {"text", "# comment\nKey value one\n key2  more\n#x\n  end\nB  \nquoted: x\n"
             "\"quoted key\" v q\nk\"e y\" z\n\"open v\nUSER@Dom.test a, b\nkey dup\n"
             "Caf\xc3\x89 utf8\nbad\xff latin\n\"a\\\"b c\" esc\n"},
    {"re",
     "/^a(.)/ [${1}]\n/^b(.)/i $2\n/bad(/ z\nnodelim\n/^c/q flag\nif /e/\n/ef/ EF\nendif\n"
     "endif\n!/[a-z]/ no$$letter\n/(h)i/ ${1}x$(1)-$1\nif !/zz/\n/yy/ w\nendif\n"
     "/a\\/b/ slash\n/^(q)?r/ <$1>\n|dd| pipe\n/$x/ bad$\n/F/i upper\nif /q/\n/qqq/ in\n"},
    {"cidr", "10.0.0.1/8 hostbits\n10.0.0.0/8 ten\n!192.168.0.0/16 notpriv\n"
             "if 172.16.0.0/12\n172.16.1.1 exact\nendif\n2.0.0.0/33 bad\n300.1.1.1 x\n"
             "[::1] v6b\n2001:db8::/32 doc\nif 192.168.1.0/24\n192.168.1.1 in\n"},
};

/* FILE stands for the directory of the files. NULL: not found. */
static const struct {
    const char *spec, *key, *value;
} rows[] = {
    {"texthash:FILE/text", "key", "value one key2  more  end"},
    {"texthash:FILE/text", "KEY", "value one key2  more  end"},
    {"texthash:FILE/text", "b", NULL},
    {"texthash:FILE/text", "quoted:", "x"},
    {"texthash:FILE/text", "\"quoted key\"", "v q"},
    {"texthash:FILE/text", "quoted key", NULL},
    {"texthash:FILE/text", "k\"e y\"", "z"},
    {"texthash:FILE/text", "user@dom.test", "a, b"},
    {"texthash:FILE/text", "CAF\xc3\xa9", "utf8"},
    {"texthash:FILE/text", "bad\xff", NULL},
    {"texthash:FILE/text", "\"a\\\"b c\"", "esc"},
    {"texthash:FILE/text", "", NULL},
    {"inline:{a=1, {b = two words}}", "a", "1"},
    {"inline:{a=1, {b = two words}}", "b", "two words"},
    {"inline:{b=x,b=y}", "b", "y"},
    {"inline:{B=c}", "b", "c"},
    {"static:yes", "x", "yes"},
    {"static:{ two words }", "x", "two words"},
    {"pipemap:{inline:{a=b},inline:{b=c}}", "a", "c"},
    {"pipemap:{inline:{a=b},inline:{b=c}}", "z", NULL},
    {"pipemap:{inline:{a=1},fail:x}", "z", NULL},
    {"unionmap:{inline:{a=1},inline:{a=2}}", "a", "1,2"},
    {"unionmap:{inline:{a=1},static:{}}", "a", "1,"},
    {"unionmap:{static:{},inline:{a=1}}", "a", "1"},
    {"unionmap:{static:{}}", "a", NULL},
    {"randmap:{{x y}}", "a", "{x y}"},
    {"internal:x", "a", NULL},
    {"unix:passwd.byname", "no-such-user", NULL},
    {"debug:inline:{a=b}", "a", "b"},
    {"regexp:FILE/re", "axe", "[x]"},
    {"regexp:FILE/re", "1.2", "no$letter"},
    {"regexp:FILE/re", "zhi", "hxh-h"},
    {"regexp:FILE/re", "yy", "w"},
    {"regexp:FILE/re", "yyzz", NULL},
    {"regexp:FILE/re", "xa/b", "slash"},
    {"regexp:FILE/re", "r", "<>"},
    {"regexp:FILE/re", "qr", "<q>"},
    {"regexp:FILE/re", "dd", "pipe"},
    {"regexp:FILE/re", "hef", "EF"},
    {"regexp:FILE/re", "xf", NULL},
    {"regexp:FILE/re", "xF", "upper"},
    {"regexp:FILE/re", "qqq", "in"},
    {"pcre:FILE/re", "axe", "[x]"},
    {"pcre:FILE/re", "1.2", "no$letter"},
    {"pcre:FILE/re", "r", "<>"},
    {"pcre:FILE/re", "xF", "upper"},
    {"regexp:{{/a(.)c/ $1}}", "abc", "b"},
    {"pcre:{{/a(.)c/ $1}, {/bad( x}}", "abc", "b"},
    {"cidr:FILE/cidr", "10.1.1.1", "ten"},
    {"cidr:FILE/cidr", "172.16.1.1", "notpriv"},
    {"cidr:FILE/cidr", "192.168.1.1", "in"},
    {"cidr:FILE/cidr", "192.168.2.1", NULL},
    {"cidr:FILE/cidr", "::1", "v6b"},
    {"cidr:FILE/cidr", "2001:DB8::5", "doc"},
    {"cidr:FILE/cidr", "foo", NULL},
    {"cidr:{{1.1.1.1/32 a}, {2.2.2.2 b}}", "2.2.2.2", "b"},
};

static const struct {
    const char *spec, *text;
} unopenable[] = {
    {"foo:/x", "unsupported dictionary type: foo"},
    {"plain", "open dictionary: expecting \"type:name\" form instead of \"plain\""},
    {":x", "open dictionary: expecting \"type:name\" form instead of \":x\""},
    {"static:", "open dictionary: expecting \"type:name\" form instead of \"static:\""},
    {"static:{a", "bad static:name syntax: missing '}' in \"{a\""},
    {"lmdb:/nonexist", "open database /nonexist.lmdb: No such file or directory"},
    {"hash:/nonexist", "open database /nonexist.lmdb: No such file or directory"},
    {"texthash:/nonexist", "open database /nonexist: No such file or directory"},
    {"regexp:/nonexist", "open /nonexist: No such file or directory"},
    {"cidr:/tmp", "read /tmp: Is a directory"},
    {"cidr:{{1.1.1.1/32", "cidr map: missing '}' in \"{{1.1.1.1/32\""},
    {"regexp:{ {/b/ y}, c }", "regexp map: no '{' at start of text in \"c\""},
    {"inline:{b}",
     "missing '=' after attribute name: \"inline:{b}\"; need \"inline:{name=value...}\""},
    {"inline:b=c", "bad syntax: \"inline:b=c\"; need \"inline:{name=value...}\""},
    {"inline:{}", "bad syntax: \"inline:{}\"; need \"inline:{name=value...}\""},
    {"pipemap:inline", "bad syntax: \"pipemap:inline\"; need \"pipemap:{type:name...}\""},
    {"unionmap:{ foo:bar , inline:{a=1}}", "unsupported dictionary type: foo"},
    {"randmap:a", "bad syntax: \"randmap:a\"; need \"randmap:{value...}\""},
    {"unix:foo", "unknown table: unix:foo"},
};

static int write_files(void **state)
{
    (void)state;
    params.smtputf8_enable = true;
    table_allow_blocking();
    if (!mkdtemp(directory))
        return -1;
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        CLEANUP(buf_release) struct buf path = BUF_INIT;
        struct error error;

        buf_printf(&path, "%s/%s", directory, files[i].name);
        if (file_replace(path.data, slice_from(files[i].text), 0600, &error) < 0)
            return -1;
    }
    return 0;
}

static int remove_files(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        CLEANUP(buf_release) struct buf path = BUF_INIT;

        buf_printf(&path, "%s/%s", directory, files[i].name);
        if (unlink(path.data) < 0)
            return -1;
    }
    return rmdir(directory);
}

static struct table *open_row(const char *spec)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    struct slice rest = slice_from(spec);
    size_t at = slice_find_text(rest, SLICE("FILE"));
    struct error error = ERROR_INIT;
    struct table *table;

    buf_add_slice(&text, slice_sub(rest, 0, at));
    if (at < rest.len) {
        buf_add_text(&text, directory);
        buf_add_slice(&text, slice_from_offset(rest, at + 4));
    }
    table = table_open(text.data, NULL, &error);
    if (!table)
        fail_msg("%s: %s", spec, error.text);
    return table;
}

static void test_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(buf_release) struct buf value = BUF_INIT;
        struct table *table = open_row(rows[i].spec);
        struct error error = ERROR_INIT;
        enum table_result result = table_lookup(table, slice_from(rows[i].key), &value, &error);

        test_case(rows[i].spec);
        test_case(rows[i].key);
        assert_int_equal(result, rows[i].value ? TABLE_FOUND : TABLE_NOT_FOUND);
        if (rows[i].value)
            assert_string_equal(value.data, rows[i].value);
        assert_false(table_has_changed(table));
        table_close(table);
    }
}

static void test_errors_of_opening(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(unopenable); i++) {
        CLEANUP(buf_release) struct buf value = BUF_INIT;
        CLEANUP(buf_release) struct buf expected = BUF_INIT;
        struct error error = ERROR_INIT;
        struct table *table;

        test_case(unopenable[i].spec);
        assert_null(table_open(unopenable[i].spec, NULL, &error));
        assert_string_equal(error.text, unopenable[i].text);

        table = table_open_anyway(unopenable[i].spec, NULL, NULL);
        buf_printf(&expected, "%s is unavailable. %s", unopenable[i].spec, unopenable[i].text);
        assert_int_equal(table_lookup(table, SLICE("x"), &value, &error), TABLE_ERROR);
        assert_int_equal(error.kind, ERROR_TEMPORARY);
        assert_string_equal(error.text, expected.data);
        table_close(table);
    }
}

static void test_options(void **state)
{
    struct table_options keep_case = {.keep_case = true};
    struct table_options sensitive = {.sensitive = true};
    struct table_options no_substitution = {.no_substitution = true};
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    struct error error;
    struct table *table;

    (void)state;
    table = table_open("inline:{A=b}", &keep_case, &error);
    assert_int_equal(table_lookup(table, SLICE("a"), &value, &error), TABLE_NOT_FOUND);
    assert_int_equal(table_lookup(table, SLICE("A"), &value, &error), TABLE_FOUND);
    table_close(table);

    table = table_open("pcre:{{/(a)/ $1}, {/b/ x}}", &sensitive, &error);
    assert_int_equal(table_lookup(table, SLICE("a"), &value, &error), TABLE_NOT_FOUND);
    assert_int_equal(table_lookup(table, SLICE("b"), &value, &error), TABLE_FOUND);
    table_close(table);

    table = table_open("regexp:{{/(a)/ $1}, {/b/ x$$}}", &no_substitution, &error);
    assert_int_equal(table_lookup(table, SLICE("a"), &value, &error), TABLE_NOT_FOUND);
    assert_int_equal(table_lookup(table, SLICE("b"), &value, &error), TABLE_FOUND);
    assert_string_equal(value.data, "x$");
    table_close(table);

    /* Such a table is opened here, whatever main.cf says. */
    table = table_open("proxy:inline:{a=b}", &sensitive, &error);
    assert_int_equal(table_lookup(table, SLICE("a"), &value, &error), TABLE_FOUND);
    table_close(table);

    assert_null(table_open("tcp:127.0.0.1:1", &sensitive, &error));
    assert_string_equal(error.text,
                        "tcp:127.0.0.1:1 map is not allowed for security-sensitive data");
}

static int last_warnings;
static char warnings[16][200];

static void keep_warning(enum log_level level, const char *line)
{
    (void)level;
    if (last_warnings < (int)ARRAY_SIZE(warnings))
        snprintf(warnings[last_warnings++], sizeof(warnings[0]), "%s", line);
}

static void test_warnings_name_the_line(void **state)
{
    static const struct {
        const char *spec, *text;
    } lines[] = {
        {"cidr:{{10.0.0.1/8 x}}",
         "cidr map {{10.0.0.1/8 x}}, line 1: non-null host address bits in \"10.0.0.1/8\", "
         "perhaps you should use \"10.0.0.0/8\" instead: skipping this rule"},
        {"cidr:{{1.1.1.1 a}, {2.0.0.0/33 x}}",
         "line 2: bad mask length in \"2.0.0.0/33\": skipping this rule"},
        {"cidr:{{300.1.1.1 x}}",
         "line 1: bad address pattern: \"300.1.1.1\": skipping this rule"},
        {"cidr:{{endif}}", "line 1: ENDIF without IF: skipping this rule"},
        {"cidr:{{1.1.1.1}}", "line 1: no lookup result: skipping this rule"},
        {"cidr:{{if 1.1.1.1}}", "line 1: IF has no matching ENDIF"},
        {"regexp:{{/a(/ x}}", "line 1: Unmatched ( or \\("},
        {"regexp:{{/a/q x}}", "line 1: unknown regexp option \"q\": skipping this rule"},
        {"regexp:{{/a/ $1}}",
         "line 1: out of range replacement index \"1\": skipping this rule"},
        {"regexp:{{!/(a)/ $1}}",
         "line 1: $number found in negative match replacement text: skipping this rule"},
        {"regexp:{{a}}", "line 1: ignoring unrecognized request"},
        {"regexp:{{/a}}", "line 1: no closing regexp delimiter \"/\": skipping this rule"},
        {"pcre:{{/a(/ x}}", "line 1: error in regex at offset 2: missing closing parenthesis"},
        {"pcre:{{/a}}", "line 1: no closing regexp delimiter \"/\": ignoring this rule"},
        {"pcre:{{/a/ x$}}", "line 1: bad replacement syntax: skipping this rule"},
        {"pcre:{{/a/}}", "line 1: no replacement text: using empty string"},
    };

    (void)state;
    log_hook = keep_warning;
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        struct error error;
        bool is_there = false;

        test_case(lines[i].spec);
        last_warnings = 0;
        table_close(table_open(lines[i].spec, NULL, &error));
        for (int n = 0; n < last_warnings; n++)
            is_there = is_there || strstr(warnings[n], lines[i].text);
        if (!is_there)
            fail_msg("%s: \"%s\" instead", lines[i].spec, warnings[0]);
    }
    log_hook = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_errors_of_opening),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_warnings_name_the_line),
    };

    return cmocka_run_group_tests(tests, write_files, remove_files);
}

#include "conf/overrides.h"

#include <unistd.h>

#include "base/fd.h"
#include "conf/test.h"

static char directory[] = "/tmp/overrides_test.XXXXXX";
static struct buf seen = {.data = buf_nothing};

static void note(const char *name, const char *value)
{
    buf_printf(&seen, "%s=%s;", name, value);
}

static void write_master_cf(const char *text)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    struct error error;

    buf_printf(&path, "%s/master.cf", directory);
    assert_int_equal(file_replace(path.data, slice_from(text), 0600, &error), 0);
    params.config_directory = directory;
}

static void test_each(void **state)
{
    (void)state;
    write_master_cf("smtp inet n - n - - smtpd -o a=1 -o { b = two words }\n"
                    "lmtp unix - - n - - lmtp\n"
                    "relay unix - - n - - smtp -o c=${mail_name?{yes}:{no}} -o d=$ -o e=5\n");
    overrides_each(note);
    assert_string_equal(seen.data, "a=1;b=two words;c=yes;e=5;");
}

static void test_broken(void **state)
{
    (void)state;
    buf_reset(&seen);
    write_master_cf("smtp inet n - n - - smtpd -o a=1\nthis is nothing\n");
    overrides_each(note);
    params.config_directory = "/nonexistent";
    overrides_each(note);
    assert_string_equal(seen.data, "");
}

static int set_up(void **state)
{
    return mkdtemp(directory) ? test_load_defaults(state) : -1;
}

static int tear_down(void **state)
{
    (void)state;
    buf_release(&seen);
    return test_remove_tree(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each),
        cmocka_unit_test(test_broken),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}

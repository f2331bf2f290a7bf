#include "conf/master_cf.h"

#include <string.h>

#include "base/test.h"

static const char *const sample =
    "# comment\n"
    "smtp      inet  n       -       n       -       -       smtpd\n"
    "  -o a=b -v -o { c = d e }\n"
    "# comment\n"
    "  -vo{f=g}\n"
    "\n"
    "pickup    unix  n       -       y       60      1       pickup\n"
    "flush     unix  n       -       -       1000?   0       flush\n"
    "[::1]:25  inet  y       y       n       -       2       smtpd\n"
    "127.0.0.1:smtp inet n   -       n       -       -       smtpd\n"
    "x         unix  -       n       n       -       -       pipe\n"
    "  flags=R user=a argv=/bin/x -o y=z ${recipient} { a b }\n"
    "postlog   unix-dgram n  -       n       -       1       postlogd\n";

static void test_parse_accepts(void **state)
{
    CLEANUP(master_cf_release) struct master_cf master_cf;
    struct error error = ERROR_INIT;
    const struct master_service *service;

    (void)state;
    master_cf_init(&master_cf);
    assert_int_equal(
        master_cf_parse(&master_cf, slice_from(sample), "master.cf", MASTER_CHROOT_YES, &error),
        0);
    assert_int_equal(master_cf.n_services, 7);

    service = master_cf_find(&master_cf, "smtp", MASTER_TYPE_INET);
    assert_string_equal(service->port, "smtp");
    assert_string_equal(service->host, "");
    assert_false(service->is_private);
    assert_true(service->is_unprivileged);
    assert_int_equal(service->process_limit, MASTER_LIMIT_DEFAULT);
    assert_int_equal(service->line, 2);
    assert_int_equal(service->n_arguments, 8);
    assert_string_equal(service->arguments[4], "c=d e");
    assert_int_equal(service->n_overrides, 3);
    assert_string_equal(service->overrides[1].name, "c");
    assert_string_equal(service->overrides[1].value, "d e");
    assert_string_equal(service->overrides[2].value, "g");

    service = master_cf_find(&master_cf, "pickup", MASTER_TYPE_UNIX);
    assert_int_equal(service->wakeup_seconds, 60);
    assert_false(service->wakeup_if_used);
    assert_true(service->is_chrooted);
    service = master_cf_find(&master_cf, "flush", MASTER_TYPE_UNIX);
    assert_int_equal(service->wakeup_seconds, 1000);
    assert_true(service->wakeup_if_used);
    assert_true(service->is_chrooted);
    assert_int_equal(service->process_limit, 0);

    service = &master_cf.services[3];
    assert_string_equal(service->host, "::1");
    assert_string_equal(service->port, "25");
    assert_false(service->is_private);
    assert_string_equal(master_cf.services[4].host, "127.0.0.1");

    service = master_cf_find(&master_cf, "x", MASTER_TYPE_UNIX);
    assert_int_equal(service->n_overrides, 0);
    assert_int_equal(service->n_arguments, 7);
    assert_string_equal(service->arguments[6], "a b");
    assert_string_equal(master_type_name(master_cf.services[6].type), "unix-dgram");
}

static const struct {
    const char *name, *line, *message;
} refused[] = {
    {"no command", "x unix - n n - -", "f: line 1: bad field count"},
    {"type", "x foo - n n - - y", "f: line 1: field \"transport type\": bad value: \"foo\""},
    {"private", "x unix q n n - - y", "f: line 1: field \"private\": bad value: \"q\""},
    {"unprivileged", "x unix - q n - - y",
     "f: line 1: field \"unprivileged\": bad value: \"q\""},
    {"chroot", "x unix - - q - - y", "f: line 1: field \"chroot\": bad value: \"q\""},
    {"wakeup", "x unix - - - z - y", "f: line 1: field \"wakeup\": bad value: \"z\""},
    {"wakeup, no number", "x unix - - - ? - y",
     "f: line 1: field \"wakeup\": bad value: \"?\""},
    {"limit", "x unix - - - - -1 y", "f: line 1: field \"process_limit\": bad value: \"-1\""},
    {"no port", "host: inet n - n - - y",
     "f: line 1: field \"service name\": bad value: \"host:\""},
    {"unbracketed address", "::1:25 inet n - n - - y", "f: line 1: field \"service name\""},
    {"unclosed brace", "x unix - - - - - y -o { a = b",
     "f: line 1: missing '}' in \"{ a = b\""},
    {"text behind a brace", "x unix - - - - - y -o {a=b}c",
     "f: line 1: syntax error after '}'"},
};

static void test_parse_refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        CLEANUP(master_cf_release) struct master_cf master_cf;
        struct error error = ERROR_INIT;

        test_case(refused[i].name);
        master_cf_init(&master_cf);
        assert_int_equal(master_cf_parse(&master_cf, slice_from(refused[i].line), "f",
                                         MASTER_CHROOT_NO, &error),
                         -1);
        assert_int_equal(strncmp(error.text, refused[i].message, strlen(refused[i].message)),
                         0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_accepts),
        cmocka_unit_test(test_parse_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "dns/hosts.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/test.h"

static char path[] = "/tmp/hosts_test.XXXXXX";

static const char text[] = "# a comment\n"
                           "127.0.0.1\tlocalhost localhost.localdomain\n"
                           "::1 localhost ip6-localhost\n"
                           "\n"
                           "192.0.2.1 One.Test one # other.test\n"
                           "  192.0.2.2 two.test\r\n"
                           "192.0.2.3 one.test\n"
                           "fe80::1%eth0 scoped.test\n"
                           "not-an-address bad.test\n"
                           "192.0.2.4\n"
                           "300.1.2.3 bad.test\n"
                           "192.0.2.5 last.test";

static const struct {
    const char *title, *name;
    int family;
    const char *addresses;
} rows[] = {
    {"both families", "localhost", AF_UNSPEC, "127.0.0.1 ::1 "},
    {"IPv4", "localhost", AF_INET, "127.0.0.1 "},
    {"IPv6", "localhost", AF_INET6, "::1 "},
    {"an alias, in any case", "LOCALHOST.LocalDomain", AF_UNSPEC, "127.0.0.1 "},
    {"several lines", "one.test", AF_UNSPEC, "192.0.2.1 192.0.2.3 "},
    {"a part of a name", "one.tes", AF_UNSPEC, ""},
    {"behind a comment sign", "other.test", AF_UNSPEC, ""},
    {"white space around", "two.test", AF_UNSPEC, "192.0.2.2 "},
    {"a scope", "scoped.test", AF_UNSPEC, "fe80::1 "},
    {"no address", "bad.test", AF_UNSPEC, ""},
    {"no line end", "last.test", AF_UNSPEC, "192.0.2.5 "},
    {"empty name", "", AF_UNSPEC, ""},
};

static void read_text(const char *contents)
{
    struct error error;

    assert_int_equal(file_replace(path, slice_from(contents), 0600, &error), 0);
    assert_int_equal(hosts_read(path, &error), 0);
}

static void test_addresses(void **state)
{
    (void)state;
    read_text(text);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(arena_release) struct arena arena = ARENA_INIT;
        CLEANUP(buf_release) struct buf found = BUF_INIT;
        struct dns_answer answer = {0};

        test_case(rows[i].title);
        size_t n = hosts_addresses(slice_from(rows[i].name), rows[i].family, &arena, &answer);
        assert_int_equal(n, answer.n_records);
        for (size_t k = 0; k < answer.n_records; k++) {
            char address[ENDPOINT_TEXT_BYTES];
            buf_printf(&found, "%s ", endpoint_text(&answer.records[k].address, address));
        }
        assert_slice_equal(buf_slice(&found), rows[i].addresses);
    }
}

static void test_names(void **state)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct dns_answer answer = {0}, none = {0};
    struct endpoint address;

    (void)state;
    read_text(text);
    assert_int_equal(endpoint_parse(&address, SLICE("192.0.2.1"), 25), 0);
    assert_int_equal(hosts_names(&address, &arena, &answer), 2);
    assert_slice_equal(answer.records[0].target, "one.test");
    assert_slice_equal(answer.records[1].target, "one");
    assert_int_equal(endpoint_parse(&address, SLICE("192.0.2.4"), 0), 0);
    assert_int_equal(hosts_names(&address, &arena, &none), 0);
}

/* A list of blocked names has one address on many lines; the answer stays bounded. */
static void test_many(void **state)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    CLEANUP(buf_release) struct buf many = BUF_INIT;
    struct dns_answer answer = {0};
    struct endpoint address;

    (void)state;
    for (int i = 0; i < 1000; i++)
        buf_printf(&many, "192.0.2.9 n%d.test many.test\n", i);
    read_text(many.data);
    assert_int_equal(endpoint_parse(&address, SLICE("192.0.2.9"), 0), 0);
    assert_true(hosts_names(&address, &arena, &answer) < 1000);
    answer = (struct dns_answer){0};
    assert_true(hosts_addresses(SLICE("many.test"), AF_UNSPEC, &arena, &answer) < 1000);
}

static void test_missing_and_unreadable(void **state)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct dns_answer answer = {0};
    struct error error;

    (void)state;
    read_text(text);
    assert_int_equal(hosts_read("/tmp", &error), -1); /* what was read stays */
    assert_int_equal(hosts_addresses(SLICE("two.test"), AF_INET, &arena, &answer), 1);
    assert_int_equal(hosts_read("/tmp/does/not/exist", &error), 0);
    answer = (struct dns_answer){0};
    assert_int_equal(hosts_addresses(SLICE("two.test"), AF_INET, &arena, &answer), 0);
}

static int make_file(void **state)
{
    int fd = mkstemp(path);

    (void)state;
    if (fd < 0)
        return -1;
    fd_close(&fd);
    return 0;
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_missing_and_unreadable),
    };

    return cmocka_run_group_tests(tests, make_file, remove_file);
}

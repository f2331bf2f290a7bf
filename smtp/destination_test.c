#include "destination.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "conf/params.h"
#include "conf/test.h"
#include "dns/cache.h"
#include "dns/hosts.h"
#include "options.h"
#include "srv.h"

/* -- names that the tests know ----------------------------------------------------------------
 */

static void add_answer(const char *name, enum dns_type type, struct dns_record *records,
                       size_t n_records)
{
    struct dns_answer answer = {
        .records = records, .n_records = n_records, .name = slice_from(name)};

    for (size_t i = 0; i < n_records; i++) {
        records[i].type = type;
        records[i].name = answer.name;
    }
    dns_cache_add(answer.name, type, n_records > 0 ? DNS_OK : DNS_NO_DATA,
                  n_records > 0 ? &answer : NULL, 50);
}

/* "10 mx.test, 20 other.test": MX records. */
static void add_mx(const char *name, const char *list)
{
    struct dns_record records[10] = {0};
    struct slice rest = slice_from(list), one;
    size_t n = 0;

    while ((one = slice_word(&rest, ",")).ptr) {
        int64_t preference;
        one = slice_trim(one);
        assert_true(slice_to_int(slice_split(&one, ' '), 0, 65535, &preference));
        records[n++] = (struct dns_record){.preference = (uint16_t)preference, .target = one};
    }
    add_answer(name, DNS_MX, records, n);
}

/* "priority weight port target, ...": SRV records. */
static void add_srv(const char *name, const char *list)
{
    struct dns_record records[10] = {0};
    struct slice rest = slice_from(list), one;
    size_t n = 0;

    while ((one = slice_word(&rest, ",")).ptr) {
        uint64_t numbers[3];

        one = slice_trim(one);
        for (int i = 0; i < 3; i++)
            assert_true(slice_to_uint(slice_split(&one, ' '), 10, 65535, &numbers[i]));
        records[n++] = (struct dns_record){.preference = (uint16_t)numbers[0],
                                           .weight = (uint16_t)numbers[1],
                                           .port = (uint16_t)numbers[2],
                                           .target = one};
    }
    add_answer(name, DNS_SRV, records, n);
}

static void add_addresses_of(const char *name, enum dns_type type, const char *list)
{
    struct dns_record records[10] = {0};
    struct slice rest = slice_from(list), one;
    size_t n = 0;

    while ((one = slice_word(&rest, " ")).ptr)
        assert_int_equal(endpoint_parse(&records[n++].address, one, 0), 0);
    add_answer(name, type, records, n);
}

static void add_host(const char *name, const char *v4, const char *v6)
{
    add_addresses_of(name, DNS_A, v4);
    add_addresses_of(name, DNS_AAAA, v6);
}

static int add_names(void **state)
{
    (void)state;
    dns_cache_clear();
    add_mx("x.test", "20 b.test, 10 a.test");
    add_mx("self-second.test", "20 self.test, 10 a.test, 30 b.test");
    add_mx("self-first.test", "20 a.test, 10 self.test");
    add_mx("null.test", "0 ");
    add_mx("dead.test", "10 none.test, 20 nowhere.test");
    add_mx("both.test", "10 both-a.test");
    add_mx("plain.test", "");
    add_srv("_submission._tcp.x.test", "20 0 587 b.test, 10 0 2587 a.test");
    add_srv("_submission._tcp.null.test", "0 0 0 ");
    add_srv("_submission._tcp.plain.test", "");
    add_mx("nothing.test", "");
    add_host("a.test", "192.0.2.1", "");
    add_host("b.test", "192.0.2.2", "2001:db8::2");
    add_host("self.test", "192.0.2.99", "");
    add_host("both-a.test", "192.0.2.11 192.0.2.12 192.0.2.13",
             "2001:db8::11 2001:db8::12 2001:db8::13");
    add_host("plain.test", "192.0.2.3", "");
    add_host("nothing.test", "", "");
    add_host("none.test", "", "");
    add_host("nowhere.test", "", "");
    return 0;
}

/* "a.test[192.0.2.1]:25/10 " for each. */
static void describe(const struct host_list *list, struct buf *text)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct host *host = &list->hosts[i];
        char address[ENDPOINT_TEXT_BYTES];
        if (host->unix_path.len > 0)
            buf_printf(text, "%.*s[%.*s] ", SLICE_ARG(host->name), SLICE_ARG(host->unix_path));
        else
            buf_printf(text, "%.*s[%s]:%u/%u ", SLICE_ARG(host->name),
                       endpoint_text(&host->address, address),
                       (unsigned)endpoint_port(&host->address), host->preference);
    }
}

static void check(const char *nexthop, const char *expected)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    struct host_list list;
    struct dsn dsn;

    test_case(nexthop);
    if (destination_hosts(slice_from(nexthop), deadline_in(SECONDS(10)), &arena, &list, &dsn) <
        0)
        buf_printf(&text, "%s %.*s", dsn.status, SLICE_ARG(dsn.reason));
    else
        describe(&list, &text);
    assert_slice_equal(buf_slice(&text), expected);
}

/* -- next hops --------------------------------------------------------------------------------
 */

static void test_forms(void **state)
{
    (void)state;
    check("[192.0.2.7]", "192.0.2.7[192.0.2.7]:25/0 ");
    check("[192.0.2.7]:587", "192.0.2.7[192.0.2.7]:587/0 ");
    check("[192.0.2.7]:submission", "192.0.2.7[192.0.2.7]:587/0 ");
    check("[ipv6:2001:db8::7]:26", "2001:db8::7[2001:db8::7]:26/0 ");
    check("[2001:db8::7]", "2001:db8::7[2001:db8::7]:25/0 ");
    check("inet:[192.0.2.7]:24", "192.0.2.7[192.0.2.7]:24/0 ");
    check("[a.test]", "a.test[192.0.2.1]:25/0 ");
    check("[a.test]:2525", "a.test[192.0.2.1]:2525/0 ");
    check("x.test:26", "a.test[192.0.2.1]:26/10 b.test[192.0.2.2]:26/20 "
                       "b.test[2001:db8::2]:26/20 ");
    check("plain.test", "plain.test[192.0.2.3]:25/0 ");
}

static void test_services(void **state)
{
    (void)state;
    params.use_srv_lookup = "foo, submission";
    check("x.test:submission", "a.test[192.0.2.1]:2587/0 b.test[192.0.2.2]:587/1 "
                               "b.test[2001:db8::2]:587/1 ");
    check("[a.test]:submission", "a.test[192.0.2.1]:587/0 ");
    check("x.test:26", "a.test[192.0.2.1]:26/10 b.test[192.0.2.2]:26/20 "
                       "b.test[2001:db8::2]:26/20 ");
    check("null.test:submission",
          "5.4.4 _submission._tcp.null.test: this service is not available");
    check("plain.test:submission",
          "5.4.4 Host or domain name not found. Name service error for "
          "name=_submission._tcp.plain.test type=SRV: Host found but no data record of "
          "requested type");
    params.allow_srv_lookup_fallback = true;
    check("plain.test:submission", "plain.test[192.0.2.3]:587/0 ");
    params.allow_srv_lookup_fallback = false;
    params.use_srv_lookup = "";
    check("x.test:submission", "a.test[192.0.2.1]:587/10 b.test[192.0.2.2]:587/20 "
                               "b.test[2001:db8::2]:587/20 ");
}

static unsigned least(unsigned below)
{
    (void)below;
    return 0;
}

static unsigned greatest(unsigned below)
{
    return below - 1;
}

static void test_weights(void **state)
{
    struct dns_record records[] = {{.preference = 2, .weight = 9, .port = 1},
                                   {.preference = 1, .weight = 3, .port = 2},
                                   {.preference = 1, .weight = 0, .port = 3},
                                   {.preference = 1, .weight = 5, .port = 4}};

    (void)state;
    srv_sort(records, ARRAY_SIZE(records), least);
    assert_int_equal(records[0].port, 3); /* no weight: only when the mark is nothing */
    assert_int_equal(records[3].port, 1);
    srv_sort(records, ARRAY_SIZE(records), greatest);
    assert_int_not_equal(records[0].port, 3);
    assert_int_equal(records[2].port, 3);
    assert_int_equal(records[3].port, 1);
}

static const char *const malformed[] = {
    "",          "[",
    "[]",        "[a.test",
    "[a.test]x", "[a.test]:no-such-service",
    "a.test:0",  "a.test:70000",
    ":25",       "127.0.0.2]",
    "a b.test",  "a..test",
    "-a.test",   "$a",
    "1.2",       "..",
};

/* The administrator can mend it: the mail waits. */
static void test_malformed(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(malformed); i++) {
        char expected[100];
        (void)snprintf(expected, sizeof(expected), "4.3.5 bad next hop: %s", malformed[i]);
        check(malformed[i], expected);
    }
}

static void test_lmtp_forms(void **state)
{
    (void)state;
    options.is_lmtp = true;
    options.default_port = 24;
    check("unix:/run/lmtp", "host.test[/run/lmtp] ");
    check("unix:private/lmtp", "host.test[private/lmtp] ");
    check("inet:a.test:2424", "a.test[192.0.2.1]:2424/0 ");
    check("a.test", "a.test[192.0.2.1]:24/0 "); /* no MX records for LMTP */
    options.is_lmtp = false;
    options.default_port = 25;
}

static void test_next(void **state)
{
    struct slice rest = SLICE(" a.test,[b.test]:25 \t c.test, ");

    (void)state;
    assert_slice_equal(destination_next(&rest), "a.test");
    assert_slice_equal(destination_next(&rest), "[b.test]:25");
    assert_slice_equal(destination_next(&rest), "c.test");
    assert_null(destination_next(&rest).ptr);
}

/* -- mail exchangers --------------------------------------------------------------------------
 */

static void test_order(void **state)
{
    (void)state;
    check("x.test", "a.test[192.0.2.1]:25/10 b.test[192.0.2.2]:25/20 "
                    "b.test[2001:db8::2]:25/20 ");
    options.address_preference = "ipv6";
    check("x.test", "a.test[192.0.2.1]:25/10 b.test[2001:db8::2]:25/20 "
                    "b.test[192.0.2.2]:25/20 ");
    options.address_preference = "any";
}

static void test_loops(void **state)
{
    struct endpoint own;

    (void)state;
    assert_int_equal(endpoint_parse(&own, SLICE("192.0.2.99"), 0), 0);
    options.own = &own;
    options.n_own = 1;
    check("self-second.test", "a.test[192.0.2.1]:25/10 ");
    check("self-first.test", "5.4.6 mail for self-first.test loops back to myself");
    /* Another port is another server. */
    check("self-first.test:26", "self.test[192.0.2.99]:26/10 a.test[192.0.2.1]:26/20 ");
    check("[self.test]", "5.4.6 mail for self.test loops back to myself");
    check("[192.0.2.99]", "5.4.6 mail for 192.0.2.99 loops back to myself");
    check("[self.test]:26", "self.test[192.0.2.99]:26/0 ");
    options.is_lmtp = true;
    check("inet:[self.test]:25", "self.test[192.0.2.99]:25/0 ");
    options.is_lmtp = false;
    options.own = NULL;
    options.n_own = 0;
}

static void test_no_host(void **state)
{
    (void)state;
    check("null.test", "5.1.0 Domain null.test does not accept mail (nullMX)");
    check("dead.test",
          "5.4.4 Host or domain name not found. Name service error for "
          "name=nowhere.test type=AAAA: Host found but no data record of requested "
          "type");
    options.defer_if_no_mx_address = true;
    check("dead.test",
          "4.4.4 Host or domain name not found. Name service error for "
          "name=nowhere.test type=AAAA: Host found but no data record of requested "
          "type");
    options.defer_if_no_mx_address = false;
    check("nothing.test", "5.4.4 Host or domain name not found. Name service error for "
                          "name=nothing.test type=AAAA: Host found but no data record of "
                          "requested type");
}

static void test_limit(void **state)
{
    (void)state;
    options.mx_address_limit = 4;
    options.balance_protocols = false;
    check("both.test", "both-a.test[192.0.2.11]:25/10 both-a.test[192.0.2.12]:25/10 "
                       "both-a.test[192.0.2.13]:25/10 both-a.test[2001:db8::11]:25/10 ");
    options.balance_protocols = true;
    check("both.test", "both-a.test[192.0.2.11]:25/10 both-a.test[192.0.2.12]:25/10 "
                       "both-a.test[2001:db8::11]:25/10 both-a.test[2001:db8::12]:25/10 ");
    options.mx_address_limit = 1;
    check("both.test", "both-a.test[192.0.2.11]:25/10 ");
    options.mx_address_limit = 0;
    check("[both-a.test]", "both-a.test[192.0.2.11]:25/0 both-a.test[192.0.2.12]:25/0 "
                           "both-a.test[192.0.2.13]:25/0 both-a.test[2001:db8::11]:25/0 "
                           "both-a.test[2001:db8::12]:25/0 both-a.test[2001:db8::13]:25/0 ");
    options.mx_address_limit = 5;
}

static void test_one_protocol(void **state)
{
    (void)state;
    options.protocols.v6 = false;
    check("[b.test]", "b.test[192.0.2.2]:25/0 ");
    check("[2001:db8::2]",
          "5.4.4 Name service error for 2001:db8::2: invalid host or domain name");
    options.host_lookup |= HOST_LOOKUP_NATIVE;
    check(
        "[2001:db8::2]",
        "5.3.0 unable to look up host 2001:db8::2: Address family for hostname not supported");
    options.host_lookup = HOST_LOOKUP_DNS;
    options.protocols.v6 = true;
    options.protocols.v4 = false;
    check("[b.test]", "b.test[2001:db8::2]:25/0 ");
    options.protocols.v4 = true;
}

/* Every order comes up: in a hundred tries at the latest. */
static void test_takes_turns(void **state)
{
    bool seen[2] = {false, false};

    (void)state;
    options.randomize_addresses = true;
    for (int i = 0; i < 100 && !(seen[0] && seen[1]); i++) {
        CLEANUP(arena_release) struct arena arena = ARENA_INIT;
        struct host_list list;
        struct dsn dsn;
        char address[ENDPOINT_TEXT_BYTES];
        assert_int_equal(destination_hosts(SLICE("both.test"), deadline_in(SECONDS(10)), &arena,
                                           &list, &dsn),
                         0);
        endpoint_text(&list.hosts[0].address, address);
        seen[strcmp(address, "192.0.2.11") == 0] = true;
    }
    options.randomize_addresses = false;
    assert_true(seen[0] && seen[1]);
}

static void test_native(void **state)
{
    char path[] = "/tmp/destination_test.XXXXXX";
    struct error error;
    int fd = mkstemp(path);
    static const char hosts[] =
        "192.0.2.50 named.test localhost\n192.0.2.51 b.test none.test\n192.0.2.52 x.test\n";

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(fd_write_all(fd, hosts, sizeof(hosts) - 1), 0);
    fd_close(&fd);
    assert_int_equal(hosts_read(path, &error), 0);
    assert_int_equal(unlink(path), 0);
    options.host_lookup = HOST_LOOKUP_NATIVE;
    check("[named.test]", "named.test[192.0.2.50]:25/0 ");
    check("[nothing.test]",
          "5.3.0 unable to look up host nothing.test: No address associated with hostname");
    dns_cache_add(SLICE("gone.test"), DNS_A, DNS_NO_NAME, NULL, 50);
    dns_cache_add(SLICE("gone.test"), DNS_AAAA, DNS_NO_NAME, NULL, 50);
    check("[gone.test]", "5.4.4 unable to look up host gone.test: Name or service not known");
    check("x.test", "a.test[192.0.2.1]:25/10 b.test[192.0.2.51]:25/20 ");
    options.use_dns = false; /* for mail exchangers, that is */
    check("x.test", "x.test[192.0.2.52]:25/0 ");
    options.use_dns = true;
    options.host_lookup = HOST_LOOKUP_DNS | HOST_LOOKUP_NATIVE;
    check("[b.test]", "b.test[192.0.2.2]:25/0 b.test[2001:db8::2]:25/0 ");
    check("[none.test]", "none.test[192.0.2.51]:25/0 ");
    options.host_lookup = HOST_LOOKUP_DNS;
    add_host("localhost", "192.0.2.53", "");
    check("[localhost]", "localhost[192.0.2.53]:25/0 ");
}

static int start(void **state)
{
    if (test_load_defaults(state) < 0)
        return -1;
    params.myhostname = "host.test";
    options_load(false);
    mem_free(options.own);
    options.own = NULL; /* nothing here depends on this machine's addresses */
    options.n_own = 0;
    options.randomize_addresses = false;
    options.protocols = (struct protocols){.v4 = true, .v6 = true};
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_forms, add_names),
        cmocka_unit_test_setup(test_services, add_names),
        cmocka_unit_test_setup(test_weights, add_names),
        cmocka_unit_test_setup(test_malformed, add_names),
        cmocka_unit_test_setup(test_lmtp_forms, add_names),
        cmocka_unit_test(test_next),
        cmocka_unit_test_setup(test_order, add_names),
        cmocka_unit_test_setup(test_loops, add_names),
        cmocka_unit_test_setup(test_no_host, add_names),
        cmocka_unit_test_setup(test_limit, add_names),
        cmocka_unit_test_setup(test_one_protocol, add_names),
        cmocka_unit_test_setup(test_takes_turns, add_names),
        cmocka_unit_test_setup(test_native, add_names),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}

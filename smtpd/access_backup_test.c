/* permit_mx_backup. */
#include "access.h"
#include "base/log.h"
#include "conf/test.h"
#include "dns/cache.h"
#include "dns/hosts.h"
#include "restriction.h"
#include "route/resolve.h"
#include "settings.h"
#include "transaction.h"

static const char main_cf_text[] = "compatibility_level = 3.6\n"
                                   "myhostname = mx.example.test\n"
                                   "mydestination = example.test\n"
                                   "inet_interfaces = 127.0.0.1\n"
                                   "relay_domains = relayed.test\n"
                                   "alias_maps =\n";

/* "10 mx.test, 20 other.test" */
static void add_mx(const char *domain, const char *list)
{
    struct dns_record records[5] = {0};
    struct dns_answer answer = {.records = records, .name = slice_from(domain)};
    struct slice rest = slice_from(list), one;
    int64_t preference;

    while ((one = slice_trim(slice_word(&rest, ","))).len) {
        assert_true(slice_to_int(slice_split(&one, ' '), 0, 65535, &preference));
        records[answer.n_records++] = (struct dns_record){.type = DNS_MX,
                                                          .name = answer.name,
                                                          .preference = (uint16_t)preference,
                                                          .target = one};
    }
    dns_cache_add(answer.name, DNS_MX, DNS_OK, &answer, 50);
}

static void add_host(const char *name, const char *address)
{
    struct dns_record record = {.type = DNS_A, .name = slice_from(name)};
    struct dns_answer answer = {.records = &record, .n_records = 1, .name = record.name};

    assert_int_equal(endpoint_parse(&record.address, slice_from(address), 0), 0);
    dns_cache_add(record.name, DNS_A, DNS_OK, &answer, 50);
    dns_cache_add(record.name, DNS_AAAA, DNS_NO_DATA, NULL, 50);
}

static void add_names(void)
{
    add_host("us.test", "127.0.0.1");
    add_host("known.test", "192.0.2.1");
    add_host("other.test", "198.51.100.1");
    add_mx("backup.test", "10 known.test, 20 us.test");
    add_mx("named.test", "10 known.test, 20 MX.example.test");
    add_mx("primary.test", "10 us.test, 20 known.test");
    add_mx("equal.test", "10 known.test, 10 us.test");
    add_mx("strange.test", "10 other.test, 20 us.test");
    add_mx("one-strange.test", "10 known.test, 10 other.test, 20 us.test");
    add_mx("elsewhere.test", "10 known.test, 20 other.test");
    add_mx("lost.test", "10 nowhere.test, 20 us.test");
    dns_cache_add(SLICE("none.test"), DNS_MX, DNS_NO_DATA, NULL, 50);
    dns_cache_add(SLICE("later.test"), DNS_MX, DNS_TEMPORARY, NULL, 50);
    add_mx("unsure.test", "10 known.test, 20 nowhere.test");
    add_mx("unsure-but-named.test", "10 nowhere.test, 20 mx.example.test");
    dns_cache_add(SLICE("nowhere.test"), DNS_A, DNS_NO_NAME, NULL, 50);
    dns_cache_add(SLICE("nowhere.test"), DNS_AAAA, DNS_NO_NAME, NULL, 50);
}

static enum access_result ask(const char *list, const char *recipient, struct smtp_reply *reply)
{
    struct session session = {.protocol = "ESMTP",
                              .stage = "RCPT",
                              .helo = BUF_INIT,
                              .denied = BUF_INIT,
                              .deferred = BUF_INIT,
                              .transcript = BUF_INIT};
    struct check check = {.session = &session,
                          .recipient = slice_from(recipient),
                          .has_recipient = true,
                          .subject = slice_from(recipient),
                          .class = CLASS_RECIPIENT};
    enum access_result result;

    peer_set_unknown(&session.peer, &session.arena);
    session.transaction = transaction_new();
    result = restriction_list_run(&check, restriction_list_parse("test", list));
    if (result == ACCESS_REJECT)
        *reply = smtp_reply(check.reply.code, check.reply.dsn, "");
    transaction_free(session.transaction);
    arena_release(&session.scratch);
    arena_release(&session.arena);
    return result;
}

static void test_without_networks(void **state)
{
    const struct {
        const char *name, *recipient;
        enum access_result result;
    } rows[] = {
        {"ours", "a@example.test", ACCESS_PERMIT},
        {"relayed", "a@relayed.test", ACCESS_PERMIT},
        {"ours, by way of another", "a%other.test@example.test", ACCESS_DUNNO},
        {"an address literal", "a@[192.0.2.1]", ACCESS_DUNNO},
        {"backup, by address", "a@backup.test", ACCESS_PERMIT},
        {"backup, by name", "a@named.test", ACCESS_PERMIT},
        {"the best one", "a@primary.test", ACCESS_DUNNO},
        {"among the best", "a@equal.test", ACCESS_DUNNO},
        {"not among them", "a@elsewhere.test", ACCESS_DUNNO},
        {"no mail exchanger", "a@none.test", ACCESS_DUNNO},
        {"the best one is not found", "a@lost.test", ACCESS_PERMIT},
        {"whose backup is of no matter", "a@strange.test", ACCESS_PERMIT},
        {"our name is enough", "a@unsure-but-named.test", ACCESS_PERMIT},
    };
    struct smtp_reply reply = {.code = 0};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        test_case(rows[i].name);
        assert_int_equal(ask("permit_mx_backup", rows[i].recipient, &reply), rows[i].result);
    }
}

/* All addresses of the best exchangers must be in permit_mx_backup_networks. */
static void test_networks(void **state)
{
    const struct {
        const char *recipient;
        enum access_result result;
    } rows[] = {
        {"a@backup.test", ACCESS_PERMIT},
        {"a@strange.test", ACCESS_DUNNO},
        {"a@one-strange.test", ACCESS_DUNNO},
        {"a@lost.test", ACCESS_DUNNO},
    };
    struct match_list *networks = settings.backup_networks;
    struct smtp_reply reply = {.code = 0};
    struct error error;

    (void)state;
    settings.backup_networks =
        match_list_open("x", "192.0.2.0/24", MATCH_PARENTS_NEVER, &error);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        test_case(rows[i].recipient);
        assert_int_equal(ask("permit_mx_backup", rows[i].recipient, &reply), rows[i].result);
    }
    match_list_free(settings.backup_networks);
    settings.backup_networks = networks;
}

/* While the DNS does not answer, what would refuse the recipient for good refuses it for now.
 */
static void test_trouble(void **state)
{
    struct smtp_reply reply = {.code = 0};

    (void)state;
    assert_int_equal(ask("permit_mx_backup, reject", "a@later.test", &reply), ACCESS_REJECT);
    assert_int_equal(reply.code, 450);
    assert_string_equal(reply.dsn, "4.4.4");
    assert_int_equal(ask("permit_mx_backup, permit", "a@later.test", &reply), ACCESS_PERMIT);
}

/* Nor for good while it cannot be said whether an exchanger is us, or a known one. */
static void test_unknown_exchanger(void **state)
{
    struct match_list *networks = settings.backup_networks;
    struct smtp_reply reply = {.code = 0};
    struct error error;

    (void)state;
    assert_int_equal(ask("permit_mx_backup, reject", "a@unsure.test", &reply), ACCESS_REJECT);
    assert_int_equal(reply.code, 450);
    assert_string_equal(reply.dsn, "4.4.4");
    assert_int_equal(ask("permit_mx_backup, reject", "a@primary.test", &reply), ACCESS_REJECT);
    assert_int_equal(reply.code, 554);
    settings.backup_networks =
        match_list_open("x", "192.0.2.0/24", MATCH_PARENTS_NEVER, &error);
    assert_int_equal(ask("permit_mx_backup, reject", "a@unsure-but-named.test", &reply),
                     ACCESS_REJECT);
    assert_int_equal(reply.code, 450);
    match_list_free(settings.backup_networks);
    settings.backup_networks = networks;
}

static int set_up(void **state)
{
    struct error error;

    (void)state;
    if (test_load_text(main_cf_text, "smtpd") < 0 || hosts_read("/nonexistent", &error) < 0)
        return -1;
    log_hook = log_discard;
    route_open();
    settings_open();
    add_names();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_networks),
        cmocka_unit_test(test_networks),
        cmocka_unit_test(test_trouble),
        cmocka_unit_test(test_unknown_exchanger),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}

#include "route/dns_reply_filter.h"

#include "conf/test.h"

static const char table[] = "inline:{ {a.test. 60 IN A 192.0.2.1=IGNORE}, "
                            "{b.test. 60 IN MX 10 mx.test.=IGNORE}, "
                            "{c.test. 60 IN MX 0 .=IGNORE}, "
                            "{d.test. 60 IN SRV 1 2 25 mx.test.=IGNORE}, "
                            "{e.test. 60 IN TXT some words=IGNORE}, "
                            "{f.test. 60 IN TLSA 3 1 1 AB01=IGNORE}, "
                            "{odd.test. 60 IN MX 10 mx.test.=REJECT}, "
                            "{some.test. 60 IN MX 10 gone.test.=ignore what stands behind} }";

static void test_each_type(void **state)
{
    /* A record, and the key that its table is asked with: one row of the table each. */
    const struct {
        const char *name;
        struct dns_record record;
    } rows[] = {
        {"address", {.type = DNS_A, .name = SLICE("a.test")}},
        {"mail exchanger",
         {.type = DNS_MX,
          .name = SLICE("b.test"),
          .preference = 10,
          .target = SLICE("mx.test")}},
        {"no mail", {.type = DNS_MX, .name = SLICE("c.test"), .preference = 0, .target = {0}}},
        {"service",
         {.type = DNS_SRV,
          .name = SLICE("d.test"),
          .preference = 1,
          .weight = 2,
          .port = 25,
          .target = SLICE("mx.test")}},
        {"text", {.type = DNS_TXT, .name = SLICE("e.test"), .data = SLICE("some words")}},
        {"certificate",
         {.type = DNS_TLSA, .name = SLICE("f.test"), .data = SLICE("\003\001\001\253\001")}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct dns_record record = rows[i].record;
        struct dns_answer answer = {.records = &record, .n_records = 1};
        struct error error = ERROR_INIT;

        test_case(rows[i].name);
        record.ttl_seconds = 60;
        if (record.type == DNS_A)
            assert_int_equal(endpoint_parse(&record.address, SLICE("192.0.2.1"), 0), 0);
        assert_int_equal(dns_reply_filter(record.name, record.type, &answer, &error),
                         DNS_POLICY);
        assert_int_equal(error.kind, ERROR_TEMPORARY);
        assert_int_equal(answer.n_records, 0);
    }
}

static void test_some_stay(void **state)
{
    struct dns_record records[] = {{.type = DNS_MX,
                                    .name = SLICE("some.test"),
                                    .preference = 10,
                                    .ttl_seconds = 60,
                                    .target = SLICE("gone.test")},
                                   {.type = DNS_MX,
                                    .name = SLICE("some.test"),
                                    .preference = 20,
                                    .ttl_seconds = 60,
                                    .target = SLICE("here.test")}};
    struct dns_answer answer = {.records = records, .n_records = 2};
    struct error error = ERROR_INIT;

    (void)state;
    assert_int_equal(dns_reply_filter(SLICE("some.test"), DNS_MX, &answer, &error), DNS_OK);
    assert_int_equal(answer.n_records, 1);
    assert_slice_equal(answer.records[0].target, "here.test");
}

static void test_no_such_action(void **state)
{
    struct dns_record record = {.type = DNS_MX,
                                .name = SLICE("odd.test"),
                                .preference = 10,
                                .ttl_seconds = 60,
                                .target = SLICE("mx.test")};
    struct dns_answer answer = {.records = &record, .n_records = 1};
    struct error error = ERROR_INIT;

    (void)state;
    assert_int_equal(dns_reply_filter(SLICE("odd.test"), DNS_MX, &answer, &error),
                     DNS_TEMPORARY);
    assert_int_equal(error.kind, ERROR_TEMPORARY);
}

static int load(void **state)
{
    if (test_load_defaults(state) < 0)
        return -1;
    dns_reply_filter_open("smtp_dns_reply_filter", table);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_type),
        cmocka_unit_test(test_some_stay),
        cmocka_unit_test(test_no_such_action),
    };

    return cmocka_run_group_tests(tests, load, NULL);
}

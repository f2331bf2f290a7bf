#include "tls/tlsrpt.h"

#include "base/test.h"

static void test_success(void **state)
{
    CLEANUP(buf_release) struct buf json = BUF_INIT;
    const struct tlsrpt report = {.domain = SLICE("example.com"),
                                  .record = SLICE("v=TLSRPTv1; rua=mailto:a@example.com"),
                                  .policy = TLSRPT_POLICY_NONE};

    (void)state;
    tlsrpt_write(&report, &json);
    assert_string_equal(json.data,
                        "{\"d\": \"example.com\",\"pr\": \"v=TLSRPTv1; "
                        "rua=mailto:a@example.com\",\"policies\":[{\"policy-type\":9,"
                        "\"t\":0,\"f\":0}]}");
}

static void test_failure(void **state)
{
    CLEANUP(buf_release) struct buf json = BUF_INIT;
    const struct slice strings[] = {SLICE("version: STSv1"), SLICE("mode: \"x\\\"")};
    const struct slice patterns[] = {SLICE("*.example.com")};
    const struct tlsrpt report = {
        .domain = SLICE("example.com"),
        .record = SLICE("v=TLSRPTv1;"),
        .policy = TLSRPT_POLICY_STS,
        .policy_domain = SLICE("example.com"),
        .policy_strings = strings,
        .n_policy_strings = 2,
        .mx_patterns = patterns,
        .n_mx_patterns = 1,
        .failure = TLSRPT_CERTIFICATE_EXPIRED,
        .sending_address = SLICE("192.0.2.1"),
        .host = SLICE("mx.example.com"),
        .hello = SLICE("250-mx\r\n250 SIZE \377"),
        .receiving_address = SLICE("192.0.2.2"),
        .reason = SLICE("gr\303\274n"),
    };

    (void)state;
    tlsrpt_write(&report, &json);
    assert_string_equal(json.data,
                        "{\"d\": \"example.com\",\"pr\": \"v=TLSRPTv1;\",\"policies\":[{"
                        "\"policy-type\":2,\"policy-domain\": \"example.com\","
                        "\"policy-string\":[\"version: STSv1\",\"mode: \\\"x\\\\\\\"\"],"
                        "\"mx-host\":[\"*.example.com\"],\"failure-details\":[{\"c\":204,"
                        "\"s\": \"192.0.2.1\",\"n\": \"mx.example.com\","
                        "\"h\": \"250-mx\\u000d\\u000a250 SIZE ?\",\"r\": \"192.0.2.2\","
                        "\"f\": \"gr\303\274n\"}],\"t\":1,\"f\":1}]}");
}

static const struct {
    const char *text;
    enum tlsrpt_record record;
} records[] = {
    {"v=TLSRPTv1; rua=mailto:a@example.com", TLSRPT_RECORD_GOOD},
    {"v=TLSRPTv1 \t;rua=https://x/", TLSRPT_RECORD_GOOD},
    {"v=TLSRPTv1", TLSRPT_RECORD_MALFORMED},
    {"v=TLSRPTv12;", TLSRPT_RECORD_MALFORMED},
    {"v=spf1 -all", TLSRPT_RECORD_OTHER},
    {"", TLSRPT_RECORD_OTHER},
};

static void test_records(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(records); i++) {
        test_case(records[i].text);
        assert_int_equal(tlsrpt_record_check(slice_from(records[i].text)), records[i].record);
    }
}

static void test_names(void **state)
{
    (void)state;
    assert_int_equal(tlsrpt_policy_failure(SLICE("sts-webpki-invalid")),
                     TLSRPT_STS_WEBPKI_INVALID);
    assert_int_equal(tlsrpt_policy_failure(SLICE("dane-required")), TLSRPT_SUCCESS);
    assert_string_equal(tlsrpt_failure_name(TLSRPT_DANE_REQUIRED), "dane_required");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_success),
        cmocka_unit_test(test_failure),
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

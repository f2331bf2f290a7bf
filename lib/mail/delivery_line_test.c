#include "mail/delivery_line.h"

#include "base/test.h"

#define TEXT(literal)                  \
    {                                  \
        (literal), sizeof(literal) - 1 \
    }

static const struct {
    double seconds;
    int digits;
    const char *text;
} delays[] = {
    {0, 2, "0"},         {0.004, 2, "0"},         {0.005, 2, "0.01"},
    {0.0123, 2, "0.01"}, {0.1, 2, "0.1"},         {0.123, 2, "0.12"},
    {0.996, 2, "1"},     {1.04, 2, "1"},          {1.25, 2, "1.3"},
    {9.96, 2, "10"},     {10.4, 2, "10"},         {123.9, 2, "124"},
    {-3, 2, "0"},        {0.0123, 6, "0.012"},    {0.00012345, 6, "0.00012"},
    {0.5, 0, "1"},       {100000.4, 2, "100000"},
};

static void test_delays(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(delays); i++) {
        CLEANUP(buf_release) struct buf buf = BUF_INIT;

        test_case(delays[i].text);
        delivery_delay_format(&buf, delays[i].seconds, delays[i].digits);
        assert_string_equal(buf.data, delays[i].text);
    }
}

static const struct dsn sent = {.status = "2.0.0", .reason = TEXT("250 2.0.0 Ok")};

static void test_line(void **state)
{
    const struct recipient recipient = {.address = TEXT("joh n@x.test"),
                                        .original = TEXT("o@x.test")};
    const struct delivery_times times = {.incoming = {100, 0},
                                         .active_start = {100, 110000},
                                         .agent_start = {100, 120000},
                                         .connect_done = {100, 190000},
                                         .deliver_done = {100, 380000},
                                         .connection_reuses = 1};
    const struct delivery_report report = {.queue_id = TEXT("ID"),
                                           .recipient = &recipient,
                                           .relay = TEXT("h[1.2.3.4]:25"),
                                           .times = &times,
                                           .status = "sent",
                                           .dsn = &sent};
    CLEANUP(buf_release) struct buf buf = BUF_INIT;

    (void)state;
    delivery_line(&buf, &report, 2);
    assert_string_equal(buf.data,
                        "ID: to=<\"joh n\"@x.test>, orig_to=<o@x.test>, relay=h[1.2.3.4]:25, "
                        "conn_use=2, delay=0.38, delays=0.11/0.01/0.07/0.19, dsn=2.0.0, "
                        "status=sent (250 2.0.0 Ok)");
}

/* An original that differs only in case is not told, and steps not reached count as nothing. */
static void test_short_line(void **state)
{
    const struct recipient recipient = {.address = TEXT("a@x.test"),
                                        .original = TEXT("A@x.test")};
    const struct delivery_times times = {
        .incoming = {100, 0}, .active_start = {102, 0}, .deliver_done = {105, 0}};
    const struct delivery_report report = {.queue_id = TEXT("ID"),
                                           .recipient = &recipient,
                                           .relay = TEXT("none"),
                                           .times = &times,
                                           .status = "deferred",
                                           .dsn = &sent};
    CLEANUP(buf_release) struct buf buf = BUF_INIT;

    (void)state;
    delivery_line(&buf, &report, 2);
    assert_string_equal(buf.data, "ID: to=<a@x.test>, relay=none, delay=5, delays=2/3/0/0, "
                                  "dsn=2.0.0, status=deferred (250 2.0.0 Ok)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delays),
        cmocka_unit_test(test_line),
        cmocka_unit_test(test_short_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

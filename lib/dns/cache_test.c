#include "dns/cache.h"

#include "base/test.h"

static int64_t now_ms;

static int64_t test_clock(void)
{
    return now_ms;
}

static int start_afresh(void **state)
{
    (void)state;
    dns_cache_clear();
    now_ms = 1000000;
    time_test_monotonic = test_clock;
    return 0;
}

static void add_mx(const char *name, const char *target, uint32_t seconds)
{
    struct dns_record record = {.type = DNS_MX,
                                .name = slice_from(name),
                                .target = slice_from(target),
                                .preference = 10};
    struct dns_answer answer = {
        .records = &record, .n_records = 1, .is_validated = true, .name = slice_from(name)};

    dns_cache_add(slice_from(name), DNS_MX, DNS_OK, &answer, seconds);
}

static bool is_known(const char *name, enum dns_type type)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct dns_answer answer;
    enum dns_result result;

    return dns_cache_find(slice_from(name), type, &arena, &result, &answer);
}

static void test_finds_what_was_added(void **state)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct dns_answer answer;
    enum dns_result result;

    (void)state;
    add_mx("a.test", "mx.a.test", 60);
    assert_true(dns_cache_find(SLICE("A.Test"), DNS_MX, &arena, &result, &answer));
    dns_cache_clear(); /* the answer is a copy */
    assert_int_equal(result, DNS_OK);
    assert_int_equal(answer.n_records, 1);
    assert_true(answer.is_validated);
    assert_slice_equal(answer.records[0].target, "mx.a.test");
    assert_int_equal(answer.records[0].preference, 10);
    assert_false(is_known("a.test", DNS_MX));
}

static void test_other_type_or_name(void **state)
{
    (void)state;
    add_mx("a.test", "mx.a.test", 60);
    assert_false(is_known("a.test", DNS_A));
    assert_false(is_known("b.test", DNS_MX));
    assert_false(is_known("", DNS_MX));
}

static void test_expires(void **state)
{
    (void)state;
    add_mx("a.test", "mx.a.test", 60);
    now_ms += SECONDS(60) - 1;
    assert_true(is_known("a.test", DNS_MX));
    now_ms += 1;
    assert_false(is_known("a.test", DNS_MX));
}

static void test_is_replaced(void **state)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct dns_answer answer;
    enum dns_result result;

    (void)state;
    add_mx("a.test", "old.test", 60);
    add_mx("a.test", "new.test", 120);
    now_ms += SECONDS(60);
    assert_true(dns_cache_find(SLICE("a.test"), DNS_MX, &arena, &result, &answer));
    assert_slice_equal(answer.records[0].target, "new.test");
}

static void test_limits_of_time(void **state)
{
    (void)state;
    add_mx("zero.test", "mx.test", 0);
    assert_false(is_known("zero.test", DNS_MX));
    add_mx("long.test", "mx.test", UINT32_MAX);
    dns_cache_add(SLICE("none.test"), DNS_MX, DNS_NO_NAME, NULL, 100000);
    now_ms += SECONDS(DNS_CACHE_MAX_NEGATIVE_SECONDS) - 1;
    assert_true(is_known("none.test", DNS_MX));
    now_ms += 1;
    assert_false(is_known("none.test", DNS_MX));
    assert_true(is_known("long.test", DNS_MX));
    now_ms += SECONDS(DNS_CACHE_MAX_SECONDS);
    assert_false(is_known("long.test", DNS_MX));
}

static void test_negative(void **state)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct dns_answer answer;
    enum dns_result result;

    (void)state;
    dns_cache_add(SLICE("none.test"), DNS_A, DNS_NO_DATA, NULL, 10);
    assert_true(dns_cache_find(SLICE("none.test"), DNS_A, &arena, &result, &answer));
    assert_int_equal(result, DNS_NO_DATA);
    assert_int_equal(answer.n_records, 0);
}

/* Full: the oldest goes. */
static void test_limit_of_number(void **state)
{
    (void)state;
    for (int i = 0; i <= DNS_CACHE_MAX_ENTRIES; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "n%d.test", i);
        add_mx(name, "mx.test", 60);
    }
    assert_false(is_known("n0.test", DNS_MX));
    assert_true(is_known("n1.test", DNS_MX));
    assert_true(is_known("n10000.test", DNS_MX));
}

static void add_large(const char *name, struct dns_record *records, size_t n)
{
    struct dns_answer answer = {.records = records, .n_records = n, .name = slice_from(name)};

    dns_cache_add(slice_from(name), DNS_TXT, DNS_OK, &answer, 60);
}

/* Whoever has a domain may fill it with answers of a thousand records each. */
static void test_limit_of_memory(void **state)
{
    enum { N_RECORDS = 1000, N_ANSWERS = 1000 };
    static struct dns_record records[N_RECORDS];

    (void)state;
    for (size_t i = 0; i < N_RECORDS; i++) {
        records[i] = (struct dns_record){.type = DNS_TXT,
                                         .name = SLICE("large.test"),
                                         .target = SLICE_EMPTY,
                                         .data = SLICE("a text of thirty-two bytes or so")};
    }
    add_mx("small.test", "mx.test", 60);
    for (int i = 0; i < N_ANSWERS; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "n%d.test", i);
        add_large(name, records, N_RECORDS);
        assert_true(is_known(name, DNS_TXT));
    }
    assert_false(is_known("small.test", DNS_MX));
    assert_false(is_known("n900.test", DNS_TXT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_finds_what_was_added, start_afresh),
        cmocka_unit_test_setup(test_other_type_or_name, start_afresh),
        cmocka_unit_test_setup(test_expires, start_afresh),
        cmocka_unit_test_setup(test_is_replaced, start_afresh),
        cmocka_unit_test_setup(test_limits_of_time, start_afresh),
        cmocka_unit_test_setup(test_negative, start_afresh),
        cmocka_unit_test_setup(test_limit_of_number, start_afresh),
        cmocka_unit_test_setup(test_limit_of_memory, start_afresh),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    dns_cache_clear();
    return failed;
}

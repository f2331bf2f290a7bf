/* The scheduler on a clock of its own: concurrency, death, rate limits, fairness. */
#include "job.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/time.h"
#include "conf/test.h"
#include "mail.h"

static int64_t now_ms = 1000;

static int64_t fake_monotonic(void)
{
    return now_ms;
}

static struct timeval fake_wall(void)
{
    return (struct timeval){.tv_sec = 1800000000 + now_ms / 1000};
}

static void advance(int64_t ms)
{
    now_ms += ms;
    timer_fire_due();
}

static struct transport *fresh_transport(void)
{
    static int n;
    struct buf name = BUF_INIT;
    struct transport *transport;

    buf_printf(&name, "t%d", n++);
    transport = transport_get(buf_slice(&name));
    buf_release(&name);
    return transport;
}

static struct destination *destination(struct transport *transport, const char *nexthop)
{
    return destination_get(transport, slice_from(nexthop), slice_from(nexthop));
}

/* A mail with that many recipients at each of the destinations "0", "1", ... */
static struct mail *add_mail(struct transport *transport, int n_destinations, int n_each)
{
    struct mail *mail = mail_new(SLICE("ABC"));
    struct batch *batch = batch_new();
    struct recipient recipient = {.address = SLICE("x@example.com")};

    mail->active_since = time_wall();
    for (int i = 0; i < n_destinations; i++) {
        char nexthop[16];

        snprintf(nexthop, sizeof(nexthop), "%d", i);
        for (int j = 0; j < n_each; j++)
            job_add_recipient(mail, destination(transport, nexthop), batch, &recipient);
    }
    return mail;
}

static int drain(struct transport *transport)
{
    struct entry *entry;
    int count = 0;

    while ((entry = job_select(transport))) {
        job_entry_done(entry);
        count++;
    }
    return count;
}

static void test_recipients_share_deliveries(void **state)
{
    static const struct {
        const char *name;
        int limit, recipients, deliveries;
    } rows[] = {
        {"one", 50, 1, 1},  {"all in one", 50, 50, 1}, {"one too many", 50, 51, 2},
        {"alone", 1, 3, 3}, {"no limit", 0, 500, 1},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct transport *transport = fresh_transport();
        struct mail *mail;

        test_case(rows[i].name);
        transport->limits.recipients_per_delivery = rows[i].limit;
        mail = add_mail(transport, 1, rows[i].recipients);
        assert_int_equal(mail->n_entries, rows[i].deliveries);
        assert_int_equal(mail->n_recipients, rows[i].recipients);
        assert_int_equal(drain(transport), rows[i].deliveries);
        assert_int_equal(mail->n_recipients, 0);
        assert_int_equal(transport->n_recipients, 0);
        assert_null(destination_find(transport, SLICE("0")));
        mail_free(mail);
    }
}

/* Select as many as the limits allow, and hand them back in order. */
static int select_all(struct transport *transport, struct entry **entries, int max)
{
    int count = 0;

    while (count < max && (entries[count] = job_select(transport)))
        count++;
    return count;
}

static void test_window_opens_with_success(void **state)
{
    struct transport *transport = fresh_transport();
    struct entry *entries[100];
    struct mail *mail;

    (void)state;
    transport->limits.recipients_per_delivery = 1;
    mail = add_mail(transport, 1, 100);
    assert_int_equal(select_all(transport, entries, 100), 5); /* initial concurrency */
    destination_succeeded(entries[0]->destination);
    job_entry_done(entries[0]);
    assert_int_equal(select_all(transport, entries, 1), 1);
    entries[5] = job_select(transport); /* the window is 6 now */
    assert_non_null(entries[5]);
    assert_null(job_select(transport));
    assert_int_equal(entries[1]->destination->window, 6);
    for (int i = 0; i < 6; i++) {
        destination_succeeded(entries[i]->destination);
        job_entry_done(entries[i]);
    }
    for (int i = 0; i < 93; i++) {
        struct entry *entry = job_select(transport);

        assert_non_null(entry);
        destination_succeeded(entry->destination);
        assert_in_range(entry->destination->window, 6, 20);
        job_entry_done(entry);
    }
    mail_free(mail);
}

static void test_failing_destination_dies_and_returns(void **state)
{
    struct transport *transport = fresh_transport();
    struct transport *retry = transport_get(SLICE(TRANSPORT_RETRY));
    struct entry *entries[10];
    struct destination *dead;
    struct mail *mail;

    (void)state;
    transport->limits.recipients_per_delivery = 1;
    mail = add_mail(transport, 1, 10);
    assert_int_equal(select_all(transport, entries, 10), 5);
    dead = entries[0]->destination;
    for (int i = 0; i < 3; i++)
        destination_failed(dead, "4.4.1 refused");
    assert_true(destination_is_dead(dead)); /* 1/5 + 1/3 + 1/2 is a cohort */
    assert_string_equal(dead->trouble, "4.4.1 refused");
    job_move_waiting(dead, destination(retry, "4.4.1 suspended"));
    assert_int_equal(dead->n_todo, 0);
    for (int i = 0; i < 5; i++)
        job_entry_done(entries[i]);
    assert_ptr_equal(destination_find(transport, SLICE("0")), dead); /* remembered */
    assert_int_equal(drain(retry), 5);
    assert_int_equal(mail->n_entries, 0);
    advance(MINUTES(5) + 1);
    assert_null(destination_find(transport, SLICE("0"))); /* forgotten */
    mail_free(mail);
}

static void test_failed_cohort_limit_zero_never_dies(void **state)
{
    struct transport *transport = fresh_transport();
    struct destination *slow = destination(transport, "slow");

    (void)state;
    transport->limits.failed_cohorts = 0;
    for (int i = 0; i < 100; i++)
        destination_failed(slow, "4.4.1 refused");
    assert_false(destination_is_dead(slow));
    assert_int_equal(slow->window, 1);
}

static void test_concurrency_limit(void **state)
{
    struct transport *transport = fresh_transport();
    struct entry *entries[10];
    struct mail *mail;

    (void)state;
    transport->limits.recipients_per_delivery = 1;
    transport->limits.concurrency = 2;
    transport->limits.initial_concurrency = 2;
    mail = add_mail(transport, 1, 10);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(select_all(transport, entries, 10), 2);
        for (int j = 0; j < 2; j++) {
            destination_succeeded(entries[j]->destination);
            job_entry_done(entries[j]);
        }
    }
    mail_free(mail);
}

static void test_process_limit(void **state)
{
    struct transport *transport = fresh_transport();
    struct entry *entries[10];
    struct mail *mail;

    (void)state;
    transport->limits.processes = 3;
    mail = add_mail(transport, 10, 1);
    assert_int_equal(select_all(transport, entries, 10), 3);
    job_entry_done(entries[0]);
    assert_int_equal(select_all(transport, entries, 1), 1);
    for (int i = 0; i < 3; i++)
        job_entry_done(entries[i]);
    assert_int_equal(drain(transport), 6);
    mail_free(mail);
}

static void test_destination_rate_delay(void **state)
{
    struct transport *transport = fresh_transport();
    struct entry *entry;
    struct mail *mail;

    (void)state;
    transport->limits.recipients_per_delivery = 1;
    transport->limits.concurrency = transport->limits.initial_concurrency = 1;
    transport->limits.destination_delay_ms = 2000;
    mail = add_mail(transport, 1, 2);
    entry = job_select(transport);
    job_entry_done(entry);
    assert_null(job_select(transport));
    advance(1999);
    assert_null(job_select(transport));
    advance(1);
    entry = job_select(transport);
    assert_non_null(entry);
    job_entry_done(entry);
    assert_non_null(destination_find(transport, SLICE("0"))); /* it rests */
    advance(2000);
    assert_null(destination_find(transport, SLICE("0")));
    mail_free(mail);
}

static void test_transport_rate_delay(void **state)
{
    struct transport *transport = fresh_transport();
    struct mail *mail;

    (void)state;
    transport->limits.delay_ms = 500;
    mail = add_mail(transport, 3, 1);
    for (int i = 0; i < 3; i++) {
        struct entry *entry = job_select(transport);

        assert_non_null(entry);
        assert_null(job_select(transport)); /* one at a time */
        job_entry_done(entry);
        assert_null(job_select(transport));
        advance(500);
    }
    mail_free(mail);
}

/* Deliveries of the big mail before the small one, which arrives `head_start` deliveries later.
 */
static int overtaken_after(struct transport *transport, int n_small, int head_start)
{
    struct mail *big, *small;
    int count = 0;

    transport->limits.recipients_per_delivery = 1;
    big = add_mail(transport, 1, 1000);
    for (; count < head_start; count++)
        job_entry_done(job_select(transport));
    small = add_mail(transport, 1, n_small);
    while (small->n_entries == (size_t)n_small && count < 1000 + n_small) {
        struct entry *entry = job_select(transport);

        assert_non_null(entry);
        if (entry->mail == big)
            count++;
        job_entry_done(entry);
    }
    drain(transport);
    mail_free(big);
    mail_free(small);
    return count;
}

static void test_small_mail_overtakes_big_one(void **state)
{
    struct transport *transport;

    (void)state;
    test_case("one recipient: at once, the loan suffices");
    assert_in_range(overtaken_after(fresh_transport(), 1, 100), 100, 101);
    test_case("100 recipients after 100 deliveries: 47 slots more are to be earned");
    assert_in_range(overtaken_after(fresh_transport(), 100, 100), 230, 240);
    test_case("no preemption: after all of it");
    transport = fresh_transport();
    transport->limits.slot_cost = 0;
    assert_int_equal(overtaken_after(transport, 1, 100), 1000);
}

static void test_equal_mails_keep_their_order(void **state)
{
    struct transport *transport = fresh_transport();
    struct mail *mails[10];

    (void)state;
    transport->limits.recipients_per_delivery = 1;
    for (int i = 0; i < 10; i++)
        mails[i] = add_mail(transport, 1, 3);
    for (int i = 0; i < 30; i++) {
        struct entry *entry = job_select(transport);

        assert_ptr_equal(entry->mail, mails[i / 3]);
        job_entry_done(entry);
    }
    for (int i = 0; i < 10; i++)
        mail_free(mails[i]);
}

static void test_slow_destination_does_not_block_others(void **state)
{
    struct transport *transport = fresh_transport();
    struct entry *entries[5] = {NULL}, *entry;
    struct mail *first, *second;

    (void)state;
    transport->limits.recipients_per_delivery = 1;
    transport->limits.slot_cost = 0;
    first = add_mail(transport, 1, 100);
    second = add_mail(transport, 2, 1);
    assert_int_equal(select_all(transport, entries, 5), 5);
    entry = job_select(transport);
    assert_non_null(entry);
    assert_ptr_equal(entry->mail, second);
    assert_string_equal(entry->destination->nexthop, "1");
    job_entry_done(entry);
    for (int i = 0; i < 5; i++)
        job_entry_done(entries[i]);
    drain(transport);
    mail_free(first);
    mail_free(second);
}

/* Destinations 0 to 299 answer nothing; "healthy" has taken mail before, or is new. */
static void test_silent_destinations_leave_room(void **state)
{
    static const struct {
        const char *name;
        bool is_proven;
        int processes, silent, healthy;
    } rows[] = {
        {"to one that is proven", true, 100, 90, 10},
        {"to one that is new", false, 1000, 500, 1},
        {"of few processes all are for all", true, 19, 19, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct transport *transport = fresh_transport();
        struct mail *silent, *mail = mail_new(SLICE("DEF"));
        struct batch *batch = batch_new();
        struct recipient recipient = {.address = SLICE("x@example.com")};
        static struct entry *entries[1100];
        struct destination *healthy = destination(transport, "healthy");

        test_case(rows[i].name);
        transport->limits.recipients_per_delivery = 1;
        transport->limits.processes = rows[i].processes;
        transport->limits.concurrency = 100;
        transport->limits.slot_cost = 0;
        if (rows[i].is_proven) {
            destination_succeeded(healthy);
            destination_forget_if_idle(healthy);
        }
        silent = add_mail(transport, 300, 20);
        int count = select_all(transport, entries, 1100);

        assert_int_equal(count, rows[i].silent);
        for (int j = 0; j < 20; j++) {
            healthy = destination(transport, "healthy");
            healthy->window = 20;
            job_add_recipient(mail, healthy, batch, &recipient);
        }
        count += select_all(transport, entries + count, 1100 - count);
        assert_int_equal(count, rows[i].silent + rows[i].healthy);
        for (int j = 0; j < count; j++)
            job_entry_done(entries[j]);
        drain(transport);
        mail_free(silent);
        mail_free(mail);
    }
}

static void test_throttled_transport_recovers(void **state)
{
    struct transport *transport = fresh_transport();

    (void)state;
    transport_throttle(transport, "4.3.0 mail transport unavailable");
    assert_string_equal(transport->trouble, "4.3.0 mail transport unavailable");
    advance(MINUTES(1) - 1);
    assert_non_null(transport->trouble);
    advance(1);
    assert_null(transport->trouble);
}

static int set_up(void **state)
{
    time_test_monotonic = fake_monotonic;
    time_test_wall = fake_wall;
    return test_load_defaults(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recipients_share_deliveries),
        cmocka_unit_test(test_window_opens_with_success),
        cmocka_unit_test(test_failing_destination_dies_and_returns),
        cmocka_unit_test(test_failed_cohort_limit_zero_never_dies),
        cmocka_unit_test(test_concurrency_limit),
        cmocka_unit_test(test_process_limit),
        cmocka_unit_test(test_destination_rate_delay),
        cmocka_unit_test(test_transport_rate_delay),
        cmocka_unit_test(test_small_mail_overtakes_big_one),
        cmocka_unit_test(test_equal_mails_keep_their_order),
        cmocka_unit_test(test_slow_destination_does_not_block_others),
        cmocka_unit_test(test_silent_destinations_leave_room),
        cmocka_unit_test(test_throttled_transport_recovers),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}

#include "table/remote_hosts.h"

#include "base/test.h"
#include "base/time.h"

static int64_t now;
static int n_closed;

static int64_t test_clock(void)
{
    return now;
}

static void count_close(struct plugin_connection *connection)
{
    (void)connection;
    n_closed++;
}

static const struct table_plugin plugin = {.close = count_close};

static struct plugin_connection *some_connection(void)
{
    static char storage;

    return (struct plugin_connection *)(void *)&storage;
}

static void set_up(struct remote_hosts *hosts, const char *list)
{
    now = 1000000;
    n_closed = 0;
    time_test_monotonic = test_clock;
    remote_hosts_init(hosts, &plugin, slice_from(list));
    hosts->idle_ms = SECONDS(60);
    hosts->retry_ms = SECONDS(60);
    remote_hosts_rewind(hosts);
}

static void test_each_once(void **state)
{
    CLEANUP(remote_hosts_release) struct remote_hosts hosts;

    (void)state;
    set_up(&hosts, "inet:a, b\tunix:/c d");
    assert_int_equal(hosts.n_hosts, 4);
    assert_string_equal(remote_hosts_next(&hosts)->name, "unix:/c");
    for (int i = 0; i < 3; i++)
        assert_non_null(remote_hosts_next(&hosts));
    assert_null(remote_hosts_next(&hosts));
    remote_hosts_rewind(&hosts);
    assert_non_null(remote_hosts_next(&hosts));
}

static void test_connected_come_first(void **state)
{
    CLEANUP(remote_hosts_release) struct remote_hosts hosts;

    (void)state;
    set_up(&hosts, "unix:/a b c");
    hosts.hosts[2].connection = some_connection();
    hosts.hosts[2].used_at = now;
    assert_string_equal(remote_hosts_next(&hosts)->name, "c");
    assert_string_equal(remote_hosts_next(&hosts)->name, "unix:/a");
}

static void test_random_order(void **state)
{
    CLEANUP(remote_hosts_release) struct remote_hosts hosts;
    int n_first[2] = {0, 0};

    (void)state;
    set_up(&hosts, "a b");
    for (int i = 0; i < 200; i++) {
        remote_hosts_rewind(&hosts);
        n_first[remote_hosts_next(&hosts) == &hosts.hosts[0]]++;
    }
    assert_true(n_first[0] > 20 && n_first[1] > 20);
}

static void test_penalty(void **state)
{
    CLEANUP(remote_hosts_release) struct remote_hosts hosts;

    (void)state;
    set_up(&hosts, "a");
    hosts.hosts[0].connection = some_connection();
    remote_host_failed(&hosts, remote_hosts_next(&hosts));
    assert_int_equal(n_closed, 1);
    now += SECONDS(30);
    remote_hosts_rewind(&hosts);
    assert_null(remote_hosts_next(&hosts));
    assert_int_equal(remote_hosts_penalty_seconds(&hosts), 30);
    now += SECONDS(30);
    remote_hosts_rewind(&hosts);
    assert_non_null(remote_hosts_next(&hosts));
}

static void test_idle_connections_are_closed(void **state)
{
    CLEANUP(remote_hosts_release) struct remote_hosts hosts;

    (void)state;
    set_up(&hosts, "a");
    hosts.hosts[0].connection = some_connection();
    hosts.hosts[0].used_at = now;
    now += SECONDS(60);
    remote_hosts_rewind(&hosts);
    assert_int_equal(n_closed, 0);
    now += SECONDS(1);
    remote_hosts_rewind(&hosts);
    assert_int_equal(n_closed, 1);
    assert_null(hosts.hosts[0].connection);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_once),
        cmocka_unit_test(test_connected_come_first),
        cmocka_unit_test(test_random_order),
        cmocka_unit_test(test_penalty),
        cmocka_unit_test(test_idle_connections_are_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

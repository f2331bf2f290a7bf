#include "session_cache.h"

#include <sys/socket.h>

#include "base/bug.h"
#include "test_server.h"

/* A session between transactions, and the server's end of its connection. */
static struct session *make_session(struct stream *server)
{
    struct session *session = session_new();
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    session->opened_ms = time_now_ms();
    session->n_transactions = 1;
    stream_init(&session->stream, ends[0]);
    stream_init(server, ends[1]);
    stream_set_deadline(server, deadline_in(SECONDS(20)));
    return session;
}

/* The server is told QUIT, and no more. */
static void expect_quit(struct stream *server)
{
    struct slice line;

    assert_int_equal(stream_read_line(server, &line, 100), LINE_OK);
    assert_slice_equal(line, "QUIT\r");
    assert_int_equal(stream_read_line(server, &line, 100), LINE_END);
    stream_release(server);
}

static void drop(struct session *session, struct stream *server)
{
    session_free(session);
    stream_release(server);
}

static void kept_by_next_hop(void *arg)
{
    struct stream servers[2];
    struct session *one = make_session(&servers[0]), *other = make_session(&servers[1]);

    (void)arg;
    session_cache_keep(one, SLICE("one.test"));
    session_cache_keep(other, SLICE("[other.test]:25"));
    assert_null(session_cache_take(SLICE("other.test")));
    assert_null(session_cache_take(SLICE("One.test")));
    assert_ptr_equal(session_cache_take(SLICE("[other.test]:25")), other);
    assert_ptr_equal(session_cache_take(SLICE("one.test")), one);
    assert_null(session_cache_take(SLICE("one.test")));
    drop(one, &servers[0]);
    drop(other, &servers[1]);
}

/* Whoever may share it finds it under another key. */
static void kept_by_shared_key(void *arg)
{
    struct stream server;
    struct session *session = make_session(&server);

    (void)arg;
    buf_set(&session->shared_key, SLICE("host [192.0.2.1]:25 none"));
    session_cache_keep(session, SLICE("one.test"));
    assert_null(session_cache_take(SLICE("host [192.0.2.2]:25 none")));
    assert_ptr_equal(session_cache_take(SLICE("host [192.0.2.1]:25 none")), session);
    assert_null(session_cache_take(SLICE("one.test")));
    drop(session, &server);
}

/* An idle server that says something, or goes, has ended it; the next one may do. */
static void dead_ones_are_passed_over(void *arg)
{
    struct stream servers[3];
    struct session *sessions[3];

    (void)arg;
    for (size_t i = 0; i < ARRAY_SIZE(sessions); i++) {
        sessions[i] = make_session(&servers[i]);
        session_cache_keep(sessions[i], SLICE("a.test"));
    }
    assert_int_equal(stream_printf(&servers[0], "421 too long\r\n"), 0);
    assert_int_equal(stream_flush(&servers[0]), 0);
    stream_release(&servers[1]);
    assert_ptr_equal(session_cache_take(SLICE("a.test")), sessions[2]);
    assert_null(session_cache_take(SLICE("a.test")));
    stream_release(&servers[0]);
    drop(sessions[2], &servers[2]);
}

static void spent_ones_are_closed(void *arg)
{
    struct stream server;
    struct session *session = make_session(&server);

    (void)arg;
    options.reuse_count_limit = 2;
    session->n_transactions = 3; /* used again twice */
    session_cache_keep(session, SLICE("a.test"));
    expect_quit(&server);
    session = make_session(&server);
    session->n_transactions = 2;
    session_cache_keep(session, SLICE("a.test"));
    assert_ptr_equal(session_cache_take(SLICE("a.test")), session);
    drop(session, &server);
    options.reuse_count_limit = 0;

    options.reuse_time_limit = SECONDS(300);
    session = make_session(&server);
    session->opened_ms = time_now_ms() - SECONDS(300);
    session_cache_keep(session, SLICE("a.test"));
    expect_quit(&server);
    options.reuse_time_limit = 0;

    options.cache_time_limit = 0;
    session_cache_keep(make_session(&server), SLICE("a.test"));
    expect_quit(&server);
    assert_null(session_cache_take(SLICE("a.test")));
}

/* Nobody asks for them any more: each goes when its time is over. */
static void overdue_ones_are_closed(void *arg)
{
    struct stream servers[2];

    (void)arg;
    options.cache_time_limit = 20;
    session_cache_keep(make_session(&servers[0]), SLICE("a.test"));
    session_cache_keep(make_session(&servers[1]), SLICE("b.test"));
    expect_quit(&servers[0]);
    expect_quit(&servers[1]);
    assert_null(session_cache_take(SLICE("a.test")));
}

static void all_are_closed(void *arg)
{
    struct stream servers[2];

    (void)arg;
    session_cache_keep(make_session(&servers[0]), SLICE("a.test"));
    session_cache_keep(make_session(&servers[1]), SLICE("b.test"));
    session_cache_close();
    expect_quit(&servers[0]);
    expect_quit(&servers[1]);
    session_cache_close();
}

static void run(co_fn *test)
{
    test_options(false);
    options.skip_quit_response = true;
    options.cache_time_limit = SECONDS(2);
    options.reuse_time_limit = 0;
    options.reuse_count_limit = 0;
    bug_if(!co_spawn("test", test, NULL));
    co_run();
}

static void test_kept_by_next_hop(void **state)
{
    (void)state;
    run(kept_by_next_hop);
}

static void test_kept_by_shared_key(void **state)
{
    (void)state;
    run(kept_by_shared_key);
}

static void test_dead_ones_are_passed_over(void **state)
{
    (void)state;
    run(dead_ones_are_passed_over);
}

static void test_spent_ones_are_closed(void **state)
{
    (void)state;
    run(spent_ones_are_closed);
}

static void test_overdue_ones_are_closed(void **state)
{
    (void)state;
    run(overdue_ones_are_closed);
}

static void test_all_are_closed(void **state)
{
    (void)state;
    run(all_are_closed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept_by_next_hop),
        cmocka_unit_test(test_kept_by_shared_key),
        cmocka_unit_test(test_dead_ones_are_passed_over),
        cmocka_unit_test(test_spent_ones_are_closed),
        cmocka_unit_test(test_overdue_ones_are_closed),
        cmocka_unit_test(test_all_are_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

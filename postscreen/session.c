/*
 * A client from its arrival to the place where it is passed on: what is known of it already,
 * the tests before the greeting, those behind one, and the conclusion.
 */
#include "session.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "access.h"
#include "base/log.h"
#include "co/co.h"
#include "conf/conf.h"
#include "conf/params.h"
#include "dialogue.h"
#include "early.h"
#include "hand_over.h"
#include "load.h"
#include "mail/delivery_line.h"
#include "proxy.h"
#include "reply.h"

/* A client that does not take a line for so long is no client. */
#define SEND_TIMEOUT SECONDS(10)

/* -- what the tests say ----------------------------------------------------------------------
 */

void session_begin_tests(struct session *session, const char *name)
{
    session->tests_name = name;
    session->tests_began = time_now_ms();
}

void session_format_elapsed(const struct session *session, struct buf *out)
{
    double seconds = (double)(time_now_ms() - session->tests_began) / 1000;

    delivery_delay_format(out, seconds, params.delay_logging_resolution_limit);
}

void session_note_hangup(struct session *session)
{
    CLEANUP(buf_release) struct buf elapsed = BUF_INIT;

    session->stays_here = session->is_over = session->has_hung_up = true;
    if (co_is_cancelled())
        return; /* it is we who end */
    session_format_elapsed(session, &elapsed);
    log_info("HANGUP after %s from %s in %s", elapsed.data, session->name, session->tests_name);
}

void session_enforce(struct session *session, const char *reply)
{
    if (!session->rcpt_reply)
        session->rcpt_reply = reply;
    session->stays_here = true;
}

void session_drop(struct session *session, const char *reply)
{
    session->final_reply = reply;
    session->stays_here = session->is_over = true;
}

void session_pass(struct session *session, enum test test, int64_t ttl_seconds)
{
    if (ttl_seconds == 0)
        ttl_seconds = settings.tests[test].ttl_seconds;
    session->client->results.expires[test] = time_wall_seconds() + ttl_seconds;
    session->passed |= TEST_BIT(test);
}

void session_fail(struct session *session, enum test test, const char *enforced,
                  const char *dropped)
{
    switch (settings.tests[test].action) {
    case ACTION_IGNORE:
        return; /* and not passed: it is tested again the next time */
    case ACTION_ENFORCE:
        session_enforce(session, enforced);
        break;
    case ACTION_DROP:
        session_drop(session, dropped);
        break;
    }
    if (session->passed & TEST_BIT(test))
        session->client->results.expires[test] = RESULT_NEW;
    session->failed |= TEST_BIT(test);
    session->passed &= ~TEST_BIT(test);
}

/* -- at the door -----------------------------------------------------------------------------
 */

static void set_name(struct session *session)
{
    char text[ENDPOINT_TEXT_BYTES];
    const struct endpoint *peer = &session->connection->peer;

    snprintf(session->name, sizeof(session->name), "[%s]:%u", endpoint_text(peer, text),
             endpoint_port(peer));
}

static void log_connect(const struct session *session)
{
    const struct endpoint *local = &session->connection->local;
    char text[ENDPOINT_TEXT_BYTES];

    log_info("CONNECT from %s to [%s]:%u", session->name, endpoint_text(local, text),
             endpoint_port(local));
}

/* There are too many of them, whoever they are. */
static bool is_crowded(struct session *session)
{
    if (params.postscreen_client_connection_count_limit > 0 &&
        session->client->n_sessions > params.postscreen_client_connection_count_limit) {
        log_info("NOQUEUE: reject: CONNECT from %s: too many connections", session->name);
        session_drop(session, "421 4.7.0 Error: too many connections");
    } else if (load_has_no_server()) {
        log_info("NOQUEUE: reject: CONNECT from %s: all server ports busy", session->name);
        session_drop(session, "421 4.3.2 All server ports are busy");
    }
    return session->is_over;
}

/* Once: who reads the log for these words needs to know but once. */
static void log_if_old_words(const struct session *session)
{
    static bool is_logged;

    if (is_logged || !conf_uses_old_default("respectful_logging", "3.6"))
        return;
    is_logged = true;
    log_info("using backwards-compatible default setting respectful_logging=no for client %s",
             session->name);
}

static void deny(struct session *session)
{
    log_if_old_words(session);
    log_info("%sED %s", settings.deny_word, session->name);
    if (settings.deny == ACTION_IGNORE)
        return;
    session->is_refused = true;
    if (settings.deny == ACTION_DROP)
        session_drop(session, "521 5.3.2 Service currently unavailable");
    else
        session_enforce(session, "550 5.3.2 Service currently unavailable");
}

/* Only at some of our addresses strangers can get the pass (others are those of a backup MX).
 */
static void check_interface(struct session *session)
{
    struct error error;

    switch (match_list_client(settings.allow_interfaces, SLICE("unknown"),
                              &session->connection->local, &error)) {
    case TABLE_FOUND:
        return;
    case TABLE_NOT_FOUND:
        log_if_old_words(session);
        log_info("%s VETO %s", settings.allow_word, session->name);
        break;
    case TABLE_ERROR:
        log_warning("%s", error.text);
        break;
    }
    session->is_refused = session->stays_here = true;
}

/* True: the client needs no test. */
static bool is_known(struct session *session)
{
    const struct results *results = &session->client->results;

    session->todo = results_due(results, time_wall_seconds());
    session->is_new = results_are_new(results);
    if (session->todo || session->is_refused)
        return false;
    log_info("PASS OLD %s", session->name);
    return true;
}

/* True: there is nothing to find out. */
static bool is_settled(struct session *session)
{
    switch (access_check(&session->connection->peer)) {
    case ACCESS_PERMIT:
        log_if_old_words(session);
        log_info("%sED %s", settings.allow_word, session->name);
        return true;
    case ACCESS_REJECT:
        deny(session);
        if (session->is_over)
            return true;
        break;
    case ACCESS_DUNNO:
        break;
    }
    return is_known(session);
}

static void examine(struct session *session)
{
    if (is_crowded(session) || is_settled(session))
        return;
    check_interface(session);
    if (load_has_no_place()) {
        log_info("reject: connect from %s: all screening ports busy", session->name);
        session_drop(session, "421 4.3.2 All screening ports are busy");
        return;
    }
    if (session->todo & EARLY_TESTS)
        early_tests(session);
    if (!session->is_over &&
        (session->stays_here || (session->todo & DEEP_TESTS & ~session->passed)))
        dialogue_run(session);
}

/* -- the end --------------------------------------------------------------------------------
 */

static void remember(struct session *session)
{
    struct client *client = session->client;

    if (session->failed || session->is_refused)
        session->passed = 0;
    if (!session->passed)
        return;
    if (session->passed == session->todo) {
        bool is_old = !session->is_new || client->n_passed > 0;

        client->n_passed++;
        log_info("PASS %s %s", is_old ? "OLD" : "NEW", session->name);
    }
    client_remember(client);
}

static void say_goodbye(struct session *session)
{
    if (session->final_reply && !session->has_hung_up) {
        stream_set_deadline(session->stream, deadline_in(SEND_TIMEOUT));
        /* Whether it arrives is the client's affair. */
        (void)!reply_send(session, session->final_reply);
    }
    log_info("DISCONNECT %s", session->name);
}

/* There is no smtpd to take the client: who was greeted must hear that as a reply. */
static void turn_away(struct session *session)
{
    if (!session->is_greeted) {
        (void)!reply_send(session, "421 4.3.2 All server ports are busy");
        return;
    }
    session->stays_here = true;
    dialogue_refuse(session, "421 4.3.2 No system resources");
    remember(session);
    say_goodbye(session);
}

static void conclude(struct session *session)
{
    remember(session);
    if (session->stays_here)
        say_goodbye(session);
    else if (hand_over(session) < 0)
        turn_away(session);
}

static void serve(struct session *session)
{
    char text[ENDPOINT_TEXT_BYTES];

    set_name(session);
    log_connect(session);
    session->client = client_join(slice_from(endpoint_text(&session->connection->peer, text)));
    load_arrived();
    examine(session);
    conclude(session);
    load_left();
    client_leave(session->client);
}

void session_run(struct worker_client *connection)
{
    struct session session = {.connection = connection,
                              .stream = &connection->stream,
                              .dnsbl_reply = BUF_INIT,
                              .limit_reply = BUF_INIT};

    stream_set_deadline(session.stream, deadline_in(SEND_TIMEOUT));
    if (!settings.uses_haproxy || proxy_identify(connection) == 0)
        serve(&session);
    else
        (void)!reply_send(&session, "421 4.3.2 No system resources");
    buf_release(&session.dnsbl_reply);
    buf_release(&session.limit_reply);
}

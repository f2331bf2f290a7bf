/* Half a greeting, a wait, and what came meanwhile. */
#include "early.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/log.h"
#include "co/co.h"
#include "conf/params.h"
#include "escape.h"
#include "reply.h"

#define PEEK_BYTES 1024

/* How the wait for the client's first byte ended. */
enum patience { PATIENT, IMPATIENT, EXCUSED, GONE };

/* The first line of a greeting that goes on: clients that don't read replies take it for all.
 */
static int send_teaser(struct session *session)
{
    CLEANUP(buf_release) struct buf line = BUF_INIT;

    buf_printf(&line, "220-%s\r\n", params.postscreen_greet_banner);
    session->is_greeted = true;
    int result = reply_send_raw(session, buf_slice(&line));

    stream_shrink(session->stream);
    return result;
}

/* What is there stays in the socket, for smtpd to read. The client is there as long as there is
 * something. */
static bool log_pregreet(struct session *session)
{
    CLEANUP(buf_release) struct buf elapsed = BUF_INIT;
    CLEANUP(buf_release) struct buf escaped = BUF_INIT;
    char bytes[PEEK_BYTES];
    ssize_t len = recv(session->stream->fd, bytes, sizeof(bytes), MSG_PEEK | MSG_DONTWAIT);

    if (len <= 0)
        return false;
    session_format_elapsed(session, &elapsed);
    escape(&escaped, slice_of(bytes, (size_t)len));
    log_info("PREGREET %zd after %s from %s: %.100s", len, elapsed.data, session->name,
             escaped.data);
    return true;
}

static enum patience wait_for_first_byte(struct session *session, struct dnsbl_score *score,
                                         deadline_t until)
{
    struct dnsbl_watcher watcher = {.fd = -1};

    if (score && dnsbl_is_finished(score) && dnsbl_allows(score))
        return EXCUSED;
    if (score)
        dnsbl_watch(score, &watcher, session->stream->fd);
    enum wake wake = co_wait_fd(session->stream->fd, EPOLLIN, until);

    if (score)
        dnsbl_unwatch(&watcher);
    switch (wake) {
    case WAKE_TIMEOUT:
        return PATIENT;
    case WAKE_READY:
        return log_pregreet(session) ? IMPATIENT : GONE;
    case WAKE_CANCELLED:
        break;
    }
    return co_is_cancelled() ? GONE : EXCUSED;
}

/* A list of the good lets the client off all other tests. */
static void pass_by_list(struct session *session)
{
    struct results *results = &session->client->results;

    for (int i = 0; i < N_TESTS; i++) {
        if (results->expires[i] < results->expires[TEST_DNSBL])
            results->expires[i] = results->expires[TEST_DNSBL];
    }
    session->passed |= session->todo;
}

static void refuse_by_list(struct session *session, const struct dnsbl_score *score)
{
    const char *name = score->public_name ? score->public_name : "a DNS list";
    bool drops = settings.tests[TEST_DNSBL].action == ACTION_DROP;
    struct buf *reply = &session->dnsbl_reply;
    char text[ENDPOINT_TEXT_BYTES];

    buf_reset(reply);
    buf_printf(reply, "%s 5.7.1 Service unavailable; client [%s] blocked using %s",
               drops ? "521" : "550", endpoint_text(&session->connection->peer, text), name);
    session_fail(session, TEST_DNSBL, reply->data, reply->data);
}

static void judge_score(struct session *session, const struct dnsbl_score *score)
{
    if (score->rank >= params.postscreen_dnsbl_threshold) {
        log_info("DNSBL rank %d for %s", score->rank, session->name);
        refuse_by_list(session, score);
        return;
    }
    session_pass(session, TEST_DNSBL, score->ttl_seconds);
    if (dnsbl_allows(score) && !session->failed && !session->is_refused)
        pass_by_list(session);
}

static void test_patience(struct session *session, struct dnsbl_score *score, deadline_t until)
{
    switch (wait_for_first_byte(session, score, until)) {
    case PATIENT:
        session_pass(session, TEST_PREGREET, 0);
        break;
    case IMPATIENT:
        session_fail(session, TEST_PREGREET, "550 5.5.1 Protocol error",
                     "521 5.5.1 Protocol error");
        break;
    case EXCUSED:
        break;
    case GONE:
        session_note_hangup(session);
        break;
    }
}

static void run(struct session *session, struct dnsbl_score *score)
{
    deadline_t until = deadline_in(params.postscreen_greet_wait);

    if (session->todo & TEST_BIT(TEST_PREGREET)) {
        if (send_teaser(session) < 0)
            session_note_hangup(session);
        else
            test_patience(session, score, until);
    }
    if (session->is_over || !score)
        return;
    /* At the end of a wait for the client there is none left for the lists. */
    dnsbl_wait(score, until);
    judge_score(session, score);
}

void early_tests(struct session *session)
{
    struct dnsbl_score *score = NULL;

    session_begin_tests(session, "tests before SMTP handshake");
    if (session->todo & TEST_BIT(TEST_DNSBL))
        score = dnsbl_begin(&session->connection->peer);
    run(session, score);
    if (score)
        dnsbl_end(score);
}

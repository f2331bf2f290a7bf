/*
 * One client under test.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "clients.h"
#include "dnsbl.h"
#include "settings.h"
#include "worker/worker.h"

/* "[" address "]:" port */
#define SESSION_NAME_BYTES (ENDPOINT_TEXT_BYTES + 10)

struct session {
    struct worker_client *connection;
    struct stream *stream; /* the connection's */
    struct client *client;
    char name[SESSION_NAME_BYTES]; /* "[192.0.2.1]:4711" */

    unsigned todo;    /* tests that must be passed (masks of tests) */
    unsigned passed;  /* of those */
    unsigned failed;  /* and counts against the client */
    bool is_refused;  /* fails for another reason: denied, not at this address */
    bool is_new;      /* there is a test that the client never passed */
    bool is_greeted;  /* the client has had the first line of a greeting */
    bool stays_here;  /* it is not passed on */
    bool is_over;     /* nothing is to be said any more but final_reply */
    bool has_hung_up; /* not even that */

    /* "550 5.5.1 Protocol error" and the like. */
    const char *rcpt_reply;
    const char *final_reply;             /* NULL: none */
    struct buf dnsbl_reply, limit_reply; /* where one of them may lie */

    const char *tests_name; /* "tests before SMTP handshake" */
    int64_t tests_began;    /* monotonic */
};

/* The whole life of a client in here. */
MAY_WAIT void session_run(struct worker_client *connection);

/* Count the time of HANGUP and PREGREET from now on. */
void session_begin_tests(struct session *session, const char *name);
/* "0.23": seconds since. */
void session_format_elapsed(const struct session *session, struct buf *out);
/* The client is gone: log it. */
void session_note_hangup(struct session *session);

/* The client will not be passed on, and hears this to each recipient. The first one stays. */
void session_enforce(struct session *session, const char *reply);
/* The session ends with this reply. */
void session_drop(struct session *session, const char *reply);

/*
 * A test is passed for its time, at the end of the session. ttl_seconds 0: that of main.cf.
 */
void session_pass(struct session *session, enum test test, int64_t ttl_seconds);
/* A test is failed, and this is done about it; replies are those of enforce and drop. */
void session_fail(struct session *session, enum test test, const char *enforced,
                  const char *dropped);

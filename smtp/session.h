/*
 * One SMTP or LMTP connection: greeting, EHLO, commands and replies. What a mail transaction is
 * stands in transaction.h.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/list.h"
#include "base/slice.h"
#include "destination.h"
#include "mail/dsn.h"
#include "net/stream.h"

enum feature {
    FEATURE_PIPELINING = 1,
    FEATURE_SIZE = 2,
    FEATURE_8BITMIME = 4,
    FEATURE_SMTPUTF8 = 8,
    FEATURE_DSN = 16,
    FEATURE_STATUS_CODES = 32,
};

struct session {
    struct stream stream;
    struct buf host;       /* "mx.example.com" */
    struct buf label;      /* "mx.example.com[192.0.2.1]", for messages */
    struct buf relay;      /* with ":25", for the log */
    struct buf nexthop;    /* the key under which it may be kept */
    unsigned features;     /* FEATURE_ bits */
    int64_t size_limit;    /* of SIZE; 0: none told */
    int64_t opened_ms;     /* monotonic */
    int64_t idle_since_ms; /* while it is kept */
    int n_transactions;    /* begun on it so far */
    struct list_link kept;
    /* The last reply. */
    int code;
    char status[DSN_STATUS_BYTES];
    struct buf reply; /* "250-a 250 b": lines joined by a blank */
};

void session_free(struct session *session);

/* The reply came; the peer refused; nothing more can be said on this connection. */
enum step { STEP_OK, STEP_REFUSED, STEP_BROKEN };

/*
 * Connect to the host and say EHLO (HELO, LHLO). NULL with *dsn: not connected ("connect to
 * ...: reason", *connected false), refused or broken. The dsn's texts lie in the arena.
 */
MUST_USE MAY_WAIT struct session *session_open(const struct host *host, struct arena *arena,
                                               bool *connected, struct dsn *dsn);

/* Collect a command line (without CRLF); it leaves with the next reply that is waited for. */
MAY_WAIT void session_command(struct session *session, const char *format, ...)
    PRINTF_LIKE(2, 3);
/* Read the next reply. OK for 2xx and 3xx. */
MUST_USE MAY_WAIT enum step session_reply(struct session *session, int64_t timeout_ms);

/* Say QUIT (unless it is broken) and free. */
MAY_WAIT void session_quit(struct session *session);

/* "host H said: REPLY (in reply to WHAT command)", with the reply's status and diagnostics. */
void session_refused(const struct session *session, const char *command, struct arena *arena,
                     struct dsn *dsn);
/* "lost connection with H while WHAT", "conversation with H timed out while WHAT". */
void session_broke(const struct session *session, const char *activity, struct arena *arena,
                   struct dsn *dsn);

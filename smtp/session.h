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
#include "tls_policy.h"
#include "tls_session.h"

enum feature {
    FEATURE_PIPELINING = 1,
    FEATURE_SIZE = 2,
    FEATURE_8BITMIME = 4,
    FEATURE_SMTPUTF8 = 8,
    FEATURE_DSN = 16,
    FEATURE_STATUS_CODES = 32,
    FEATURE_STARTTLS = 64,
    FEATURE_REQUIRETLS = 128,
    FEATURE_AUTH = 256,
};

struct session {
    struct stream stream;
    struct buf host;       /* "mx.example.com" */
    struct buf label;      /* "mx.example.com[192.0.2.1]", for messages */
    struct buf relay;      /* with ":25", for the log */
    struct buf place;      /* "[192.0.2.1]:25", whatever the host is called */
    struct buf nexthop;    /* the key under which it may be kept */
    struct buf shared_key; /* of others that may have it as well; empty: none */
    unsigned features;     /* FEATURE_ bits */
    int64_t size_limit;    /* of SIZE; 0: none told */
    unsigned discarded;    /* EHLO_ bits that do not count (route/ehlo_keywords.h) */
    unsigned xforward;     /* what it takes: XFORWARD_ bits */
    int64_t opened_ms;     /* monotonic */
    int64_t idle_since_ms; /* while it is kept */
    int n_transactions;    /* begun on it so far */
    int n_unread;          /* replies to what was said last that are read with QUIT's */
    struct session_tls tls;
    struct buf mechanisms; /* of AUTH, those that we may use; separated by blanks */
    bool is_esmtp;         /* says its greeting: it knows EHLO */
    bool is_logged_in;
    unsigned workarounds; /* PIX_ bits */
    struct list_link kept;
    struct slice queue_id;         /* of the message under way, for log lines; else empty */
    const struct opening *opening; /* while it is being opened; then NULL */
    bool is_garbled;               /* replies can't be told apart any more */
    bool is_misunderstood;         /* the postmaster is to hear of it (notice.h); likewise: */
    bool has_data_trouble;         /* a table is out of order, and the session ends for that */
    struct buf transcript;         /* for that */
    bool is_for_reports;           /* no notice of this one: its message is a report */
    /* The last reply. */
    int code;
    char status[DSN_STATUS_BYTES];
    struct buf reply; /* "250-a 250 b": lines joined by a blank */
    struct buf hello; /* the answer to the last EHLO, for TLS reports; lines as sent */
};

/* One that has no connection yet. */
MUST_USE struct session *session_new(void);
void session_free(struct session *session);

/* The reply came; the peer refused; nothing more can be said on this connection. */
enum step { STEP_OK, STEP_REFUSED, STEP_BROKEN };

/* A connection that is wanted, or why there is none. */
struct opening {
    const struct host *host;
    const struct tls_policy *policy; /* completed, not INVALID */
    const struct tls_report *report; /* NULL: nobody wants to hear how TLS went */
    struct slice nexthop;            /* as given: "[mx.example.com]:587" */
    struct slice sender;             /* of the message at hand; likewise: */
    struct slice queue_id;
    int64_t arrival_seconds;
    bool may_go_plain;   /* after a failed handshake, where the policy allows it */
    struct arena *arena; /* for the dsn's texts */

    enum opening_failure {
        OPENING_NOT_CONNECTED, /* "connect to ...: reason" */
        OPENING_FAILED,        /* the host is of no use now */
        OPENING_NO_HANDSHAKE,  /* likewise, but TLS was not needed: the host may be all right */
        OPENING_GO_PLAIN,      /* try the host again without TLS */
    } failure;
    struct dsn dsn;
};

/*
 * Connect to the host, say EHLO (HELO, LHLO) and start TLS as the policy wants it. NULL with
 * failure and dsn.
 */
MUST_USE MAY_WAIT struct session *session_open(struct opening *opening);

/* EHLO, LHLO, or HELO where that is refused. *activity names the step that went wrong. */
MUST_USE MAY_WAIT enum step session_hello(struct session *session, const char **activity);

/* Collect a command line (without CRLF); it leaves with the next reply that is waited for. */
MAY_WAIT void session_command(struct session *session, const char *format, ...)
    PRINTF_LIKE(2, 3);
/* The same for a line that neither the log nor the postmaster must be shown. */
MAY_WAIT void session_secret(struct session *session, struct slice line);
/* Read the next reply into session->reply, its lines separated by LF: OK for 2xx. A line
 * that is none of a reply is passed over, with a warning, unless commands are pipelined.
 */
MUST_USE MAY_WAIT enum step session_reply_lines(struct session *session, int64_t timeout_ms);
/* Lines of session->reply become words. */
void session_join_lines(struct session *session);
/* Read the next reply: OK for 2xx; any other code is a refusal. */
MUST_USE MAY_WAIT enum step session_reply(struct session *session, int64_t timeout_ms);
/* The same after DATA and AUTH, where 3xx (session->code) is OK as well: it asks for more. */
MUST_USE MAY_WAIT enum step session_reply_or_more(struct session *session, int64_t timeout_ms);

/* Where the host is: "[192.0.2.1]:25", or the path of its socket. */
void host_place(const struct host *host, struct buf *place);
/* The same behind its name, for the log: "mx.example.com[192.0.2.1]:25", "host[/socket]". */
void host_relay(const struct host *host, struct buf *relay);
/* A kept session goes on as one with this host, which has the same address. */
void session_rename(struct session *session, const struct host *host);

/* Say QUIT (unless it is broken), send the notice that may be due (notice.h), and free. */
MAY_WAIT void session_quit(struct session *session);

/* "local data error while talking to H": a table of ours is out of order, and mail waits. */
void session_data_trouble(struct session *session, struct arena *arena, struct dsn *dsn);

/* "host H said: REPLY (in reply to WHAT command)", with the reply's status and diagnostics. */
void session_refused(struct session *session, const char *command, struct arena *arena,
                     struct dsn *dsn);
/* "lost connection with H while WHAT", "conversation with H timed out while WHAT", "host H said
 * what is no reply while WHAT". */
void session_broke(struct session *session, const char *activity, struct arena *arena,
                   struct dsn *dsn);
/* "host H refused to talk to me: REPLY", likewise. */
void session_refused_to_talk(struct session *session, struct arena *arena, struct dsn *dsn);

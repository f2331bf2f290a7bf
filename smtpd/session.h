/*
 * One SMTP session: the connection, who is there, and what has been said so far.
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/compiler.h"
#include "net/stream.h"
#include "peer.h"
#include "reply.h"
#include "worker/worker.h"

struct tls_peer;
struct transaction;
struct mail_filters;

/* Classes of trouble that notify_classes may report to the postmaster. */
enum session_notice {
    NOTICE_PROTOCOL = 1,
    NOTICE_POLICY = 2,
    NOTICE_RESOURCE = 4,
    NOTICE_SOFTWARE = 8,
    NOTICE_DATA = 16,
    NOTICE_BOUNCE = 32, /* what would have become a bounce, had it been accepted */
};

enum session_end {
    SESSION_OPEN,
    SESSION_CLOSING, /* we said good-bye */
    SESSION_LOST,
    SESSION_TIMEOUT,
    SESSION_TOO_MANY_ERRORS,
};

/* The commands that are counted; the order is that of the disconnect line. */
enum session_command {
    COMMAND_HELO,
    COMMAND_EHLO,
    COMMAND_XCLIENT,
    COMMAND_XFORWARD,
    COMMAND_STARTTLS,
    COMMAND_AUTH,
    COMMAND_MAIL,
    COMMAND_RCPT,
    COMMAND_DATA,
    COMMAND_BDAT,
    COMMAND_RSET,
    COMMAND_NOOP,
    COMMAND_VRFY,
    COMMAND_ETRN,
    COMMAND_QUIT,
    COMMAND_UNKNOWN,
    N_COMMANDS,
};

struct command_count {
    unsigned total, succeeded;
};

struct session {
    struct stream *stream;
    struct arena arena;    /* who is there; lives as long as the connection */
    struct arena scratch;  /* of the command at hand: its reply, parsed arguments */
    struct peer peer;      /* the client as access control and the log see it */
    struct peer connected; /* the client that is really connected (XCLIENT changes peer) */
    struct client_attributes forwarded; /* XFORWARD, for the log and the next hop */
    struct slice forwarded_ident;
    bool has_forwarded;
    bool forwarded_has_source; /* XFORWARD SOURCE was told: */
    bool forwarded_is_local;   /* it was LOCAL */
    struct arena forwarded_arena;

    struct buf helo;      /* argument of HELO and EHLO; empty: none yet */
    const char *protocol; /* "SMTP" or "ESMTP" */
    struct slice command; /* the line at hand, as the client said it */
    const char *stage;    /* "CONNECT", then the last command: for the log */
    unsigned
        discarded_keywords; /* EHLO_ bits (route/ehlo_keywords.h) not offered to this client */
    unsigned bare_newline;  /* enum newline_rule of settings.h for this client */
    bool saw_bare_newline;
    bool is_standalone;
    bool is_rehearsal;  /* to explain (explain.h): as a client's, but nothing leaves the process
                         */
    bool has_pipelined; /* talked out of turn: reject_unauth_pipelining */
    bool is_counted;    /* anvil knows of the connection */
    int64_t n_connections; /* of this client, as anvil counted them at its start; 0: unknown */

    const struct tls_peer *tls; /* NULL: plain text; lives in arena */
    /* Who has logged in, and how (AUTH, XCLIENT LOGIN); in the arena. Empty: nobody. */
    struct slice sasl_method, sasl_username;
    bool login_is_down; /* nobody could log in now, whoever it is */

    struct transaction *transaction; /* NULL outside of one */
    struct mail_filters *filters;    /* NULL: none for this client (milter.h) */
    bool after_bdat_error; /* chunks that follow a failed one are dropped until RSET */
    struct buf denied;     /* the reply of a refused connection (smtpd_delay_reject = no) */
    struct buf deferred;   /* DEFER_IF_PERMIT of an early stage (the same) */

    unsigned n_errors, n_junk; /* since mail was last accepted */
    unsigned notices;          /* NOTICE_ bits */
    struct buf transcript;     /* "In:  ..." and "Out: ..." lines, for notices */
    struct command_count counts[N_COMMANDS];
    int64_t stage_bytes; /* of content received in this stage; -1: none was to come */
    enum session_end end;
};

/* Serve the client until it leaves; owns nothing of *client. */
MAY_WAIT void session_run(struct worker_client *client);

/* Send a reply: soft_bounce, footer, tarpit and transcript are applied here. */
MAY_WAIT void session_send(struct session *session, struct smtp_reply reply);
/* Note that reading or writing failed; the session ends. */
void session_note_stream_end(struct session *session);

/* Forget the transaction, if there is one (RSET, end of data, HELO). */
MAY_WAIT void session_end_transaction(struct session *session);
/* An XFORWARD is good for one transaction. */
void session_forget_forwarded(struct session *session);
/* HELO state back to that of a new connection (XCLIENT). */
MAY_WAIT void session_restart(struct session *session);
/* The greeting, or the refusal of the connection. */
MAY_WAIT struct smtp_reply session_greeting(struct session *session);

/*
 * Read a line that answers a challenge of ours, at most limit bytes, into the scratch arena.
 * TOO_LONG: it was, and has been dropped; END: the client is gone, session->end tells why.
 */
MUST_USE MAY_WAIT enum line_result session_read_response(struct session *session, size_t limit,
                                                         struct slice *line);

/* "name[address]" for log lines and replies. */
const char *session_client(const struct session *session);
/* The queue ID, or "NOQUEUE" while there is none. */
MAY_WAIT const char *session_queue_id(struct session *session);

/*
 * One mail transaction: from MAIL to the end of the message or RSET.
 */
#pragma once

#include <stdbool.h>
#include <sys/time.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/compiler.h"
#include "base/error.h"
#include "content.h"
#include "esmtp.h"
#include "ipc/cleanup_client.h"
#include "policy_server.h"
#include "postdrop.h"
#include "proxy.h"

struct session;

/* What access tables ordered for the message as a whole. Empty: nothing. */
struct message_actions {
    bool hold, discard;
    struct slice filter;   /* transport:nexthop */
    struct slice redirect; /* all recipients become this one */
    struct slice bcc;      /* one more recipient */
    struct buf prepended;  /* header lines, each ended by LF */
};

struct transaction {
    struct arena arena;
    struct slice sender; /* internal form; empty: <> */
    struct mail_parameters parameters;
    struct slice sasl_sender; /* AUTH= of a client that has logged in; empty: none */
    struct timeval arrival_time;
    struct slice rewrite_context; /* "local" or "remote" */
    struct message_actions actions;
    struct buf deferred; /* DEFER_IF_PERMIT for the sender, without smtpd_delay_reject */

    unsigned n_recipients;  /* accepted ones */
    unsigned n_overshoot;   /* refused for their number */
    struct slice recipient; /* the first accepted one */

    bool has_destination;   /* cleanup was asked to take the message */
    bool is_dropped;        /* stand-alone: it is postdrop */
    bool has_envelope;      /* records up to the sender have been handed over */
    unsigned cleanup_flags; /* as told to cleanup last */
    struct cleanup_client cleanup;
    struct postdrop postdrop;
    struct proxy *proxy;   /* smtpd_proxy_filter takes the message; NULL: it does not */
    struct buf recipients; /* records of recipients that wait for the envelope */

    unsigned instance;         /* no two messages of this process have the same */
    struct policy_hold policy; /* connections to policy servers */

    bool in_bdat; /* a chunk has been received */
    struct content content;
};

/* Begin at MAIL. */
struct transaction *transaction_new(void);
/* Give up the message unless it was handed over; frees everything. NULL is harmless. */
MAY_WAIT void transaction_free(struct transaction *transaction);

/* Open the message before there is a recipient. Temporary error. */
MUST_USE MAY_WAIT int transaction_open(struct session *session, struct error *error);
/*
 * A recipient was accepted. The first one opens the message (in stand-alone mode: at
 * postdrop). Temporary error.
 */
MUST_USE MAY_WAIT int transaction_add_recipient(struct session *session, struct slice recipient,
                                                const struct rcpt_parameters *parameters,
                                                struct error *error);
/* Count a recipient that was accepted. */
void transaction_note_recipient(struct transaction *transaction, struct slice recipient);
/* Once for a message that gets no queue ID here: log "NOQUEUE: client=". */
void transaction_log_client(struct session *session);
/*
 * Hand over the envelope as far as it is known, and "client=" for the log. Harmless when there
 * is nothing to do; to be called before content.
 */
MAY_WAIT void transaction_prepare(struct session *session);
/* The same, and wait for the queue ID, with which "client=" is logged. Temporary error. */
MUST_USE MAY_WAIT int transaction_settle(struct session *session, struct error *error);
/* NULL while there is none. */
const char *transaction_queue_id(const struct transaction *transaction);

/* Records of the content. */
MAY_WAIT void transaction_put(struct transaction *transaction, char type, struct slice data);
/* The same with the queue ID between the two; not for one that a filter takes over. */
MAY_WAIT void transaction_put_with_id(struct transaction *transaction, char type,
                                      struct slice before, struct slice after);
/* Received:, prepended headers: in front of the first line of content. */
MAY_WAIT void transaction_begin_content(struct session *session);
/* The message is complete. 0 with the verdict, or -1 with a temporary error. */
MUST_USE MAY_WAIT int transaction_finish(struct session *session,
                                         struct cleanup_result_texts *result,
                                         struct error *error);

/*
 * The delivery agent's half: take a request of the queue manager, deliver, and account for each
 * recipient exactly once: log line, status log, D record. Used by smtp, local, virtual, pipe,
 * error and discard. Reads the global params (soft_bounce, delay_logging_resolution_limit,
 * ...).
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "base/error.h"
#include "ipc/channel.h"
#include "mail/delivery_line.h"
#include "mail/dsn.h"
#include "mail/message.h"

struct delivery {
    struct delivery_request request; /* texts lie in the arena */
    struct recipient *recipients;    /* request.n_recipients of them, in the arena */
    size_t n_recipients;
    struct arena arena;
    int fd;                      /* the queue file, opened O_RDWR, shared flock held */
    struct message message;      /* for content_open: offsets set, no envelope read */
    struct delivery_times times; /* connect_done is the agent's to set */
    const char *tls_status;  /* "dane", "may:none": how TLS went, for the log; NULL: nothing */
    struct slice flush_site; /* flush has been told of it last */
    size_t n_done;           /* recipients delivered or bounced so far: marked D */
    int status;              /* what goes into delivery_result */
    struct dsn result_dsn;   /* set by delivery_destination_failed */
    struct buf result_reason;
};

/*
 * Receive one delivery on the channel, whose first message (a delivery_request in *body) has
 * been read; open the queue file; call deliver; send the delivery_result. When the file cannot
 * be opened (the message was deleted) the result says so and deliver is not called.
 * -1: the channel is no longer usable.
 */
MUST_USE MAY_WAIT int delivery_serve(struct channel *channel, struct slice body,
                                     void (*deliver)(struct delivery *delivery),
                                     struct error *error);

/*
 * The whole answer to a message that a worker's `request` was given: delivery_serve where it is
 * a delivery_request; anything else, and trouble, is logged. -1: close the channel.
 */
MUST_USE MAY_WAIT int delivery_answer(struct channel *channel, enum message_number number,
                                      struct slice body,
                                      void (*deliver)(struct delivery *delivery));

/*
 * True when nothing may be delivered: an address probe or sendmail -bv. The agent then reports
 * what it would do ("delivers to mailbox") as if it had.
 */
bool delivery_is_trial(const struct delivery *delivery);

/*
 * Open what all agents have in common: fast_flush_domains, for which flush is told of what is
 * deferred. Before the jail; without it flush is asked each time.
 */
void delivery_open(void);

/*
 * The limit of mailbox files (name is the parameter's, in bytes, 0: none) must leave room for
 * any message, or some could never be delivered; else this ends the process, and mail waits.
 */
void delivery_check_limit(const char *name, int64_t limit);

/*
 * Open the agent's delivery status filter (smtp_delivery_status_filter, ...): title is the
 * parameter's name, list its value. Before the jail; without it nothing is filtered.
 */
void delivery_open_filter(const char *title, const char *list);

/*
 * One of these for each recipient; recipient->done tells afterwards whether it has left the
 * queue. relay as the log shows it ("none", "local", "h[a]:25"). */
/*
 * The recipient was an alias; what it stands for is being delivered to. A sender who asked for
 * success hears that now, once, and nothing of the rest. action is "expanded", or "delivered"
 * of a mailing list (RFC 3461 section 5.2.7.3).
 */
MAY_WAIT void delivery_expanded(struct delivery *delivery, struct recipient *recipient,
                                struct slice relay, const char *action);
/* Delivered: status=sent (dsn->reason); the recipient is marked done. */
MAY_WAIT void delivery_sent(struct delivery *delivery, struct recipient *recipient,
                            struct slice relay, const struct dsn *dsn);
/* Will be tried again: status=deferred. A recipient never accounted for is tried again too. */
MAY_WAIT void delivery_deferred(struct delivery *delivery, struct recipient *recipient,
                                struct slice relay, const struct dsn *dsn);
/* Never: status=bounced, unless soft_bounce; when the bounce log fails it is deferred. */
MAY_WAIT void delivery_bounced(struct delivery *delivery, struct recipient *recipient,
                               struct slice relay, const struct dsn *dsn);
/* By the class digit of dsn->status: 2 sent, 4 deferred, 5 bounced. */
MAY_WAIT void delivery_ended(struct delivery *delivery, struct recipient *recipient,
                             struct slice relay, const struct dsn *dsn);
/* The recipient became others (alias, .forward): status=sent or expanded is logged by the
 * caller's dsn; the record is marked done. */
MAY_WAIT void delivery_mark_done(struct delivery *delivery, struct recipient *recipient);

/* Tell the queue manager that the destination itself failed (no connection, service down). */
void delivery_destination_failed(struct delivery *delivery, const struct dsn *dsn);

/* Fill a dsn: status, action by its class, reason from printf arguments kept in the arena. */
void delivery_dsn(struct delivery *delivery, struct dsn *dsn, const char *status,
                  const char *format, ...) PRINTF_LIKE(4, 5);

/*
 * smtpd_proxy_filter: a filter that speaks SMTP and gets the message while its client waits.
 * Nothing is queued here; the filter's reply to the final dot is the client's, and it passes
 * the message on.
 *
 * With smtpd_proxy_options = speed_adjust the message is taken whole before the filter is
 * bothered with it: slow clients then keep no filter busy.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/slice.h"
#include "net/stream.h"
#include "reply.h"

struct session;

struct proxy {
    struct stream stream;
    bool is_connected;   /* and MAIL was accepted */
    bool has_failed;     /* nothing more can be said to it */
    bool is_inside_line; /* of content: a part of the line is sent */
    unsigned offered;    /* XFORWARD_ bits (mail/xforward.h) */
    struct buf mail;     /* the client's MAIL command */

    struct buf recipients; /* speed_adjust: RCPT commands, each ended by LF */
    int file;              /* and the content as it will go over the wire; -1: none */
    struct buf unwritten;
};

/* Is there a filter for this session? */
bool proxy_is_used(const struct session *session);
/* Parse the parameters; bad ones end the start. */
void proxy_open(void);

struct proxy *proxy_new(void);
/* Say QUIT where that is of use; frees. NULL is harmless. */
MAY_WAIT void proxy_free(struct proxy *proxy);

/* Keep the client's MAIL command. */
void proxy_mail(struct session *session);
/*
 * Begin the filter's transaction at the latest with this, and hand over the client's RCPT
 * command. False with the reply for the client.
 */
MUST_USE MAY_WAIT bool proxy_recipient(struct session *session, struct smtp_reply *reply);
/* DATA. False with the reply. */
MUST_USE MAY_WAIT bool proxy_data(struct session *session, struct smtp_reply *reply);
/* Content: a record as for cleanup. Trouble shows in proxy_finish. */
MAY_WAIT void proxy_put(struct proxy *proxy, char type, struct slice data);
/* The message is complete: the filter's word on it, which has been logged. */
MAY_WAIT struct smtp_reply proxy_finish(struct session *session);

/*
 * Read one reply: its lines without code and status, separated by LF, with code and status of
 * the last. What is no reply is logged and passed over. False when the connection failed.
 */
MUST_USE MAY_WAIT bool proxy_read_reply(struct stream *stream, const char *name,
                                        struct arena *arena, struct smtp_reply *reply);

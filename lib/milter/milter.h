/*
 * The mail filters of one SMTP session (or of one message that came another way).
 *
 *     milters_init(&milters, &list, &macros)
 *     milters_connect, milters_helo          once a session
 *     milters_mail, _rcpt, _data, _message   once a message (milter/message.h)
 *     milters_abort                          when the message ends early
 *     milters_release                        says good-bye
 *
 * Connections stay open over the messages of a session. Filters are asked side by side where
 * nobody can tell from the results that they were not asked one after the other; what counts is
 * the first in the order of the list that does not say "go on".
 *
 * A filter that cannot be reached, or breaks the protocol, is logged here with the words of
 * Postfix; from then on it stands for its default action.
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/compiler.h"
#include "milter/config.h"
#include "milter/macros.h"
#include "milter/packet.h"
#include "net/endpoint.h"
#include "net/stream.h"

enum milter_verdict {
    MILTER_GO_ON,
    MILTER_REFUSE,  /* with decision.reply */
    MILTER_DISCARD, /* take the message and drop it */
    MILTER_HOLD,    /* take it and put it on hold */
};

struct milter_decision {
    enum milter_verdict verdict;
    struct slice reply; /* "550 5.7.1 text"; lines separated by CR LF; lies in the arena */
    bool hang_up;       /* close the connection after the reply */
};

enum milter_state {
    MILTER_CLOSED, /* not connected (any more); a new message may try again */
    MILTER_OPEN,
    MILTER_PASSES_MESSAGE, /* it has accepted this message */
    MILTER_PASSES_SESSION, /* it has accepted all that comes from this client */
    MILTER_SETTLED,        /* `standing` is its answer to everything */
};

struct milter {
    const struct milter_config *config;
    enum milter_state state;
    struct stream stream;
    size_t packet_bytes; /* of the packet last read, still in the stream */
    struct milter_agreement agreement;
    struct milter_decision standing;
    bool in_message;              /* it was told of MAIL */
    bool skips_body;              /* for the rest of this message */
    struct slice ready_macros[2]; /* handed over: at the end of header and of body */
    bool is_handed_over;
};

struct milters {
    struct arena arena; /* replies, lists of macros that filters asked for */
    struct milter *items;
    size_t count;
    const struct milter_macros *macros;
    struct buf connect_data, helo_data; /* to introduce the client to a filter again */
    bool has_helo;
};

/* list and macros must live as long. A list without filters is fine: everything goes on. */
void milters_init(struct milters *milters, const struct milter_list *list,
                  const struct milter_macros *macros);
/* Say good-bye and close. For CLEANUP; twice is harmless, and so is a zeroed struct. */
MAY_WAIT void milters_release(struct milters *milters);

struct milter_client {
    struct slice name;               /* of the host, or "[address]" */
    const struct endpoint *endpoint; /* len 0: unknown */
};

/* The events. What is refused has not been logged: the caller knows where it happened. */
MAY_WAIT struct milter_decision milters_connect(struct milters *milters,
                                                const struct milter_client *client);
MAY_WAIT struct milter_decision milters_helo(struct milters *milters, struct slice name);
/* words: "<address>", then the ESMTP parameters. */
MAY_WAIT struct milter_decision milters_mail(struct milters *milters, const struct slice *words,
                                             size_t n_words);
MAY_WAIT struct milter_decision milters_rcpt(struct milters *milters, const struct slice *words,
                                             size_t n_words);
/* A recipient that we refused: only filters that asked for it hear of it. */
MAY_WAIT void milters_rcpt_refused(struct milters *milters, const struct slice *words,
                                   size_t n_words);
MAY_WAIT struct milter_decision milters_data(struct milters *milters);
MAY_WAIT struct milter_decision milters_unknown(struct milters *milters, struct slice line);
/* A command that has no event of its own: only what stands already counts. */
struct milter_decision milters_other(const struct milters *milters);
/* The message ends early, or has ended: be ready for the next. */
MAY_WAIT void milters_abort(struct milters *milters);

/* -- for milter/message.c and milter/hand_over.c ----------------------------------------- */

/* Does the filter want to be told? */
bool milter_is_asked(const struct milter *milter, enum milter_event event);
/* What it says without being asked: its standing answer, or "go on". */
struct milter_decision milter_unasked(const struct milter *milter);
/* Tell it; false when it broke. data is that of the command, without macros. */
MUST_USE MAY_WAIT bool milter_tell(struct milters *milters, struct milter *milter,
                                   enum milter_event event, struct slice data);
/*
 * Its next reply, parsed; PROGRESS has been swallowed. False when it broke. Valid until the
 * next call.
 */
MUST_USE MAY_WAIT bool milter_read(struct milter *milter, enum milter_event event,
                                   struct milter_reply *reply);
/* What a reply other than a change to the message means. */
MAY_WAIT struct milter_decision milter_judge(struct milters *milters, struct milter *milter,
                                             enum milter_event event,
                                             const struct milter_reply *reply);
/* Read and judge, unless the agreement leaves the reply out. */
MAY_WAIT struct milter_decision milter_hear(struct milters *milters, struct milter *milter,
                                            enum milter_event event);
/* It broke: close, and let the default action stand. Logs the text. */
void milter_fail(struct milter *milter, const char *format, ...) PRINTF_LIKE(2, 3);
/* The same without a new line in the log. */
void milter_settle(struct milter *milter);
/* Its set-up makes no sense: mail must wait until somebody has looked. */
struct milter_decision milter_misconfigured(struct milter *milter);
/* The next packet from its type byte on; returns NULL, or what went wrong. */
MUST_USE MAY_WAIT const char *milter_read_packet(struct milter *milter, struct slice *packet);

/*
 * Handing a message to cleanup: smtpd, pickup, bounce and local forwarding do so.
 *
 *     cleanup_open(&cleanup, "public/cleanup", CLEANUP_FILTER, 0, until)
 *     cleanup_put(&cleanup, RECORD_SENDER, ...)   envelope, M, content, X, extracted, E
 *     cleanup_finish(&cleanup, &arena, &result, &error)
 *
 * The records are those of a queue file (mail/record.h) without the C record; the order is the
 * file's. Nothing is acknowledged to anybody before cleanup_finish said CLEANUP_STATUS_OK.
 *
 * A small message whose queue ID nobody asked for on the way (cleanup_id) goes to cleanup in
 * one piece: one request, one answer. So where the ID belongs into a record or into the first
 * line of the log, leave it to cleanup_put_with_id and cleanup_log.
 */
#pragma once

#include <stdbool.h>
#include <sys/time.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/slice.h"
#include "base/time.h"
#include "ipc/client.h"
#include "mail/queue_id.h"

/* What cleanup shall do with the message. */
enum cleanup_flag {
    CLEANUP_BOUNCE = 1,       /* it sends the bounce itself when it refuses (pickup, bounce) */
    CLEANUP_FILTER = 2,       /* header and body checks */
    CLEANUP_HOLD = 4,         /* put on hold */
    CLEANUP_DISCARD = 8,      /* accept and drop */
    CLEANUP_BCC = 16,         /* always_bcc and the bcc maps */
    CLEANUP_MAP = 32,         /* virtual aliases, canonical maps, masquerading */
    CLEANUP_MILTER = 64,      /* non_smtpd_milters (or those of SMTP) */
    CLEANUP_SMTP_REPLY = 128, /* the reply text of a REJECT goes to an SMTP client */
    CLEANUP_SMTPUTF8 = 256,   /* smtputf8_autodetect_classes applies */
    CLEANUP_REWRITE = 512,    /* address rewriting of headers */
    CLEANUP_MILTERS_FOLLOW = 1024, /* cleanup_give_milters will be called */
};

/*
 * What new mail goes through: CLEANUP_FILTER, _BCC, _MAP and _MILTER, but for what
 * receive_override_options spares it. Reads that parameter.
 */
unsigned cleanup_content_flags(void);
/*
 * CLEANUP_SMTPUTF8 where smtputf8_autodetect_classes names the class of message ("smtpd",
 * "verify") or all of them; else 0. Reads that parameter.
 */
unsigned cleanup_smtputf8_flag(const char *class);

enum cleanup_status {
    CLEANUP_STATUS_OK = 0,
    CLEANUP_STATUS_BAD = 1,           /* protocol trouble between us: 451 4.3.0 */
    CLEANUP_STATUS_WRITE = 2,         /* queue file write error: 451 4.3.0 */
    CLEANUP_STATUS_SIZE = 4,          /* message too large: 552 5.3.4 */
    CLEANUP_STATUS_CONTENT = 8,       /* refused by content inspection: 550 5.7.1 */
    CLEANUP_STATUS_HOPS = 16,         /* too many hops: 554 5.4.0 */
    CLEANUP_STATUS_NO_RECIPIENT = 64, /* 550 5.1.0 */
    CLEANUP_STATUS_OVER = 128,        /* header overflow (not reported) */
    CLEANUP_STATUS_PROXY = 256,       /* before-queue filter trouble */
    CLEANUP_STATUS_SERVICE = 512,     /* rewriting, map or milter not available: 451 4.3.0 */
    CLEANUP_STATUS_FULL = 1024,       /* insufficient space: 452 4.3.1 */
};

/*
 * The reply for a status, worst bit first: SMTP code, DSN and text ("message file too big"),
 * and the sysexits-like kind. NULL reason in *text for OK.
 */
struct cleanup_status_detail {
    int smtp_code;
    const char *dsn;
    const char *text;
};
const struct cleanup_status_detail *cleanup_status_detail(unsigned status);

struct cleanup_client {
    struct client_call call;
    const char *service;
    unsigned flags; /* CLEANUP_ bits, and the rest of the request, to repeat it */
    int send_options;
    deadline_t until;
    struct buf records;  /* not yet sent */
    struct buf log_line; /* to be logged with the queue ID */
    bool is_whole;       /* the records are all of the message, and go with the request */
    bool has_queue_id;   /* asked for and received */
    const int *milter_fds;
    size_t n_milters;
    bool failed;        /* the connection broke; cleanup_finish reports it */
    struct error error; /* why */
    char queue_id[QUEUE_ID_BYTES];
    struct timeval arrival_time;
};

/*
 * Begin a message; cleanup is asked when it must be. service is cleanup_service_name's socket
 * ("public/cleanup"), and lives as long as the message. All ends at `until`; nor does any wait
 * for cleanup last longer than ipc_timeout.
 */
void cleanup_open(struct cleanup_client *cleanup, const char *service, unsigned flags,
                  int send_options, deadline_t until);
/* Wait for the queue ID; NULL with a temporary error when cleanup failed. */
MUST_USE MAY_WAIT const char *cleanup_id(struct cleanup_client *cleanup, struct error *error);
/* Log "QUEUEID: line" in our name, before cleanup logs anything of the message. Once. */
void cleanup_log(struct cleanup_client *cleanup, struct slice line);

/* Add a record. Trouble is remembered and reported by cleanup_finish; `failed` tells early. */
MAY_WAIT void cleanup_put(struct cleanup_client *cleanup, char type, struct slice data);
/* An attribute or a line of content with the queue ID between the two, which have no NUL. */
MAY_WAIT void cleanup_put_with_id(struct cleanup_client *cleanup, char type,
                                  struct slice before, struct slice after);
/* The second line of a Received: header of ours: "\tid QUEUEID; DATE". */
MAY_WAIT void cleanup_put_id_and_date(struct cleanup_client *cleanup, time_t date);
MAY_WAIT void cleanup_put_attribute(struct cleanup_client *cleanup, const char *name,
                                    struct slice value);
MAY_WAIT void cleanup_printf(struct cleanup_client *cleanup, char type, const char *format, ...)
    PRINTF_LIKE(3, 4);

/*
 * With CLEANUP_MILTERS_FOLLOW, between the E record and cleanup_finish: the session's filters
 * (milter/hand_over.h). The descriptors stay ours; they must not be used before the end. At
 * most 100; all must live until then.
 */
MAY_WAIT void cleanup_give_milters(struct cleanup_client *cleanup,
                                   const struct cleanup_milter *described, const int *fds,
                                   size_t count);

struct cleanup_result_texts {
    unsigned status;     /* CLEANUP_STATUS_ bits */
    struct slice reason; /* may be empty; lies in the arena, as the others */
    struct slice dsn;
    struct slice smtp_reply; /* a whole reply, when the checks gave one */
    struct slice milters;    /* what became of those that were given */
};

/*
 * Send what is left, up to the E record, and wait for the verdict; the queue ID is known, too,
 * after that. The connection goes back to the pool.
 */
MUST_USE MAY_WAIT int cleanup_finish(struct cleanup_client *cleanup, struct arena *arena,
                                     struct cleanup_result_texts *result, struct error *error);
/* Give up a message that was not finished; for CLEANUP too, twice is harmless. */
MAY_WAIT void cleanup_client_release(struct cleanup_client *cleanup);

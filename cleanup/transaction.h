/*
 * One message on its way through cleanup: what is known of it, its queue file, and what went
 * wrong. A transaction ends in exactly one of: committed, discarded, refused, bounced.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "base/hash.h"
#include "base/slice.h"
#include "ipc/cleanup_client.h"
#include "mail/mime_7bit.h"
#include "mail/queue_file.h"
#include "milter/milter.h"

/* Six fields of 15 digits (queue format, section 5), written when the numbers are known. */
#define SIZE_RECORD_FORMAT "%15ld %15ld %15ld %15ld %15ld %15ld"

enum segment { SEGMENT_ENVELOPE, SEGMENT_CONTENT, SEGMENT_EXTRACTED, SEGMENT_END };

/* Whether addresses in headers are rewritten, and with whose domain. */
enum header_rewriting { HEADER_REWRITE_NONE, HEADER_REWRITE_LOCAL, HEADER_REWRITE_REMOTE };

/* What came in front of an R record and belongs to it. */
struct recipient_options {
    struct slice original;     /* O */
    struct slice dsn_original; /* A dsn_orig_rcpt */
    int notify;                /* A notify_flags */
    bool has_original;
};

struct bcc {
    struct bcc *next;
    struct slice address;
};

/* The part of the content that is being read. */
enum content_part { PART_HEADER, PART_BODY };

struct content {
    enum content_part part;
    struct mime mime;
    bool converts; /* to 7 bits, before anybody looks at it */
    struct mime_7bit converter;
    unsigned mime_errors;     /* enum mime_error bits for which it will be refused */
    unsigned mime_found;      /* those of them that it has */
    const char *mime_refusal; /* the text of the gravest, or NULL */
    bool passes_through;      /* nobody looks at the body any more */
    int64_t part_offset;      /* bytes of the body part so far, for body_checks_size_limit */
    struct buf header;        /* the header that is being worked on */
    uint64_t headers_seen;    /* a bit for each header_kind */
    bool is_resent;
    int hop_count;
    struct slice message_id;
};

struct transaction {
    struct arena arena;
    struct queue_file file;
    unsigned flags;   /* CLEANUP_ bits: how far they still hold */
    int send_options; /* SEND_ bits */
    unsigned status;  /* CLEANUP_STATUS_ bits so far */
    bool is_silent;   /* discarded before its content came, of which the log says nothing */
    struct slice reason, dsn, smtp_reply;
    enum segment segment;

    /* From the envelope. */
    struct timeval arrival_time;
    bool has_arrival_time, has_sender, has_recipients, has_warn_time;
    struct slice sender;
    struct slice full_name;
    struct slice last_recipient; /* for log lines */
    struct slice log_origin, log_protocol, log_helo;
    struct slice client_name, client_address;
    struct slice encoding;
    enum header_rewriting header_rewriting;
    struct slice rewrite_context;
    int trace_flags;
    int n_attributes;
    struct recipient_options next;

    struct hash recipients_seen; /* the duplicate filter */
    int64_t n_recipients;
    int qmgr_flags;

    struct content content;

    /* By header and body checks. */
    struct slice filter, redirect;
    struct bcc *bccs, **last_bcc;

    off_t content_offset, extracted_offset, end_offset;

    /* Filters. Slots are where a change may be linked in (edit.h); the content's is its start.
     */
    bool has_milters;    /* somebody wants to see this message */
    bool is_quarantined; /* one of them wants it on hold */
    struct milters milters;
    struct milter_macros macros; /* of the made-up session */
    struct arena macro_arena;
    struct slice returned_milters; /* for smtpd, what became of those it gave */
    off_t sender_slot, sender_end, end_slot;
};

/* Begins a message: creates its queue file. -1 with a temporary error. */
MUST_USE int transaction_init(struct transaction *transaction, unsigned flags, int send_options,
                              struct error *error);
void transaction_release(struct transaction *transaction);

/*
 * Take records as they come from a client, which may be hostile: malformed ones set
 * CLEANUP_STATUS_BAD. Whether the E record has been met is in transaction->segment. What comes
 * behind it is ignored.
 */
MAY_WAIT void transaction_feed(struct transaction *transaction, struct slice records);

/* All records are there: commit, bounce or drop. The verdict is in status and its texts. */
MAY_WAIT void transaction_finish(struct transaction *transaction);

/* -- for the parts of cleanup ---------------------------------------------------------------
 */

/* Where the queue directories lie. */
struct queue_layout queue_layout(void);

/* Remember that the message cannot be accepted; the first reason given stays. */
void transaction_fail(struct transaction *transaction, enum cleanup_status status);
void transaction_fail_because(struct transaction *transaction, enum cleanup_status status,
                              struct slice dsn, struct slice reason);

/* False when nothing more needs writing: refused for good, or to be discarded. */
bool transaction_is_wanted(const struct transaction *transaction);

/* True when a refusal will be answered with a bounce of ours, so recipients are still needed.
 */
bool transaction_may_bounce(const struct transaction *transaction);

/* Append a record, unless nothing is wanted any more. */
MAY_WAIT void put(struct transaction *transaction, char type, struct slice data);
MAY_WAIT void put_attribute(struct transaction *transaction, const char *name,
                            struct slice value);
MAY_WAIT void put_printf(struct transaction *transaction, char type, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* A write failed, as the error says: log it and refuse the message for now. */
void transaction_write_failed(struct transaction *transaction, const struct error *error);
/* Bring all records and the C record to the file, so that bounce can read it. */
MUST_USE int transaction_write_all(struct transaction *transaction, struct error *error);
/* Append records that are encoded already. */
MAY_WAIT void put_run(struct transaction *transaction, struct slice records);

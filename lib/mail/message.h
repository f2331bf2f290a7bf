/*
 * A queued message as its readers see it: envelope, recipients, content (queue format, sections
 * 4 to 7). Used by the queue manager, the delivery agents, bounce, showq and the commands.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/time.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/compiler.h"
#include "base/error.h"
#include "base/slice.h"
#include "mail/record_reader.h"

/* DSN NOTIFY (RFC 3461 section 4.1) and RET (4.3), as numbers in attributes. 0: not given. */
enum { NOTIFY_NEVER = 1, NOTIFY_SUCCESS = 2, NOTIFY_FAILURE = 4, NOTIFY_DELAY = 8 };

enum { RET_FULL = 1, RET_HEADERS = 2 };

/* trace_flags */
enum { TRACE_PROBE = 256, TRACE_EXPAND_ONLY = 512, TRACE_RECORD = 1024 };

/* Send options, the sixth field of the C record. */
enum {
    SEND_SMTPUTF8_REQUESTED = 1,
    SEND_SMTPUTF8_HEADER = 2,
    SEND_SMTPUTF8_SENDER = 4,
    SEND_SMTPUTF8_RECIPIENT = 8, /* with a delivery only, never in a file */
    SEND_TLS_REQUIRED_NO = 16,
    SEND_REQUIRETLS = 32,
};

/* One R record with what belongs to it. Texts lie in the arena given to the reader. */
struct recipient {
    struct slice address;      /* internal form, deliver here */
    struct slice original;     /* O record; empty when there is none */
    struct slice dsn_original; /* "rfc822;user@example.com"; empty when there is none */
    int notify;                /* NOTIFY_ bits */
    off_t offset;              /* of the record's type byte: where D is written */
    bool done;                 /* a D record: delivered or bounced already */
    bool is_derived; /* made from the record at offset by an alias: whoever expanded it
                        marks the record */
};

struct recipient_list {
    struct recipient *items;
    size_t count, capacity;
};

/* The client as it is logged and forwarded, or as it really was. Empty: unknown. */
struct client_attributes {
    struct slice name, reverse_name, address, port, helo, protocol;
};

struct envelope {
    int64_t content_size;   /* C field 1 */
    int64_t content_offset; /* C field 2 */
    int64_t n_recipients;   /* C field 3, an upper bound */
    int qmgr_flags;         /* C field 4 */
    int64_t data_size;      /* C field 5, what size= shows */
    int send_options;       /* C field 6 */
    struct timeval arrival_time;
    int64_t create_time; /* seconds; base of back-off and expiry */
    struct slice sender, full_name;
    struct slice encoding; /* "7bit", "8bit" or empty */
    struct slice rewrite_context;
    struct slice envelope_id; /* DSN ENVID */
    int ret;                  /* RET_FULL, RET_HEADERS or 0 */
    struct slice filter, redirect, verp_delimiters, inspector;
    struct slice log_ident, message_origin, message_id;
    struct client_attributes log_client; /* log_client_name, ... */
    struct client_attributes client;     /* client_name, ... */
    struct slice server_address, server_port;
    struct slice sasl_method, sasl_username, sasl_sender;
    int trace_flags;
    int64_t warn_time;        /* W record: seconds; -1 sent; 0 none */
    off_t warn_offset;        /* of its data, for the rewrite */
    off_t trace_flags_offset; /* of the type byte of A trace_flags=, for K; 0: none */
};

/* Reads records over pointer records and buffers, with the limits of the format. */
struct message {
    int fd;
    struct envelope envelope;
    struct arena arena;      /* of everything the envelope points to */
    off_t next_recipient;    /* where message_read_recipients goes on; 0: all have been read */
    off_t last_recipient;    /* of the type byte; nothing behind it needs to be read again */
    unsigned backward_jumps; /* seen so far, capped */
    struct buf chunk;        /* of the file, read last, for the next look */
    off_t chunk_start;
};

/*
 * Read the envelope of the file open at fd (borrowed), to its end: cleanup writes a filter, a
 * redirect and the Message-ID behind the content. Recipients are passed over. A permanent error
 * means: the file is corrupt, and the text says at which offset. A file without C record
 * (maildrop) is read with content_size 0 and content_offset set when M is met.
 */
MUST_USE int message_read_envelope(struct message *message, int fd, struct error *error);
void message_release(struct message *message); /* not the descriptor */
/* Close the descriptor; what was read ahead of need is forgotten. */
void message_close(struct message *message);

/*
 * Append to the list the next recipients, at most max, skipping nothing: done ones come with
 * done set, cancelled ones not at all. After the last one message->next_recipient is 0. Texts
 * lie in the arena given.
 */
MUST_USE int message_read_recipients(struct message *message, struct arena *arena, size_t max,
                                     struct recipient_list *list, struct error *error);
void recipient_list_release(struct recipient_list *list);

/* Parts of a line (L records) are joined up to this length; a longer line comes in pieces. */
#define CONTENT_LINE_MAX 65536

/*
 * Read the content line by line from its start on. *line is without line end and valid until
 * the next call; *continues: it is a piece, and the next call goes on with the same line.
 */
struct content_reader {
    struct record_reader records;
    struct buf line;    /* of a line in several records only */
    bool line_was_read; /* `line` was handed out: empty it before it is used again */
};

void content_open(struct content_reader *reader, const struct message *message);
/* 1: a line; 0: the end; -1 temporary (read error) or permanent (corrupt). */
MUST_USE int content_next_line(struct content_reader *reader, struct slice *line,
                               bool *continues, struct error *error);
void content_close(struct content_reader *reader); /* not the descriptor */

/* R -> D at the recipient's offset (one byte). -1 with errno. Repeating it is harmless. */
MUST_USE int message_mark_done(int fd, off_t recipient_offset);
/* Write -1 into the W record; A trace_flags -> K. -1 with errno. */
MUST_USE int message_clear_warning(int fd, off_t warn_offset);
MUST_USE int message_kill_record(int fd, off_t type_offset);

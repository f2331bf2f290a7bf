/*
 * Changing a message whose queue file is written but not committed (queue format, section 6).
 *
 * The file is only appended to. What is replaced is led around: at a few places stand pointer
 * records that lead nowhere (slots); a change sets one of them to new records at the end of the
 * file, which lead back behind what they replace.
 */
#pragma once

#include "mail/record_reader.h"
#include "milter/message.h"
#include "transaction.h"

struct edit_header {
    struct slice text; /* lines separated by LF */
};

struct edit_recipient {
    struct edit_recipient *next;
    struct slice address; /* internal form */
    struct slice dsn_original;
    int notify;
};

struct edit {
    struct transaction *transaction;
    struct arena arena;
    struct edit_header *headers; /* heap */
    size_t n_headers, capacity;
    size_t
        hidden; /* the Received: header of our own, which filters do not see; n_headers: none */
    bool headers_changed, body_changed;

    off_t separator; /* of the record behind the header: the body with its empty line */
    off_t body_start, body_end; /* without that line */
    struct record_reader reader;
    struct buf carry; /* read and not yet given */

    off_t new_body; /* while it is being written; 0: not */
    int64_t new_body_bytes;
    struct buf line; /* the start of a line of it */

    bool sender_changed;
    struct slice sender, envelope_id;
    int ret;
    struct edit_recipient *recipients, **last_recipient;
};

/* A pointer record that leads nowhere yet; the offset of it. */
MAY_WAIT off_t edit_slot(struct transaction *transaction);

/* Read the header. -1: the transaction has failed. */
MUST_USE MAY_WAIT int edit_begin(struct edit *edit, struct transaction *transaction);
void edit_release(struct edit *edit);
/* For milters_message; the context is the edit. */
extern const struct milter_message edit_functions;
/* Bring all changes into the file. */
MAY_WAIT void edit_apply(struct edit *edit);

/* -- edit_envelope.c -------------------------------------------------------------------------
 */

MAY_WAIT void edit_add_recipient(void *context, struct slice address, struct slice parameters);
MAY_WAIT void edit_delete_recipient(void *context, struct slice address);
MAY_WAIT void edit_change_sender(void *context, struct slice address, struct slice parameters);
MAY_WAIT void edit_apply_envelope(struct edit *edit);

/* -- for both --------------------------------------------------------------------------------
 */

/* New records begin here. */
off_t edit_block(const struct transaction *transaction);
/* Append a record, whatever the limits for senders are. -1: the transaction has failed. */
MUST_USE MAY_WAIT int edit_put(struct transaction *transaction, char type, struct slice data);
/* The block ends: lead back; and set the slot to it. */
MAY_WAIT void edit_link(struct transaction *transaction, off_t slot, off_t block, off_t back);

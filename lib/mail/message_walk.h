/*
 * A walk over the envelope and the extracted segment of a queue file that passes over the
 * content between. Private to what implements mail/message.h.
 */
#pragma once

#include "base/compiler.h"
#include "base/error.h"
#include "mail/message.h"
#include "mail/record_reader.h"

struct message_walk {
    struct message *message; /* NULL: not begun */
    struct record_reader records;
};

/* Begin at the offset, with what the message kept of an earlier walk. */
void message_walk_init(struct message_walk *walk, struct message *message, off_t offset);
/* Leave the chunk that was read last to the message; for CLEANUP. */
void message_walk_release(struct message_walk *walk);
/* The next record outside the content. 1: there is one; 0: the E record was met; -1. */
MUST_USE int message_walk_next(struct message_walk *walk, struct record *record,
                               struct error *error);

/* Set a permanent error with the record's offset; always -1. */
int message_corrupt(struct error *error, const struct record *record, const char *what);

/* R, D or a cancelled one. */
MUST_USE bool record_is_recipient(const struct record *record);
/* It describes the recipient that comes next. */
MUST_USE bool record_is_recipient_detail(const struct record *record);
/* A NAME=..., with the name and the sign given. */
MUST_USE bool record_is_attribute(const struct record *record, const char *name_and_equals);
/* A number of up to 31 bits; 0 for anything else. */
MUST_USE int slice_small_number(struct slice text);

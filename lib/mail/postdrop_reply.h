/*
 * What postdrop tells its caller on standard output: attributes as "name\0value\0", each list
 * ended by one more \0 (Postfix's internal encoding). First protocol and queue_id, then, when
 * all has been read, status and reason.
 */
#pragma once

#include "base/buf.h"
#include "base/slice.h"

#define POSTDROP_PROTOCOL "postdrop_protocol"

/* Numbers are Postfix's. */
enum postdrop_status {
    POSTDROP_OK = 0,
    POSTDROP_BAD = 1,
    POSTDROP_WRITE = 2,
    POSTDROP_SIZE = 4,
    POSTDROP_NOT_PERMITTED = 512,
};

/* Append "name\0value\0". */
void postdrop_reply_add(struct buf *reply, const char *name, struct slice value);
/* Append the end of a list. */
void postdrop_reply_end(struct buf *reply);

/* The last value of a name in all lists of the reply; an empty slice with NULL: not there. */
struct slice postdrop_reply_find(struct slice reply, const char *name);

/* What a status means to people: "message file too big". */
const char *postdrop_status_text(int64_t status);

/*
 * The messages of message.def as structs, and their encoding: a frame is its length (u32,
 * little-endian, of all that follows), the message's number (u16), then the fields: INT as 8
 * bytes little-endian, TEXT as u32 length and the bytes. Sender and receiver are of one build:
 * master starts them together.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/error.h"
#include "base/slice.h"

#define IPC_TEXT_MAX_BYTES  ((size_t)1 << 20)
#define IPC_FRAME_MAX_BYTES ((size_t)2 << 20)

#define MESSAGE(name) struct name {
#define INT(field)    int64_t field;
#define TEXT(field)   struct slice field;
#define END \
    }       \
    ;
#include "ipc/message.def"
#undef MESSAGE
#undef INT
#undef TEXT
#undef END

enum message_number {
    MESSAGE_NONE,

#define MESSAGE(name) MESSAGE_##name,
#define INT(field)
#define TEXT(field)
#define END
#include "ipc/message.def"
#undef MESSAGE
#undef INT
#undef TEXT
#undef END
    MESSAGE_COUNT,
};

/* The name in message.def, for error texts. */
const char *message_name(enum message_number number);

/*
 * Append one frame. message points to the struct of that number. A text above
 * IPC_TEXT_MAX_BYTES is a bug: whoever takes text from outside bounds it.
 */
void message_encode(struct buf *buf, enum message_number number, const void *message);

/*
 * Look at the frame that starts `from`. Returns its total bytes and sets *number and *body; 0
 * when more bytes are needed; -1 when it cannot be a frame of ours (too long, no such number).
 */
ssize_t message_frame(struct slice from, enum message_number *number, struct slice *body);

/* How many bytes the frame that starts `from` has, as far as its beginning tells. */
size_t message_frame_bytes(struct slice from);

/* Fill the struct of that number; texts point into body. Permanent error when malformed. */
MUST_USE int message_decode(enum message_number number, struct slice body, void *message,
                            struct error *error);

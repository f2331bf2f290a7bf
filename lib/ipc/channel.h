/*
 * A connection between two workers that carries messages (ipc/message.h).
 */
#pragma once

#include <stdbool.h>

#include "base/compiler.h"
#include "base/error.h"
#include "ipc/message.h"
#include "net/stream.h"

struct channel {
    struct stream stream;
    size_t frame_bytes; /* of the frame last received, consumed by the next receive */
    bool said_goodbye;  /* the server sent ipc_goodbye: what was asked since is not begun */
};

void channel_init(struct channel *channel, int fd); /* takes over the descriptor */
void channel_release(struct channel *channel);      /* for CLEANUP; twice is harmless */

/* Collect a message; it leaves with channel_flush, or when the next receive would wait. */
MUST_USE MAY_WAIT int channel_send(struct channel *channel, enum message_number number,
                                   const void *message, struct error *error);
MUST_USE MAY_WAIT int channel_flush(struct channel *channel, struct error *error);

/*
 * Wait for the next message; *body stays valid until the next receive. MESSAGE_NONE with 0 at
 * an orderly end between frames. -1: temporary error.
 */
MUST_USE MAY_WAIT int channel_receive(struct channel *channel, enum message_number *number,
                                      struct slice *body, struct error *error);
/* Forget the message last received, before the next receive does. */
void channel_drop_frame(struct channel *channel);
/*
 * Wait for a message of just this number and decode it. ipc_failure becomes a temporary error
 * with its reason; anything else too.
 */
MUST_USE MAY_WAIT int channel_expect(struct channel *channel, enum message_number number,
                                     void *message, struct error *error);
/* The same, but the body is not decoded: for a caller that keeps a copy of it. */
MUST_USE MAY_WAIT int channel_expect_body(struct channel *channel, enum message_number number,
                                          struct slice *body, struct error *error);

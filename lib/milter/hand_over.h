/*
 * Filters change hands: smtpd asks them about the envelope, cleanup shows them the content over
 * the same connections.
 *
 * smtpd keeps its descriptors and waits; cleanup gets copies, and says at the end which of them
 * are still good. Macros travel as their values, since only smtpd knows them.
 */
#pragma once

#include "base/arena.h"
#include "base/compiler.h"
#include "ipc/message.h"
#include "milter/milter.h"

/* How many one session may have. */
#define MILTERS_MAX 100

/* What the new owner says of each, in the order of hand-over. */
#define MILTER_RETURNED_READY  'r'
#define MILTER_RETURNED_BROKEN 'b'

/*
 * Describe the filters that listen to this message: their descriptors in fds, and what else the
 * other side must know, both with room for milters->count. Texts lie in the arena. The number.
 */
MUST_USE MAY_WAIT size_t milters_describe(struct milters *milters, struct arena *arena,
                                          struct cleanup_milter *described, int *fds);
/*
 * The message has ended elsewhere: returned has a MILTER_RETURNED_ byte for each that was
 * described; what is missing was lost on the way, and is connected to again for the next
 * message.
 */
void milters_take_back(struct milters *milters, struct slice returned);

/*
 * The other side: a milters that was zeroed becomes one of `count` filters. Takes over the
 * descriptors; texts must live as long.
 */
void milters_receive(struct milters *milters, const struct cleanup_milter *described,
                     const int *fds, size_t count);
/* The bytes for milters_take_back. Ends what has not ended; closes. */
MAY_WAIT void milters_return(struct milters *milters, struct buf *returned);

/*
 * Log lines on their way from one process to postlogd without a system call each: a ring in
 * memory that both share. The writer makes it and hands the descriptor over with a datagram,
 * the bell, when the reader is not looking; a reader that looks every few milliseconds is
 * woken by nobody. What was added outlives the writer, however that ended.
 *
 * The reader trusts nothing in a ring: a writer may be hostile. Private to lib/base and
 * postlogd.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/slice.h"

/* A line of at most so many bytes fits into an entry. */
#define LOG_RING_LINE_BYTES 4096

struct log_ring_memory;

struct log_ring {
    struct log_ring_memory *memory; /* NULL: no ring */
    int fd;
    int64_t rung; /* monotonic milliseconds of our last bell */
};

/* -- the writer ---------------------------------------------------------------------------- */

/* Make a ring of our own. -1 with errno; *ring is then none. */
MUST_USE int log_ring_create(struct log_ring *ring);
/* Unmap and close; harmless where there is none. */
void log_ring_release(struct log_ring *ring);
/* Add a line, stamped with the time of now. False when there is no room. */
MUST_USE bool log_ring_add(struct log_ring *ring, const char *line, size_t len);
/* There are lines, or will be, and nobody looks or is about to: the bell must be rung. */
MUST_USE bool log_ring_needs_bell(const struct log_ring *ring);
/* All that was added has been taken. */
MUST_USE bool log_ring_is_empty(const struct log_ring *ring);
/* Send the bell on a connected, non-blocking datagram socket. -1 with errno. */
MUST_USE int log_ring_ring_bell(struct log_ring *ring, int socket);

/* -- the reader ---------------------------------------------------------------------------- */

/* A line found in a ring. */
struct log_ring_line {
    int64_t when;       /* monotonic nanoseconds: the order among rings */
    size_t offset, len; /* of the text in the caller's buffer */
};

/*
 * Map the ring that came with a bell; takes the descriptor over in any case. *owner becomes the
 * process that made it, by its own account. -1 when it is no ring.
 */
MUST_USE int log_ring_open(struct log_ring *ring, int fd, pid_t *owner);
/*
 * Copy what was added before the time `until` (nanoseconds) and not been taken yet: texts to
 * *text, a struct log_ring_line for each to *lines. Returns where to take up to
 * (log_ring_take), or -1 when the ring is not sound.
 */
MUST_USE int64_t log_ring_look(const struct log_ring *ring, int64_t until, struct buf *text,
                               struct buf *lines);
/* The lines up to there are in safety: their room is free again. */
void log_ring_take(struct log_ring *ring, int64_t position);
/* Say whether the writer may rely on our looking, and that we have looked just now. */
void log_ring_attend(struct log_ring *ring, bool is_attended);

/*
 * What the processes of one service and master know of each other: a page of shared memory with
 * a row for each process. Workers keep their own row; master looks when a worker asks it to, so
 * it is in nobody's data path.
 *
 * Rows are written by processes that may be taken over by an attacker: master uses them for
 * counting alone, and bounds what it reads.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/error.h"

#define SCOREBOARD_ROWS 4096 /* processes of one service at most */

enum scoreboard_state {
    SCOREBOARD_UNUSED,
    SCOREBOARD_STARTING,
    SCOREBOARD_FREE,     /* takes new work */
    SCOREBOARD_HOLDING,  /* takes new work, but would have to drop an idle connection for it */
    SCOREBOARD_FULL,     /* takes none for now */
    SCOREBOARD_DRAINING, /* takes none any more */
};

struct scoreboard_row {
    _Atomic uint32_t state;
    _Atomic uint32_t busy; /* slots taken */
    _Atomic uint32_t uses; /* jobs begun since the start */
    uint32_t reserved;
};

struct scoreboard {
    /* By master. */
    _Atomic uint32_t n_rows;      /* the highest row in use, plus 1 */
    _Atomic uint32_t n_processes; /* alive and not draining */
    _Atomic uint32_t is_watched;  /* master waits for clients: no need to call it */
    /* By the workers, all of them the same values. */
    _Atomic uint32_t slot_limit; /* jobs of the whole service at once; 0: no limit */
    _Atomic uint32_t n_spread;   /* so many processes share the load before any is full */
    _Atomic uint32_t has_asked;  /* for one more process; master resets it */
    _Atomic uint32_t n_waiting;  /* processes that wait for a slot of another one */
    struct scoreboard_row rows[SCOREBOARD_ROWS];
};

/* Make an empty one; a close-on-exec descriptor to hand to workers, mapped at *scoreboard. */
MUST_USE int scoreboard_create(struct scoreboard **scoreboard, struct error *error);
/* Map what master made; NULL with errno. */
MUST_USE struct scoreboard *scoreboard_map(int fd);
void scoreboard_unmap(struct scoreboard *scoreboard);

/*
 * Take a slot: false when the service has none left. Of several processes that race for the
 * last one, one gets it.
 */
MUST_USE bool scoreboard_take(struct scoreboard *scoreboard, struct scoreboard_row *row);
void scoreboard_give(struct scoreboard_row *row);

/* Slots taken in all processes of the service. */
uint32_t scoreboard_busy(const struct scoreboard *scoreboard);
/* True while some process takes new work (state FREE, or FREE or HOLDING). */
bool scoreboard_has_free(const struct scoreboard *scoreboard);
bool scoreboard_has_open(const struct scoreboard *scoreboard);

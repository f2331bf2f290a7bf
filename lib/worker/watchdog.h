/*
 * The end of a process whose event loop does not turn any more. Private to lib/worker.
 */
#pragma once

#include <stdint.h>

/*
 * From now on the process ends itself with "fatal: watchdog timeout", so that master starts
 * another, when for so long no turn of the loop has begun: of the event loop, or, where one job
 * is done after the other, of that which waits for the next. Before the jail. Signals interrupt
 * the calls that wait, three in each such time.
 */
void watchdog_start(int64_t timeout_ms);
/* A turn of a loop without coroutines. */
void watchdog_note_turn(void);

/*
 * The end of a process whose event loop does not turn any more. Private to lib/worker.
 */
#pragma once

#include <stdint.h>

/*
 * From now on the process ends itself with "fatal: watchdog timeout", so that master starts
 * another, when for so long no turn of the loop has begun. Before the jail; not for processes
 * that may block in a job. Signals interrupt the calls that wait, three in each such time.
 */
void watchdog_start(int64_t timeout_ms);

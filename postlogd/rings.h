/*
 * The rings (base/log_ring.h) of the daemons that are running, and of those that have just
 * ended.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/log_ring.h"
#include "co/co.h"

/*
 * A bell came: take the ring with it, if it is new, and look at all of them from now on. A
 * process has one ring: another one of it takes the place of the first.
 * sender  who rang, by the kernel's account; 0: that is not known, and the ring is believed.
 */
void rings_add(int fd, pid_t sender);
/* Wait until the rings are to be looked at (rings_attend). False after rings_finish. */
MUST_USE MAY_WAIT bool rings_wait(void);
/* The writers may rely on our looking from now on, or have to ring again. */
void rings_attend(void);
void rings_leave(void);
/*
 * Copy all new lines in the order in which they were logged: texts and struct log_ring_line, as
 * log_ring_look has them. The count. They stay in the rings until rings_take.
 */
size_t rings_look(struct buf *texts, struct buf *lines);
void rings_take(void);
/* The process is about to end: another will look. */
void rings_finish(void);

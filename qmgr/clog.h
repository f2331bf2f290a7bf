/*
 * Warnings when mail for one destination fills the active queue and other mail has to wait.
 */
#pragma once

struct destination;

/* Look at the destination before a delivery begins; at most every qmgr_clog_warn_time. */
void clog_watch(struct destination *destination);

/*
 * One client: who it is, whether it may, its one request, the one answer.
 */
#pragma once

#include "worker/worker.h"

/* Before the jail: what main.cf names. */
void session_open(void);
MAY_WAIT void session_run(struct worker_client *client);

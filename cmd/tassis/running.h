/*
 * The running instance: is there one, and running programs for it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/compiler.h"

/*
 * The master, ours or Postfix's, holds a lock on its file as long as it lives. Fatal when that
 * cannot be told.
 */
bool queue_is_in_use(const char *queue_directory);
bool instance_is_running(void);
/* What the file says; 0 when it says nothing. */
pid_t instance_pid(void);
/* Wait until the master's lock is free; false when that took longer. */
bool instance_wait_for_end(int64_t seconds);

/* Run to the end (base/program.h); the exit status. That it could not be started is logged. */
int run_to_end(const char *path, const char *const words[]);

/*
 * The parts of the jail that the kernel enforces on a worker which runs no user commands: what
 * it may open (Landlock) and what it may ask of the kernel (seccomp). Private to lib/worker but
 * for jail_log_support.
 */
#pragma once

#include <stdbool.h>

#include "base/compiler.h"
#include "base/error.h"

enum jail_result { JAIL_CLOSED, JAIL_UNSUPPORTED, JAIL_ERROR };

/*
 * From now on only the working directory, `data` and a few files of the C library can be
 * opened. Needs no_new_privs. UNSUPPORTED: a kernel before 5.19.
 */
MUST_USE enum jail_result jail_close_files(const char *data, struct error *error);

/* From now on only system calls that workers make are answered; others fail with ENOSYS. */
MUST_USE enum jail_result jail_close_calls(struct error *error);

bool jail_can_close_files(void);

/* For master, once: log what this kernel cannot do. */
void jail_log_support(void);

/*
 * OpenSSL as a whole: its start, and what it has to say about failures.
 *
 * OpenSSL's error queue belongs to the thread, so all sessions of a process share it: it is
 * cleared before each operation and drained before the next wait. Code between the two is in
 * this folder alone.
 */
#pragma once

#include "base/compiler.h"
#include "base/error.h"

/*
 * Start OpenSSL before the jail: its configuration file (tls_config_file, tls_config_name of
 * the global params) and the providers. Again is harmless. Permanent error.
 */
MUST_USE int tls_library_open(struct error *error);

/* Log what OpenSSL complained of, each a warning "TLS library problem: ...", and forget it. */
void tls_log_problems(void);

/*
 * "text: reason of OpenSSL" as an error; -1. The rest of the queue is dropped.
 */
int tls_error(struct error *error, enum error_kind kind, const char *format, ...)
    PRINTF_LIKE(3, 4);

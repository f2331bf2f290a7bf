/*
 * One probe: find the hosts of a destination, talk SMTP to the first that answers, start TLS,
 * tell what was seen.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/slice.h"
#include "tls/level.h"

struct finger {
    const char *destination; /* as given: "example.com", "[mx.example.com]:587" */
    enum tls_level level;
    bool shows_chat, is_lmtp, is_wrapped, forces_tlsa;
    int family; /* AF_UNSPEC, AF_INET, AF_INET6 */
    const char *ca_file, *ca_path, *digest, *grade, *protocols, *server_name;
    char **matches; /* names, or fingerprints */
    int n_matches;
    int64_t connect_timeout, command_timeout;
};

/* Print what the probe finds. 0, or 1 when no host could be talked to. */
MUST_USE MAY_WAIT int finger_run(const struct finger *finger);

/* "posttls-finger: TEXT" on standard output. */
void finger_say(const char *format, ...) PRINTF_LIKE(1, 2);

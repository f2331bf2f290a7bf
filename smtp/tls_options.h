/*
 * The TLS parameters of this program: smtp_NAME, or lmtp_NAME when it runs as lmtp.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "table/maps.h"
#include "tls/level.h"

struct tls_options {
    enum tls_level level;
    enum tls_level insecure_mx_level; /* MAY, ENCRYPT or DANE */
    bool wrappermode, connection_reuse, enable_rpk, note_offer;
    bool force_tlsa_lookup, enforce_sts_patterns, log_status;
    /* Where TLS is optional, and where it is mandatory. */
    const char *protocols, *mandatory_protocols;
    const char *ciphers, *mandatory_ciphers;
    const char *exclude_ciphers, *mandatory_exclude_ciphers;
    const char *fingerprint_match, *verify_match, *secure_match;
    const char *server_name;
    const char *trust_anchor_file;
    const char *log_level;
    int trace_limit_bytes;
    int64_t starttls_timeout;
    struct maps *policy_maps, *per_site, *log_level_maps;
};

extern struct tls_options tls_options;

/* Read the global params and open the tables; before the jail, after options_load. */
void tls_options_load(void);

/* "smtp_tls_policy_maps": the parameter's name in this program; lives for ever. */
const char *tls_option_name(const char *name);

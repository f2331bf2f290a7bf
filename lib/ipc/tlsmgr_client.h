/*
 * The tlsmgr service: keys of session tickets, and caches of TLS sessions, for all processes.
 */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/error.h"
#include "base/slice.h"
#include "base/time.h"

struct tlsmgr_ticket_key {
    unsigned char name[16]; /* stands in front of the ticket */
    unsigned char cipher_key[32];
    unsigned char mac_key[32];
};

/* The newest, which makes tickets, and others whose tickets are still good. */
#define TLSMGR_KEYS_MAX 4

struct tlsmgr_keys {
    struct tlsmgr_ticket_key keys[TLSMGR_KEYS_MAX];
    size_t n_keys;
    int64_t renewal_ms; /* until there is a newer one */
};

/* Temporary error, for all of these. */
MUST_USE MAY_WAIT int tlsmgr_ticket_keys(struct tlsmgr_keys *keys, deadline_t until,
                                         struct error *error);

/* The session (OpenSSL's DER), or an empty buffer. cache is "smtpd", "smtp" or "lmtp". */
MUST_USE MAY_WAIT int tlsmgr_find_session(const char *cache, struct slice id, deadline_t until,
                                          struct buf *session, struct error *error);
MUST_USE MAY_WAIT int tlsmgr_keep_session(const char *cache, struct slice id,
                                          struct slice session, deadline_t until,
                                          struct error *error);

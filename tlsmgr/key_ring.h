/*
 * The keys of session tickets. A new one comes every half of the time that a session can be
 * resumed (smtpd_tls_session_cache_timeout); a key is good for tickets made with it until the
 * last of them has expired.
 */
#pragma once

#include "base/compiler.h"
#include "ipc/tlsmgr_client.h"

/* Make the first key, or take over those that an earlier process left in the data directory. */
void key_ring_open(void);

/* The keys of now. */
const struct tlsmgr_keys *key_ring(void);

/*
 * Leave the keys to the process that comes after this one. Whoever reads the file removes it:
 * keys do not stay on the disk.
 */
void key_ring_save(void);

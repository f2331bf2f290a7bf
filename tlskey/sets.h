/*
 * Sets of key pairs: those of a service's files, or those for a name in tls_server_sni_maps.
 * A set is read again when its files have changed; if what is there then is no good, the old
 * pairs stay in use.
 */
#pragma once

#include "base/compiler.h"
#include "base/error.h"
#include "ipc/tlskey_client.h"

/*
 * Fill the reply; its texts stay valid until the next wait. The error is behind TLSKEY_BAD and
 * TLSKEY_UNREADABLE.
 */
MAY_WAIT void sets_answer(const struct tlskey_pairs *request, struct tlskey_chains *reply,
                          struct error *error);

/* The keys of sets that are asked for are wanted. */
void sets_touch_keys(void);

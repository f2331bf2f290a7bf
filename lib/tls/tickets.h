/*
 * Session tickets and the server's cache of sessions, with what tlsmgr keeps for all processes.
 * Private to lib/tls.
 */
#pragma once

#include <openssl/ssl.h>

#include "base/compiler.h"
#include "tls/link.h"

/* Set an OpenSSL context up as its settings want it. */
void tickets_install(SSL_CTX *context, const struct tls_settings *settings);

/* Before a server's handshake: have the ticket keys of the moment. Trouble is logged. */
MAY_WAIT void tickets_renew(const struct tls_settings *settings);

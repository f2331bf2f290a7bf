/*
 * Resumption: session tickets, and the caches of tlsmgr. Trouble with tlsmgr costs a full
 * handshake, no more; it is logged as a warning. Private to lib/tls.
 */
#pragma once

#include <openssl/ssl.h>

#include "base/compiler.h"
#include "base/time.h"
#include "tls/context.h"
#include "tls/link.h"

/* Set an OpenSSL context up as its settings want it. */
void sessions_install(SSL_CTX *context, const struct tls_settings *settings);

/* Before a server's handshake: have the ticket keys of the moment. */
MAY_WAIT void sessions_renew_keys(const struct tls_settings *settings, deadline_t until);

/* Server: look for link->wanted_session. */
MAY_WAIT void sessions_find_wanted(struct tls_link *link, deadline_t until);

/* Client: begin with the session kept as link->session_id, if there is one. */
MAY_WAIT void sessions_resume(struct tls_link *link, deadline_t until);

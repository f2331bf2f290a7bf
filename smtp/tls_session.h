/*
 * TLS on a connection to a server: STARTTLS or from the first byte, and whether the server is
 * the one that the policy wants.
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/compiler.h"
#include "base/slice.h"
#include "tls/level.h"
#include "tls/peer.h"

struct opening;
struct session;

struct session_tls {
    bool is_active;
    bool may_be_kept; /* for the next message; of a connection with TLS */
    enum tls_level level;
    struct tls_peer peer; /* texts in the arena */
    struct arena arena;
    struct buf key; /* tls_policy_key of the next hop, for kept connections */
};

void tls_session_release(struct session_tls *tls);

/* Before the jail: our certificates, the authorities. Without, TLS is not to be had. */
void tls_session_open(void);

/* The next hop without port and brackets. */
struct slice tls_nexthop_domain(struct slice nexthop);

/*
 * smtp_tls_wrappermode: the handshake comes first. 0: done, or not wanted; -1: opening tells
 * why the connection is of no use.
 */
MUST_USE MAY_WAIT int tls_session_wrap(struct session *session, struct opening *opening);
/*
 * After EHLO: STARTTLS where the server offers it and the policy wants it, then EHLO again.
 * 0: go on, protected or not as the policy allows. -1: as above.
 */
MUST_USE MAY_WAIT int tls_session_negotiate(struct session *session, struct opening *opening);

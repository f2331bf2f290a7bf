/*
 * Questions to the name servers of resolv.conf, carried by c-ares: UDP, TCP when truncated,
 * several servers, repetition. Nothing is known here of what an answer means.
 */
#pragma once

#include "base/buf.h"
#include "base/compiler.h"
#include "base/error.h"
#include "base/time.h"
#include "dns/dns.h"

/* Read resolv.conf. Temporary error when c-ares cannot start. */
MUST_USE int dns_transport_open(const char *resolv_conf, struct error *error);
void dns_transport_close(void);

struct dns_query; /* a question on its way */

/* Ask; several can be on their way before the first is waited for. NULL with *error. */
MUST_USE struct dns_query *dns_query_start(struct slice name, enum dns_type type,
                                           struct error *error);
/*
 * Wait for the response (packet, for dns_message_parse) and free the query. -1: no server
 * answered; temporary error with c-ares' reason.
 */
MUST_USE MAY_WAIT int dns_query_finish(struct dns_query *query, deadline_t until,
                                       struct buf *packet, struct error *error);

/*
 * Ask without waiting: answered(arg, packet) is called once from the event loop, with an empty
 * packet when no server answered; it may not wait. Only in a coroutine. -1: it is not going to
 * be called.
 */
typedef void dns_answered_fn(void *arg, struct slice packet);
MUST_USE int dns_query_later(struct slice name, enum dns_type type, dns_answered_fn *answered,
                             void *arg);

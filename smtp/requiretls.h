/*
 * REQUIRETLS (RFC 8689): a message whose sender would rather have it back than sent without
 * protection.
 */
#pragma once

#include <stdbool.h>

#include "base/compiler.h"
#include "delivery/delivery.h"
#include "session.h"

/* How strictly it is kept, by the next hop (smtp_requiretls_policy). */
enum requiretls {
    REQUIRETLS_NOT_ASKED,     /* by this message */
    REQUIRETLS_OPPORTUNISTIC, /* asked of servers that offer it */
    REQUIRETLS_STARTTLS,      /* likewise, but never in the open: "opportunistic+starttls" */
    REQUIRETLS_ENFORCE,       /* a verified server that offers it, or nothing */
};

/* Open the tables of smtp_requiretls_policy; before the jail. */
void requiretls_open(void);

/* For this message and next hop. What is wrong in a table is logged and means ENFORCE. */
MAY_WAIT enum requiretls requiretls_find(const struct delivery *delivery, struct slice nexthop);

/* Why the message must not go over this session; NULL: it may. *status: "5.7.30" or so. */
const char *requiretls_refusal(enum requiretls wanted, const struct session *session,
                               struct arena *arena, const char **status);

/*
 * What the log says came of it, behind the status of TLS: "/requiretls", with ":nostarttls",
 * ":nocertmatch" or ":none" where less was enough, "!" in front where it was not, "?" behind
 * where it did not come to that (session NULL). "": not asked.
 */
const char *requiretls_status(enum requiretls wanted, const struct session *session);

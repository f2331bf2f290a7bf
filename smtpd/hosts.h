/*
 * DNS questions of access control.
 */
#pragma once

#include "base/arena.h"
#include "base/compiler.h"
#include "base/slice.h"
#include "dns/dns.h"

enum hosts_result {
    HOSTS_FOUND,
    HOSTS_NULL_MX, /* "MX 0 .": takes no mail (RFC 7505) */
    HOSTS_NONE,
    HOSTS_TEMPORARY,
};

/* Does the domain have an MX, A or AAAA record, so that mail can be answered? */
MUST_USE MAY_WAIT enum hosts_result hosts_find_mail(struct slice domain, struct arena *arena);

/* A look-up with the time limit of restrictions. */
MUST_USE MAY_WAIT enum dns_result hosts_look_up(struct slice name, enum dns_type type,
                                                struct arena *arena, struct dns_answer *answer,
                                                struct error *error);

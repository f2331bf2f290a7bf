/*
 * From an address to transport, nexthop and recipient: what trivial-rewrite answers, as a
 * library that smtpd, cleanup and qmgr call in their own process.
 *
 * Reads the global params (mydestination, relay_domains, virtual_*, transport_maps, relayhost,
 * ...) and opens its tables in route_open, before the jail.
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "base/error.h"
#include "base/slice.h"

enum resolve_flag {
    RESOLVE_FINAL = 1,  /* mydestination or local: class local */
    RESOLVE_ROUTED = 2, /* address has routing characters (% or ! or @ in the local part) */
    RESOLVE_ERROR = 4,  /* undeliverable: error text set */
    RESOLVE_FAIL = 8,   /* temporary: a table is not available */
    RESOLVE_CLASS_LOCAL = 256,
    RESOLVE_CLASS_ALIAS = 512,    /* virtual_alias_domains */
    RESOLVE_CLASS_VIRTUAL = 1024, /* virtual_mailbox_domains */
    RESOLVE_CLASS_RELAY = 2048,
    RESOLVE_CLASS_DEFAULT = 4096,
};

#define RESOLVE_CLASS_MASK 0x1f00

/* mydestination and the interfaces alone, for who asks only resolve_is_local_domain. */
void route_open_local(void);
/* Open the tables. Table trouble goes to the log as an error line; look-ups then fail softly.
 */
void route_open(void);

struct resolved {
    unsigned flags; /* RESOLVE_ bits: always one class unless FAIL */
    struct slice transport, nexthop, recipient;
    struct slice error; /* with RESOLVE_ERROR: "5.1.0 text" */
};

/*
 * Resolve a recipient in internal form. sender chooses sender_dependent_* results ("" for
 * the null sender). Texts lie in the arena. probe: address verification (address_verify_*).
 * 0, or -1 with a temporary error (also RESOLVE_FAIL in flags).
 */
MUST_USE MAY_WAIT int resolve_address(struct slice sender, struct slice address, bool probe,
                                      struct arena *arena, struct resolved *resolved,
                                      struct error *error);

/*
 * Is the domain (or [address literal]) one of ours: mydestination, inet_interfaces or
 * proxy_interfaces? TABLE trouble: -1 with a temporary error; else 0 or 1.
 */
MUST_USE MAY_WAIT int resolve_is_local_domain(struct slice domain, struct error *error);
/* The class of a domain as a RESOLVE_CLASS_ bit, or -1. */
MUST_USE MAY_WAIT int resolve_domain_class(struct slice domain, struct error *error);

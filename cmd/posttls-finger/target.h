/*
 * From what the user wrote to the addresses to try.
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "finger.h"
#include "net/endpoint.h"

struct target {
    struct slice name;     /* of the host; as written for an address */
    struct slice expanded; /* behind its CNAMEs */
    struct endpoint address;
    unsigned preference;
    bool has_mx, mx_is_secure, is_secure;
};

struct target_list {
    struct slice domain; /* the destination without brackets and port */
    uint16_t port;
    struct target *items;
    size_t count;
};

/* In the order to try them; -1 with *error when there are none. */
MUST_USE MAY_WAIT int targets_find(const struct finger *finger, struct target_list *list,
                                   struct arena *arena, struct error *error);

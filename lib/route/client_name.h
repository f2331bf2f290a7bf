/*
 * The host names of a client: what DNS says of its address, and whether that leads back to it.
 * Reads the hosts file and asks DNS; logs what is odd there, as the servers' logs always had
 * it.
 */
#pragma once

#include "base/arena.h"
#include "base/compiler.h"
#include "base/slice.h"
#include "dns/dns.h"
#include "net/endpoint.h"

/* How sure a name is; the numbers are the first digit of the reply they lead to. */
enum name_status {
    NAME_STATUS_OK = 2,
    NAME_STATUS_TEMPORARY = 4, /* the look-up failed for now */
    NAME_STATUS_UNKNOWN = 5,
    NAME_STATUS_FORGED = 6, /* there is a name, but it does not lead back to the address */
};

struct client_name {
    struct slice name;    /* "unknown" unless it leads back to the address */
    struct slice reverse; /* what the address leads to; or "unknown" */
    enum name_status status;
    enum name_status reverse_status;
};

/* Nothing is known. */
void client_name_init(struct client_name *client);
/* Look it up; the names lie in the arena. */
MAY_WAIT void client_name_find(struct client_name *client, const struct endpoint *address,
                               struct arena *arena);

/* Why dns_host_addresses found nothing, in the words of gai_strerror(3), as Postfix says it. */
const char *client_name_trouble(enum dns_result result);

/*
 * DNS messages (RFC 1035 section 4): the records of a response, with TTLs and flags.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "base/slice.h"
#include "dns/dns.h"

#define DNS_NAME_MAX_BYTES 255

struct dns_message {
    int rcode;
    bool is_validated;        /* AD */
    struct dns_answer answer; /* of the type asked for; empty is possible with rcode 0 */
    uint32_t ttl_seconds;     /* the least of the records used, CNAMEs included */
    bool has_negative_ttl;    /* an SOA came along (RFC 2308) ... */
    uint32_t negative_ttl_seconds;
};

/*
 * Parse a response to the question (name, type). Records lie in the arena. Records with names
 * that are no printable text are left out. False when the message is malformed.
 */
MUST_USE bool dns_message_parse(struct slice packet, struct slice name, enum dns_type type,
                                struct arena *arena, struct dns_message *message);

/* Copy an answer with all it points to into another arena. */
void dns_answer_copy(struct dns_answer *to, const struct dns_answer *from, struct arena *arena);

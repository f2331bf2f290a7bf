/*
 * The header that a proxy such as HAProxy puts in front of a connection to say who the client
 * is: version 1 (a line of text) and 2 (binary).
 * Source: "The PROXY protocol", haproxy.org, sections 2.1 and 2.2.
 */
#pragma once

#include <stdbool.h>

#include "base/compiler.h"
#include "base/error.h"
#include "base/slice.h"
#include "net/endpoint.h"

/*
 * The longest header that is accepted. Version 2 allows 64 KiB of attachments (TLVs), which are
 * skipped; those in use fit.
 */
#define PROXY_HEADER_MOST_BYTES 4096

struct proxy_header {
    size_t len; /* bytes that the header takes */
    /* False for LOCAL and UNKNOWN: the proxy speaks for itself, the socket's addresses hold. */
    bool has_addresses;
    struct endpoint client, server; /* v4-mapped IPv6 addresses have become IPv4 */
};

enum proxy_result {
    PROXY_OK,
    PROXY_NEED_MORE, /* right so far: read more and call again with all of it */
    PROXY_BAD,       /* *error tells, in Postfix's words */
};

/*
 * Parse the header at the start of the bytes. An end of input after PROXY_NEED_MORE is a header
 * cut short. *header is set only on PROXY_OK.
 */
MUST_USE enum proxy_result proxy_header_parse(struct proxy_header *header, struct slice bytes,
                                              struct error *error);

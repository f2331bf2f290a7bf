/*
 * A request in QMQP: one netstring that holds those of the message, the sender and each
 * recipient (http://cr.yp.to/proto/qmqp.html).
 */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "net/netstring.h"

/* Who takes the addresses as they come; the message waits in memory until they are there. */
struct request_sink {
    void (*sender)(void *arg, struct slice sender);
    void (*recipient)(void *arg, struct slice recipient);
    void *arg;
};

struct request {
    int64_t message_limit; /* bytes of the message */
    int64_t address_limit; /* bytes of an address */
    struct buf message;
    const char *where; /* what was awaited last: "receiving sender address" */
};

void request_release(struct request *request);

/* Read it all. An address ends at its first NUL; other control bytes in it become "?". */
MUST_USE MAY_WAIT enum netstring_result request_read(struct request *request,
                                                     struct netstring_reader *reader,
                                                     const struct request_sink *sink);

/*
 * "list-@example.com-@[]" asks for a sender per recipient (VERP): *sender becomes
 * "list@example.com", which is put into *rewritten, and delimiters the two characters "-=".
 * False for any other sender.
 */
bool request_asks_for_verp(struct slice *sender, struct buf *rewritten, char delimiters[3]);

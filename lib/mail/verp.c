/*
 * Composing VERP senders.
 */
#include "mail/verp.h"

#include "base/buf.h"
#include "mail/address.h"

struct slice verp_sender(struct arena *arena, struct slice delimiters, struct slice sender,
                         struct slice recipient)
{
    struct slice sender_domain = address_domain(sender);
    struct slice recipient_domain = address_domain(recipient);
    CLEANUP(buf_release) struct buf result = BUF_INIT;

    buf_add_slice(&result, address_local_part(sender));
    buf_add_char(&result, delimiters.ptr[0]);
    buf_add_slice(&result, address_local_part(recipient));
    if (recipient_domain.len) {
        buf_add_char(&result, delimiters.ptr[1]);
        buf_add_slice(&result, recipient_domain);
    }
    if (sender_domain.len) {
        buf_add_char(&result, '@');
        buf_add_slice(&result, sender_domain);
    }
    return arena_slice(arena, buf_slice(&result));
}

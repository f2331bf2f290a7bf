/* The reply of postdrop. */
#include "mail/postdrop_reply.h"

void postdrop_reply_add(struct buf *reply, const char *name, struct slice value)
{
    buf_add(reply, name, strlen(name) + 1);
    buf_add_slice(reply, value);
    buf_add_char(reply, '\0');
}

void postdrop_reply_end(struct buf *reply)
{
    buf_add_char(reply, '\0');
}

struct slice postdrop_reply_find(struct slice reply, const char *name)
{
    struct slice found = {NULL, 0};

    while (reply.len) {
        struct slice candidate = slice_split(&reply, '\0');

        if (candidate.len == 0)
            continue; /* the end of a list */
        struct slice value = slice_split(&reply, '\0');

        if (slice_equals(candidate, name))
            found = value;
    }
    return found;
}

const char *postdrop_status_text(int64_t status)
{
    if (status & POSTDROP_NOT_PERMITTED)
        return "not permitted";
    if (status & POSTDROP_BAD)
        return "internal protocol error";
    if (status & POSTDROP_SIZE)
        return "message file too big";
    return "queue file write error";
}

/*
 * Delivery to a Maildir: a file of its own for each message, written in tmp/, durable before it
 * appears in new/.
 */
#pragma once

#include "base/compiler.h"
#include "delivery/mail_copy.h"
#include "delivery/user.h"

/*
 * Deliver as the user into the Maildir at path (with or without trailing slash), making it and
 * its folders (0700) where they are missing and may be made. *dsn: 2.0.0 "delivered to
 * maildir", or what went wrong, 4.x.x or 5.2.2 (over the limit of bytes; 0: none). hostname is
 * part of the file's name. Texts lie in the delivery's arena. Returns 0 or -1.
 */
struct maildir {
    const char *path;
    const char *hostname;
    int64_t limit_bytes;
    struct user user;
};

MUST_USE int maildir_deliver(const struct maildir *maildir, const struct mail_copy *copy,
                             struct delivery *delivery, struct dsn *dsn);

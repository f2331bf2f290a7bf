/* Message sizes and free space. */
#include "space.h"

#include <inttypes.h>
#include <sys/statvfs.h>

#include "access.h"
#include "base/log.h"
#include "base/time.h"
#include "conf/params.h"
#include "session.h"

/* Free bytes in the queue directory, which is the current one; -1: cannot tell. */
static int64_t free_bytes(void)
{
    static int64_t known = -1;
    static int64_t known_until;
    struct statvfs info;

    if (time_now_ms() < known_until)
        return known;
    known_until = time_now_ms() + SECONDS(1);
    known = -1;
    if (statvfs(".", &info) == 0)
        known = (int64_t)info.f_bavail * (int64_t)info.f_frsize;
    else
        log_warning("statvfs queue directory: %m");
    return known;
}

bool space_allows_size(struct session *session, int64_t size_bytes, struct smtp_reply *reply)
{
    if (params.message_size_limit <= 0 || size_bytes <= params.message_size_limit)
        return true;
    *reply = smtp_reply(552, "5.3.4", "Message size exceeds fixed limit");
    session->notices |= NOTICE_POLICY;
    access_log_reject(session, reply);
    return false;
}

bool space_is_enough(struct session *session, struct smtp_reply *reply)
{
    int64_t free_now = free_bytes();

    if (free_now < 0 ||
        (free_now >= params.queue_minfree && free_now / 3 * 2 >= params.message_size_limit))
        return true;
    *reply = smtp_reply(452, "4.3.1", "Insufficient system storage");
    session->notices |= NOTICE_RESOURCE;
    access_log_reject(session, reply);
    log_warning("not enough free space in mail queue: %" PRId64
                " bytes < 1.5*message size limit",
                free_now);
    return false;
}

/*
 * Watching for destinations that clog the active queue.
 */
#include "clog.h"

#include "base/log.h"
#include "base/time.h"
#include "conf/params.h"
#include "destination.h"
#include "job.h"
#include "mail.h"

/* A destination is worth a warning from this share of qmgr_message_active_limit on. */
#define CLOG_DIVISOR 5

/* With less than this share of all, others are still served between. */
#define WHOLE_QUEUE 0.9

static bool has_one_mail_alone(const struct destination *destination)
{
    return destination->peers.n_nodes <= 1;
}

/* What would help most. */
static void advise(const struct destination *destination, double share)
{
    const struct transport *transport = destination->transport;
    int64_t limit = transport->limits.concurrency;

    if (limit > 0 && limit <= destination->n_busy + 1) {
        log_warning("you may need to increase the main.cf %s_destination_concurrency_limit "
                    "from %lld",
                    transport->name, (long long)limit);
    } else if (destination->window > params.qmgr_message_active_limit * share) {
        log_warning("you may need to increase the main.cf qmgr_message_active_limit from %d",
                    params.qmgr_message_active_limit);
    } else if (!has_one_mail_alone(destination)) {
        log_warning("you may need a separate master.cf transport for %s", destination->nexthop);
    } else {
        log_warning("you may need to reduce %s connect and helo timeouts", transport->name);
        log_warning("you may need to increase the main.cf minimal_backoff_time and "
                    "maximal_backoff_time");
        log_warning("you may need to increase the master.cf %s process limit", transport->name);
    }
}

void clog_watch(struct destination *destination)
{
    int length = destination->n_todo + destination->n_busy + 1;
    int64_t now = time_now_ms();
    double share;

    if (length <= params.qmgr_message_active_limit / CLOG_DIVISOR || !params.helpful_warnings ||
        params.qmgr_clog_warn_time <= 0 ||
        (destination->clog_warned_at != 0 &&
         now < destination->clog_warned_at + params.qmgr_clog_warn_time))
        return;
    destination->clog_warned_at = now;
    share = (double)length / (double)mail_count();
    log_warning("mail for %s is using up %d of %lld active queue entries", destination->nexthop,
                length, (long long)mail_count());
    if (share < WHOLE_QUEUE)
        log_warning("this may slow down other mail deliveries");
    advise(destination, share);
    log_warning("please avoid flushing the whole queue when you have");
    log_warning("lots of deferred mail, that is bad for performance");
    log_warning("to turn off these warnings specify: qmgr_clog_warn_time = 0");
}

/* The log line of a delivery attempt, and the figures in it. */
#include "mail/delivery_line.h"

#include "base/time.h"
#include "mail/address.h"

#define MICROSECONDS   INT64_C(1000000)
#define RESOLUTION_MAX 6

void delivery_delay_format(struct buf *buf, double seconds, int resolution_digits)
{
    int64_t total = seconds > 0 ? (int64_t)(seconds * MICROSECONDS + 0.5) : 0;
    int64_t resolution =
        MICROSECONDS;      /* in microseconds: what the last printed digit stands for */
    int64_t below = total; /* its leading digit tells how many digits say enough */
    int digits = 0;

    if (resolution_digits > RESOLUTION_MAX)
        resolution_digits = RESOLUTION_MAX;
    /* 10 seconds and more: none; 1 to 10: one; below: two behind the leading zeros. */
    while (digits < resolution_digits && below < MICROSECONDS * 10) {
        resolution /= 10;
        below *= 10;
        digits++;
    }
    total += resolution / 2;
    total -= total % resolution;
    buf_printf(buf, "%jd", (intmax_t)(total / MICROSECONDS));
    total %= MICROSECONDS;
    if (total == 0)
        return;
    buf_add_char(buf, '.');
    for (int64_t unit = MICROSECONDS / 10; total > 0; unit /= 10) {
        buf_add_char(buf, (char)('0' + total / unit));
        total %= unit;
    }
}

/* The four delays: before the queue manager, in it, for the connection, for the delivery. */
static void find_delays(const struct delivery_times *times, struct timeval now,
                        double delays[4])
{
    delays[0] = delays[1] = delays[2] = delays[3] = 0;
    if (times->active_start.tv_sec == 0) {
        delays[0] = timeval_diff_seconds(times->incoming, now);
        return;
    }
    delays[0] = timeval_diff_seconds(times->incoming, times->active_start);
    if (times->agent_start.tv_sec == 0) {
        delays[1] = timeval_diff_seconds(times->active_start, now);
        return;
    }
    delays[1] = timeval_diff_seconds(times->active_start, times->agent_start);
    if (times->connect_done.tv_sec == 0) {
        delays[3] = timeval_diff_seconds(times->agent_start, now);
        return;
    }
    delays[2] = timeval_diff_seconds(times->agent_start, times->connect_done);
    delays[3] = timeval_diff_seconds(times->connect_done, now);
}

void delivery_line(struct buf *buf, const struct delivery_report *report, int resolution_digits)
{
    const struct delivery_times *times = report->times;
    const struct recipient *recipient = report->recipient;
    struct timeval now = times->deliver_done.tv_sec ? times->deliver_done : time_wall();
    double delays[4];

    buf_printf(buf, "%.*s: to=<", SLICE_ARG(report->queue_id));
    address_quote(buf, recipient->address);
    buf_add_text(buf, ">, ");
    if (recipient->original.len > 0 &&
        !slice_same_nocase(recipient->original, recipient->address)) {
        buf_add_text(buf, "orig_to=<");
        address_quote(buf, recipient->original);
        buf_add_text(buf, ">, ");
    }
    buf_printf(buf, "relay=%.*s, ", SLICE_ARG(report->relay));
    if (times->connection_reuses > 0)
        buf_printf(buf, "conn_use=%d, ", times->connection_reuses + 1);
    buf_add_text(buf, "delay=");
    delivery_delay_format(buf, timeval_diff_seconds(times->incoming, now), resolution_digits);
    find_delays(times, now, delays);
    for (int i = 0; i < 4; i++) {
        buf_add_text(buf, i == 0 ? ", delays=" : "/");
        delivery_delay_format(buf, delays[i], resolution_digits);
    }
    if (report->tls_status)
        buf_printf(buf, ", tls=%s", report->tls_status);
    buf_printf(buf, ", dsn=%s, status=%s (%.*s)", report->dsn->status, report->status,
               SLICE_ARG(report->dsn->reason));
}

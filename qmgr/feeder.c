/*
 * Feeding the active queue.
 */
#include "feeder.h"

#include <errno.h>

#include "base/log.h"
#include "base/time.h"
#include "co/co.h"
#include "conf/params.h"
#include "finish.h"
#include "intake.h"
#include "mail.h"
#include "removal.h"
#include "timer.h"
#include "transport.h"

/* IDs that are remembered while there is no time or room; of more, a scan finds the files. */
#define ANNOUNCED_MAX 1000

/* Files looked at in a turn while none of them is due. */
#define SCAN_STEPS 50

/* When a scan has passed over what is being delivered, the next comes after so long. */
#define BUSY_RETRY_LEAST SECONDS(2)
#define BUSY_RETRY_MOST  MINUTES(1)

/* Turns after which others run, and files looked at: a look may wait for the disk. */
#define TURNS 20
#define LOOKS 50

static struct {
    char ids[ANNOUNCED_MAX][QUEUE_ID_BYTES]; /* a ring */
    size_t first, count;
} announced;

struct scan {
    const char *queue;
    struct queue_scan *walk; /* NULL: none is under way */
    bool is_requested;       /* begin, or begin again at the end */
    bool ignores_time;       /* of the request */
    bool ignores_trouble;
    struct intake intake; /* of the scan under way */
};

static struct scan incoming = {.queue = "incoming"};
static struct scan deferred = {.queue = "deferred"};
static struct co_queue work;
static struct co_queue caught_up; /* announcements wait while we are behind */
static struct timer queue_run, busy_retry;
static int64_t busy_delay = BUSY_RETRY_LEAST;
static bool is_stopped;
static int n_looks; /* files since others ran */

/* There is no room, or more in the incoming queue than what was announced. */
static bool is_behind(void)
{
    return !mail_has_room() || incoming.walk || incoming.is_requested;
}

static void wake(void)
{
    co_wake_one(&work);
    if (is_stopped || !is_behind())
        co_wake_all(&caught_up);
}

static void request_scan(struct scan *scan)
{
    scan->is_requested = true;
    wake();
}

/*
 * While we are behind nothing more is read from those who announce, so that their sockets fill
 * and they see that mail comes in faster than it goes out (in_flow_delay).
 */
static void wait_until_caught_up(void)
{
    while (!is_stopped && is_behind()) {
        if (co_wait(&caught_up, DEADLINE_NONE) != WAKE_READY)
            return;
    }
}

/* What is not remembered here is found by the scan that is then requested. */
static void announce(struct slice id)
{
    size_t last = (announced.first + announced.count) % ANNOUNCED_MAX;

    if (is_behind() || announced.count == ANNOUNCED_MAX || id.len >= QUEUE_ID_BYTES ||
        !queue_id_is_valid(id)) {
        request_scan(&incoming);
        return;
    }
    memcpy(announced.ids[last], id.ptr, id.len);
    announced.ids[last][id.len] = '\0';
    announced.count++;
    wake();
}

/* "N<id>\n" at the start of the bytes. Cut in two by the socket, it becomes a scan. */
static void take_announcement(struct slice *bytes)
{
    size_t end = slice_find(*bytes, '\n');

    if (end < bytes->len)
        announce(slice_sub(*bytes, 1, end - 1));
    else
        request_scan(&incoming);
    *bytes = slice_from_offset(*bytes, end + 1);
}

/* The trigger bytes that come together are one request. */
struct request {
    bool incoming, deferred, forget_trouble, ignore_time;
};

static void take_trigger(struct request *request, char byte)
{
    switch (byte) {
    case 'I':
    case 'W':
        request->incoming = true;
        break;
    case 'D':
        request->deferred = true;
        break;
    case 'F':
        request->forget_trouble = true;
        break;
    case 'A':
        request->ignore_time = true;
        break;
    default:
        log_debug(1, "ignoring request byte %d", byte);
        break;
    }
}

static void start_request(const struct request *request)
{
    struct scan *scans[] = {request->incoming ? &incoming : NULL,
                            request->deferred ? &deferred : NULL};

    if (request->forget_trouble)
        transport_unthrottle_all();
    for (size_t i = 0; i < ARRAY_SIZE(scans); i++) {
        if (!scans[i])
            continue;
        scans[i]->ignores_time |= request->ignore_time;
        scans[i]->ignores_trouble |= request->forget_trouble;
        request_scan(scans[i]);
    }
}

void feeder_take_requests(struct slice bytes)
{
    struct request request = {0};
    bool has_announced = bytes.len > 0 && slice_find(bytes, 'N') < bytes.len;

    while (bytes.len > 0) {
        if (bytes.ptr[0] == 'N') {
            take_announcement(&bytes);
            continue;
        }
        take_trigger(&request, bytes.ptr[0]);
        bytes = slice_from_offset(bytes, 1);
    }
    start_request(&request);
    if (has_announced)
        wait_until_caught_up();
}

static void run_queue(struct timer *timer)
{
    request_scan(&deferred);
    timer_set(timer, params.queue_run_delay > 0 ? params.queue_run_delay : SECONDS(1));
}

static void look_again(struct timer *timer)
{
    (void)timer;
    request_scan(&incoming);
    request_scan(&deferred);
}

/* What was busy will soon be done with, or takes longer: look less and less often. */
static void retry_what_was_busy(void)
{
    if (!intake_met_busy_file) {
        if (!timer_is_set(&busy_retry))
            busy_delay = BUSY_RETRY_LEAST;
        return;
    }
    intake_met_busy_file = false;
    if (is_stopped || timer_is_set(&busy_retry))
        return;
    timer_set(&busy_retry, busy_delay);
    busy_delay = busy_delay * 2 < BUSY_RETRY_MOST ? busy_delay * 2 : BUSY_RETRY_MOST;
}

void feeder_start(void)
{
    finish_made_room = wake;
    busy_retry.fire = look_again;
    queue_run.fire = run_queue;
    request_scan(&incoming);
    run_queue(&queue_run);
}

void feeder_stop(void)
{
    is_stopped = true;
    timer_cancel(&queue_run);
    timer_cancel(&busy_retry);
    wake();
}

/* False when nothing was announced. */
static bool take_announced(void)
{
    static const struct intake intake = {.queue = "incoming"};
    char id[QUEUE_ID_BYTES];

    if (announced.count == 0)
        return false;
    memcpy(id, announced.ids[announced.first], sizeof(id));
    announced.first = (announced.first + 1) % ANNOUNCED_MAX;
    announced.count--;
    (void)intake_take(&intake, slice_from(id));
    return true;
}

/* False when no scan is under way or wanted. */
static bool begin_scan(struct scan *scan)
{
    if (scan->walk)
        return true;
    if (!scan->is_requested)
        return false;
    scan->intake = (struct intake){
        .queue = scan->queue,
        .ignores_time = scan->ignores_time,
        .ignores_trouble = scan->ignores_trouble,
    };
    scan->is_requested = scan->ignores_time = scan->ignores_trouble = false;
    scan->walk = queue_scan_open(scan->queue);
    if (!scan->walk)
        log_error("open directory %s: %m", scan->queue);
    return scan->walk != NULL;
}

static void end_scan(struct scan *scan, int result)
{
    if (result < 0)
        log_error("read directory %s: %m", scan->queue);
    queue_scan_close(scan->walk);
    scan->walk = NULL;
    wake();
    retry_what_was_busy();
}

/* Look for the next message that is due. False when there is no scan. */
static bool take_from_scan(struct scan *scan)
{
    if (!begin_scan(scan))
        return false;
    for (int i = 0; i < SCAN_STEPS; i++) {
        struct slice id;
        int result = queue_scan_next(scan->walk, &id);

        if (result <= 0) {
            end_scan(scan, result);
            break;
        }
        scan->intake.path = queue_scan_path(scan->walk);
        n_looks++;
        if (intake_take(&scan->intake, id))
            break;
    }
    return true;
}

void feeder_run(void *unused)
{
    int turns = 0;

    (void)unused;
    while (!is_stopped) {
        bool is_fed = false;

        removal_wait_for_room();
        if (mail_has_room())
            is_fed = take_announced() || take_from_scan(&incoming);
        if (mail_has_room_for_retries())
            is_fed |= take_from_scan(&deferred);
        if (!is_fed && co_wait(&work, DEADLINE_NONE) == WAKE_CANCELLED)
            return;
        if (is_fed && (++turns % TURNS == 0 || n_looks >= LOOKS)) {
            n_looks = 0;
            co_yield();
        }
    }
}

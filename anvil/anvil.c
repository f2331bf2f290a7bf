/*
 * anvil: counts connections, messages, recipients, ... of each client over all processes of a
 * service, and logs now and then how high it went.
 */
#include <inttypes.h>
#include <time.h>

#include "base/log.h"
#include "co/co.h"
#include "conf/params.h"
#include "counters.h"
#include "worker/worker.h"

#define SWEEP_INTERVAL SECONDS(10)

/* The highest value of something since the last report. */
struct peak {
    const char *format; /* "max connection rate %lld/%llds for (%s) at %s" in parts */
    bool is_rate;
    int64_t value;
    struct buf client; /* "smtp:192.0.2.1" */
    int64_t when;      /* wall seconds */
};

static struct peak connection_rate = {.format = "connection rate", .is_rate = true};
static struct peak connection_count = {.format = "connection count"};
static struct peak mail_rate = {.format = "message rate", .is_rate = true};
static struct peak recipient_rate = {.format = "recipient rate", .is_rate = true};
static struct peak newtls_rate = {.format = "newtls rate", .is_rate = true};
static struct peak auth_rate = {.format = "auth rate", .is_rate = true};
static struct peak cache_size = {.format = "cache size"};

static struct peak *const peaks[] = {&connection_rate, &connection_count, &mail_rate,
                                     &recipient_rate,  &newtls_rate,      &auth_rate};

static void note_peak(struct peak *peak, int64_t value, struct slice service,
                      struct slice client)
{
    if (value <= peak->value)
        return;
    peak->value = value;
    peak->when = time_wall_seconds();
    if (!peak->client.data)
        buf_init(&peak->client);
    buf_reset(&peak->client);
    buf_printf(&peak->client, "%.*s:%.*s", SLICE_ARG(service), SLICE_ARG(client));
}

/* "Nov 22 03:10:29" */
static void format_time(char text[32], int64_t when)
{
    time_t seconds = (time_t)when;
    struct tm local;

    text[0] = '\0';
    if (localtime_r(&seconds, &local) && strftime(text, 32, "%b %e %H:%M:%S", &local) == 0)
        text[0] = '\0';
}

static void report_peaks(void)
{
    char when[32];

    for (size_t i = 0; i < ARRAY_SIZE(peaks); i++) {
        struct peak *peak = peaks[i];
        if (peak->value == 0)
            continue;
        format_time(when, peak->when);
        if (peak->is_rate)
            log_info("statistics: max %s %" PRId64 "/%" PRId64 "s for (%s) at %s", peak->format,
                     peak->value, params.anvil_rate_time_unit / 1000, peak->client.data, when);
        else
            log_info("statistics: max %s %" PRId64 " for (%s) at %s", peak->format, peak->value,
                     peak->client.data, when);
        peak->value = 0;
    }
    if (cache_size.value > 0) {
        format_time(when, cache_size.when);
        log_info("statistics: max cache size %" PRId64 " at %s", cache_size.value, when);
        cache_size.value = 0;
    }
}

static void note_peaks(const struct anvil_request *asked,
                       const struct client_counters *counters)
{
    switch ((enum anvil_event)asked->event) {
    case ANVIL_CONNECT:
        note_peak(&connection_rate, counters->connection_rate, asked->service, asked->client);
        note_peak(&connection_count, counters->connections, asked->service, asked->client);
        note_peak(&cache_size, (int64_t)counters_size(), asked->service, asked->client);
        break;
    case ANVIL_MAIL:
        note_peak(&mail_rate, counters->mail_rate, asked->service, asked->client);
        break;
    case ANVIL_RECIPIENT:
        note_peak(&recipient_rate, counters->recipient_rate, asked->service, asked->client);
        break;
    case ANVIL_NEWTLS:
        note_peak(&newtls_rate, counters->newtls_rate, asked->service, asked->client);
        break;
    case ANVIL_AUTH:
        note_peak(&auth_rate, counters->auth_rate, asked->service, asked->client);
        break;
    case ANVIL_DISCONNECT:
    case ANVIL_LOOKUP:
        break;
    }
}

static int request(struct channel *channel, enum message_number number, struct slice body)
{
    struct anvil_request asked;
    struct error error;

    if (number != MESSAGE_anvil_request || message_decode(number, body, &asked, &error) < 0 ||
        asked.event < ANVIL_CONNECT || asked.event > ANVIL_LOOKUP) {
        log_warning("unexpected request: %s", message_name(number));
        return -1;
    }
    const struct client_counters *counters =
        counters_note((enum anvil_event)asked.event, asked.service, asked.client,
                      (pid_t)asked.process, params.anvil_rate_time_unit);
    note_peaks(&asked, counters);
    struct anvil_reply reply = {.connections = counters->connections,
                                .connection_rate = counters->connection_rate,
                                .mail_rate = counters->mail_rate,
                                .recipient_rate = counters->recipient_rate,
                                .newtls_rate = counters->newtls_rate,
                                .auth_rate = counters->auth_rate};
    return channel_send(channel, MESSAGE_anvil_reply, &reply, &error);
}

static void sweep(void *arg)
{
    (void)arg;
    while (!worker_is_draining() && co_sleep_until(deadline_in(SWEEP_INTERVAL)) == WAKE_TIMEOUT)
        counters_sweep(params.anvil_rate_time_unit);
}

static void report(void *arg)
{
    (void)arg;
    while (!worker_is_draining() &&
           co_sleep_until(deadline_in(params.anvil_status_update_time)) == WAKE_TIMEOUT)
        report_peaks();
}

static void started(void)
{
    if (!co_spawn("anvil sweep", sweep, NULL) || !co_spawn("anvil report", report, NULL))
        log_warning("no memory for the sweep of old clients");
}

int main(int argc, char **argv)
{
    static const struct worker anvil = {
        .name = "anvil",
        .sessions_per_process = 1000,
        .limits_processes = true,
        .stays = true,
        .started = started,
        .request = request,
        .draining = report_peaks,
    };

    return worker_main(&anvil, argc, argv);
}

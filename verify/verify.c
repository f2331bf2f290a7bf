/*
 * verify: knows whether mail for an address could be delivered.
 *
 * smtpd asks (reject_unverified_sender, reject_unverified_recipient). What nobody knows yet, or
 * has known for long, is found out by a probe, a message that no agent delivers; the agent
 * reports what would have become of it, and smtpd asks again a moment later.
 */
#include <string.h>

#include "base/log.h"
#include "co/co.h"
#include "ipc/verify_client.h"
#include "probe.h"
#include "results.h"
#include "worker/worker.h"

#define IN_PROGRESS "Address verification in progress"

/* What is known, and a probe where that is not enough. */
static struct entry look_up(struct slice address, struct buf *storage)
{
    const struct lifetimes *lifetimes = results_lifetimes();
    int64_t now = time_wall_seconds();
    struct entry entry;

    if (!results_find(address, &entry, storage) || entry_is_expired(&entry, lifetimes, now))
        entry = (struct entry){.status = VERIFY_RECIPIENT_PROBE, .text = SLICE(IN_PROGRESS)};
    if (entry_wants_probe(&entry, lifetimes, now) && probe_send(address)) {
        entry.probed = now;
        results_set(address, &entry);
    }
    return entry;
}

static struct verify_result query(struct slice address, struct buf *storage)
{
    struct entry entry;

    if (address.len == 0)
        return (struct verify_result){.request_status = -1, .reason = SLICE("no address")};
    entry = look_up(address, storage);
    return (struct verify_result){.recipient_status = entry.status, .reason = entry.text};
}

static struct verify_result update(const struct verify_update *update)
{
    CLEANUP(buf_release) struct buf storage = BUF_INIT;
    int64_t now = time_wall_seconds();
    struct entry entry;

    if (update->address.len == 0 || update->recipient_status < VERIFY_RECIPIENT_OK ||
        update->recipient_status > VERIFY_RECIPIENT_BOUNCE)
        return (struct verify_result){.request_status = -1, .reason = SLICE("bad result")};
    enum verify_recipient_status status =
        (enum verify_recipient_status)update->recipient_status;

    if (results_find(update->address, &entry, &storage) &&
        !entry_yields(&entry, status, results_lifetimes(), now))
        return (struct verify_result){.recipient_status = entry.status, .reason = SLICE_EMPTY};
    entry = (struct entry){.status = status,
                           .updated = now,
                           .text = update->reason.len ? update->reason : SLICE("no reason")};
    results_set(update->address, &entry);
    return (struct verify_result){.recipient_status = entry.status, .reason = SLICE_EMPTY};
}

static int request(struct channel *channel, enum message_number number, struct slice body)
{
    CLEANUP(buf_release) struct buf storage = BUF_INIT;
    struct verify_result result = {.request_status = -1, .reason = SLICE_EMPTY};
    struct error error;

    union {
        struct verify_query query;
        struct verify_update update;
    } asked;

    if ((number != MESSAGE_verify_query && number != MESSAGE_verify_update) ||
        message_decode(number, body, &asked, &error) < 0) {
        log_warning("unexpected request: %s", message_name(number));
        return -1;
    }
    if (number == MESSAGE_verify_query)
        result = query(asked.query.address, &storage);
    else
        result = update(&asked.update);
    return channel_send(channel, MESSAGE_verify_result, &result, &error);
}

static void started(void)
{
    if (!co_spawn("verify clean", results_clean, NULL))
        log_warning("no memory for the cleaning of the cache");
}

int main(int argc, char **argv)
{
    static const struct worker verify = {
        .name = "verify",
        .sessions_per_process = 1000,
        .limits_processes = true,
        .stays = true,
        .before_jail = results_open,
        .started = started,
        .request = request,
        .draining = results_save,
    };

    return worker_main(&verify, argc, argv);
}

/*
 * tlskey: has the private keys of TLS, so that no process that talks to the network needs them.
 *
 * It gives out the certificates of key pairs (sets.c) and signs what smtpd and smtp hand to it
 * (keys.c). What can read the files is a process of its own (reader.c); this one is in a jail
 * as all workers are, and parses.
 */
#include <sys/prctl.h>
#include <sysexits.h>

#include "base/bug.h"
#include "base/log.h"
#include "co/co.h"
#include "keys.h"
#include "reader.h"
#include "sets.h"
#include "tls/openssl.h"
#include "worker/worker.h"

#define SWEEP_INTERVAL SECONDS(600)

static void open_all(void)
{
    struct error error;

    reader_start();
    if (tls_library_open(&error) < 0)
        fatal(EX_CONFIG, "%s", error.text);
    /* No core dump of this process, and nobody of the same user looks into it. */
    if (prctl(PR_SET_DUMPABLE, 0) < 0)
        fatal(EX_OSERR, "prctl: %m");
}

static int answer_pairs(struct channel *channel, struct slice body)
{
    CLEANUP(buf_release) struct buf copy = BUF_INIT;
    struct tlskey_pairs request;
    struct tlskey_chains reply;
    struct error error = ERROR_INIT;

    /* The request outlives the wait for the reader. */
    buf_set(&copy, body);
    if (message_decode(MESSAGE_tlskey_pairs, buf_slice(&copy), &request, &error) < 0) {
        log_warning("%s", error.text);
        return -1;
    }
    sets_answer(&request, &reply, &error);
    if (reply.status == TLSKEY_BAD || reply.status == TLSKEY_UNREADABLE)
        reply.reason = slice_from(error.text);
    return channel_send(channel, MESSAGE_tlskey_chains, &reply, &error);
}

static int answer_use(struct channel *channel, struct slice body)
{
    CLEANUP(buf_release) struct buf result = BUF_INIT;
    struct tlskey_use request;
    struct tlskey_result reply = {.result = SLICE_EMPTY};
    struct error error = ERROR_INIT;

    if (message_decode(MESSAGE_tlskey_use, body, &request, &error) < 0) {
        log_warning("%s", error.text);
        return -1;
    }
    reply.status = keys_use(&request, &result, &error);
    if (reply.status == 0)
        reply.result = buf_slice(&result);
    reply.reason = slice_from(error.text);
    return channel_send(channel, MESSAGE_tlskey_result, &reply, &error);
}

static int answer(struct channel *channel, enum message_number number, struct slice body)
{
    if (number == MESSAGE_tlskey_pairs)
        return answer_pairs(channel, body);
    if (number == MESSAGE_tlskey_use)
        return answer_use(channel, body);
    log_warning("unexpected request: %s", message_name(number));
    return -1;
}

static void sweep(void *arg)
{
    (void)arg;
    while (!worker_is_draining() &&
           co_sleep_until(deadline_in(SWEEP_INTERVAL)) == WAKE_TIMEOUT) {
        sets_touch_keys();
        keys_sweep();
    }
}

static void started(void)
{
    if (!co_spawn("sweep", sweep, NULL))
        log_warning("no memory for a stack: old keys are not forgotten");
}

int main(int argc, char **argv)
{
    static const struct worker tlskey = {
        .name = "tlskey",
        .sessions_per_process = 1000,
        .stays = true,
        .before_jail = open_all,
        .started = started,
        .request = answer,
    };

    return worker_main(&tlskey, argc, argv);
}

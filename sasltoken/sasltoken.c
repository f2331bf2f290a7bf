/*
 * sasltoken: access tokens for logging in at servers (OAUTHBEARER, XOAUTH2). It reads the files
 * and runs the commands that sasl_token_sources names, which the jailed smtp can not and must
 * not do.
 */
#include <sys/prctl.h>
#include <sysexits.h>

#include "base/bug.h"
#include "base/log.h"
#include "co/co.h"
#include "conf/params.h"
#include "fetch.h"
#include "sources.h"
#include "tokens.h"
#include "worker/worker.h"

/* Longer than any lifetime that matters: tokens of accounts that are no longer used go. */
#define SWEEP_INTERVAL HOURS(1)

/* What is wrong with the list is said at the start, and to all who ask. */
static struct token_sources sources;
static struct error trouble;

static void open_sources(void)
{
    static struct arena arena;

    token_fetch_open();
    if (token_sources_parse(&sources, slice_from(params.sasl_token_sources), &arena, &trouble) <
        0) {
        error_context(&trouble, "sasl_token_sources");
        log_error("%s", trouble.text);
    }
    /* No core dump of this process, and nobody of the same user looks into it. */
    if (prctl(PR_SET_DUMPABLE, 0) < 0)
        fatal(EX_OSERR, "prctl: %m");
}

static int get_token(const struct sasl_token_request *request, struct buf *token,
                     struct error *error)
{
    const struct token_source *source = token_sources_find(&sources, request->source);
    const struct token_purpose purpose = {.user = request->user, .host = request->host};

    if (trouble.kind != ERROR_NONE) {
        *error = trouble;
        return -1;
    }
    if (!source)
        return error_set(error, ERROR_TEMPORARY, "sasl_token_sources has no %.*s",
                         SLICE_ARG(request->source));
    if (tokens_get(source, &purpose, request->refused, token, error) < 0)
        return error_context(error, "token source %s", source->name);
    return 0;
}

static int answer(struct channel *channel, enum message_number number, struct slice body)
{
    CLEANUP(buf_release) struct buf copy = BUF_SECRET_INIT; /* with the token refused */
    CLEANUP(buf_release) struct buf token = BUF_SECRET_INIT;
    struct sasl_token_request request;
    struct sasl_token reply = {.status = 0};
    struct error error = ERROR_INIT;

    buf_set(&copy, body); /* it outlives the wait for a command */
    if (number != MESSAGE_sasl_token_request ||
        message_decode(number, buf_slice(&copy), &request, &error) < 0) {
        log_warning("unexpected message %s %s", message_name(number), error.text);
        return -1;
    }
    if (get_token(&request, &token, &error) < 0) {
        log_warning("%s", error.text);
        reply.status = -1;
        reply.reason = slice_from(error.text);
    }
    reply.token = buf_slice(&token);
    return channel_send(channel, MESSAGE_sasl_token, &reply, NULL);
}

static void sweep(void *arg)
{
    (void)arg;
    while (!worker_is_draining() && co_sleep_until(deadline_in(SWEEP_INTERVAL)) == WAKE_TIMEOUT)
        tokens_sweep();
}

static void started(void)
{
    if (!co_spawn("sweep", sweep, NULL))
        log_warning("no memory for a stack: old tokens are not forgotten");
}

int main(int argc, char **argv)
{
    static const struct worker sasltoken = {
        .name = "sasltoken",
        .sessions_per_process = 1000,
        .limits_processes = true,
        .needs_root = true,
        .before_jail = open_sources,
        .started = started,
        .request = answer,
    };

    return worker_main(&sasltoken, argc, argv);
}

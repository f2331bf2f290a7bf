/*
 * bounce, defer and trace: one program under three service names. It keeps the per-message
 * status logs that the agents write to, and turns them into notifications when the queue
 * manager is done with a message.
 */
#include <unistd.h>

#include "base/log.h"
#include "conf/params.h"
#include "ipc/bounce_client.h"
#include "mail/queue_id.h"
#include "notice.h"
#include "notify.h"
#include "worker/worker.h"

/* A word of struct dsn from a client; what it does not tell is NULL. */
static const char *word(struct arena *arena, struct slice text)
{
    return text.len ? arena_text(arena, text) : NULL;
}

static int answer(struct channel *channel, const struct error *error)
{
    struct bounce_result result = {.status = 0, .reason = SLICE_EMPTY};
    struct error trouble;

    if (error) {
        result.status = -1;
        result.reason = slice_from(error->text);
    }
    return channel_send(channel, MESSAGE_bounce_result, &result, &trouble);
}

static int check_id(struct slice queue_id, struct error *error)
{
    if (queue_id_is_valid(queue_id))
        return 0;
    return error_set(error, ERROR_TEMPORARY, "malformed queue ID");
}

static int append(const struct bounce_append *request, struct arena *arena, struct error *error)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    struct status_entry entry = {
        .recipient =
            {
                .address = request->recipient,
                .original = request->original,
                .dsn_original = request->dsn_original,
                .notify = (int)request->notify,
                .offset = request->offset,
            },
        .dsn =
            {
                .action = word(arena, request->action),
                .reason = request->reason,
                .diagnostic_type = word(arena, request->diagnostic_type),
                .diagnostic = request->diagnostic,
                .mta_type = word(arena, request->mta_type),
                .mta = request->mta,
            },
    };

    if (!dsn_status_parse(request->status, entry.dsn.status, NULL))
        return error_set(error, ERROR_TEMPORARY, "malformed status code");
    notify_log_path(&path, (int)request->log, request->queue_id);
    if (status_log_append(path.data, &entry, params.backwards_bounce_logfile_compatibility,
                          error) == 0)
        return 0;
    if (request->flags & BOUNCE_CLEAN)
        (void)unlink(path.data);
    return -1;
}

static int serve_append(struct channel *channel, struct slice body)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct bounce_append request;
    struct error error = ERROR_INIT;

    if (message_decode(MESSAGE_bounce_append, body, &request, &error) < 0)
        return -1;
    if (check_id(request.queue_id, &error) == 0 && append(&request, &arena, &error) == 0)
        return answer(channel, NULL);
    log_warning("%.*s: %s", SLICE_ARG(request.queue_id), error.text);
    return answer(channel, &error);
}

static int serve_flush(struct channel *channel, struct slice body)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct bounce_flush request;
    struct error error = ERROR_INIT;

    if (message_decode(MESSAGE_bounce_flush, body, &request, &error) < 0)
        return -1;
    request.queue_name = arena_slice(&arena, request.queue_name);
    if (!queue_name_is_valid(request.queue_name))
        return -1;
    if (check_id(request.queue_id, &error) == 0 && notify_flush(&request, &error) == 0)
        return answer(channel, NULL);
    log_warning("%.*s: %s", SLICE_ARG(request.queue_id), error.text);
    return answer(channel, &error);
}

static int serve_request(struct channel *channel, enum message_number number, struct slice body)
{
    switch ((int)number) {
    case MESSAGE_bounce_append:
        return serve_append(channel, body);
    case MESSAGE_bounce_flush:
        return serve_flush(channel, body);
    default:
        return -1;
    }
}

static const struct worker bounce = {
    .name = "bounce",
    .sessions_per_process = 1000,
    .before_jail = notice_open_templates,
    .request = serve_request,
};

int main(int argc, char **argv)
{
    return worker_main(&bounce, argc, argv);
}

/*
 * trivial-rewrite: rewrites addresses to standard form and resolves them to transport, nexthop
 * and recipient, for programs that may not open the tables themselves. smtpd, cleanup and qmgr
 * do the same in their own process (lib/route).
 */
#include "base/arena.h"
#include "base/log.h"
#include "route/resolve.h"
#include "route/rewrite.h"
#include "worker/worker.h"

static int fail(struct channel *channel, const char *reason)
{
    struct ipc_failure failure = {.reason = slice_from(reason)};
    struct error error;

    return channel_send(channel, MESSAGE_ipc_failure, &failure, &error);
}

static int rewrite(struct channel *channel, struct slice body)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct rewrite_request request;
    struct rewrite_reply reply;
    struct error error;
    enum rewrite_context context;

    if (message_decode(MESSAGE_rewrite_request, body, &request, &error) < 0)
        return -1;
    if (slice_equals(request.context, "local")) {
        context = REWRITE_LOCAL;
    } else if (slice_equals(request.context, "remote")) {
        context = REWRITE_REMOTE;
    } else {
        log_warning("unknown context: %.*s", SLICE_ARG(request.context));
        return fail(channel, "unknown rewriting context");
    }
    reply.address = rewrite_address(context, request.address, &arena);
    return channel_send(channel, MESSAGE_rewrite_reply, &reply, &error);
}

static int resolve(struct channel *channel, struct slice body)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct resolve_request request;
    struct resolved resolved;
    struct error error;

    if (message_decode(MESSAGE_resolve_request, body, &request, &error) < 0)
        return -1;
    if (resolve_address(request.sender, request.address, request.probe != 0, &arena, &resolved,
                        &error) < 0)
        resolved.flags = RESOLVE_FAIL;
    const struct resolve_reply reply = {
        .flags = resolved.flags,
        .transport = resolved.transport,
        .nexthop = resolved.nexthop,
        .recipient = resolved.recipient,
        .error = resolved.error,
    };

    return channel_send(channel, MESSAGE_resolve_reply, &reply, &error);
}

static int request(struct channel *channel, enum message_number number, struct slice body)
{
    if (number == MESSAGE_rewrite_request)
        return rewrite(channel, body);
    if (number == MESSAGE_resolve_request)
        return resolve(channel, body);
    log_warning("unexpected %s message", message_name(number));
    return -1;
}

static const struct worker trivial_rewrite = {
    .name = "trivial-rewrite",
    .sessions_per_process = 1000,
    .limits_processes = true,
    .before_jail = route_open,
    .request = request,
};

int main(int argc, char **argv)
{
    return worker_main(&trivial_rewrite, argc, argv);
}

#include "session.h"

#include "base/log.h"
#include "base/time.h"
#include "co/co.h"
#include "conf/params.h"
#include "ipc/cleanup_client.h"
#include "request.h"
#include "route/client_name.h"
#include "route/debug_peer.h"
#include "route/domains.h"
#include "route/open_maps.h"
#include "submission.h"

/* The first byte of the answer. */
enum verdict { VERDICT_DONE = 'K', VERDICT_LATER = 'Z', VERDICT_NEVER = 'D' };

struct session {
    struct stream *stream;
    struct submission submission;
    struct request request;
    struct buf answer;
    struct arena arena;
};

static struct match_list *authorized;

void session_open(void)
{
    authorized = open_list("qmqpd_authorized_clients", params.qmqpd_authorized_clients,
                           domains_parents("qmqpd_authorized_clients"));
    submission_open();
}

static void release(struct session *session)
{
    submission_release(&session->submission);
    request_release(&session->request);
    buf_release(&session->answer);
    arena_release(&session->arena);
}

static void identify(struct session *session, const struct worker_client *client)
{
    struct submission *submission = &session->submission;
    struct client_name *name = &submission->name;
    char text[ENDPOINT_TEXT_BYTES];

    client_name_init(name);
    if (endpoint_family(&client->peer) == AF_INET || endpoint_family(&client->peer) == AF_INET6)
        submission->endpoint = client->peer;
    else if (endpoint_parse(&submission->endpoint, SLICE("127.0.0.1"), 0) < 0)
        submission->endpoint.len = 0;
    endpoint_unmap(&submission->endpoint);
    if (submission->endpoint.len == client->peer.len)
        client_name_find(name, &submission->endpoint, &session->arena);
    else
        name->name = name->reverse = SLICE("localhost");
    submission->address =
        arena_slice(&session->arena, slice_from(endpoint_text(&submission->endpoint, text)));
    submission->full_name = arena_printf(&session->arena, "%.*s[%.*s]", SLICE_ARG(name->name),
                                         SLICE_ARG(submission->address));
    if (params.qmqpd_client_port_logging)
        submission->full_name = arena_printf(&session->arena, "%s:%u", submission->full_name,
                                             endpoint_port(&submission->endpoint));
}

static void answer(struct session *session, enum verdict verdict)
{
    struct stream *stream = session->stream;

    if (verdict == VERDICT_NEVER && params.soft_bounce)
        verdict = VERDICT_LATER;
    if (verdict != VERDICT_DONE && params.qmqpd_error_delay > 0)
        (void)co_sleep_until(deadline_in(params.qmqpd_error_delay));
    stream_set_deadline(stream, deadline_in(params.qmqpd_timeout));
    if (stream_printf(stream, "%zu:%c", session->answer.len + 1, (char)verdict) == 0 &&
        stream_write_slice(stream, buf_slice(&session->answer)) == 0 &&
        stream_write(stream, ",", 1) == 0)
        (void)!stream_flush(stream); /* nobody is left to be told */
}

/* It is not accepted, and the administrator should look. */
static void refuse(struct session *session, enum verdict verdict)
{
    log_warning("%s: %s: %s", submission_queue_id(&session->submission),
                session->submission.full_name, session->answer.data);
    answer(session, verdict);
}

/* The client does not speak QMQP as it should, or has gone. */
static void misunderstood(struct session *session, enum netstring_result trouble)
{
    const char *where = session->request.where;

    log_info("%s: %s: %s while %s", submission_queue_id(&session->submission),
             session->submission.full_name, netstring_trouble(trouble), where);
    if (trouble == NETSTRING_LOST || trouble == NETSTRING_TIMEOUT)
        return;
    buf_printf(&session->answer, "%s while %s", netstring_trouble(trouble), where);
    answer(session, VERDICT_NEVER);
}

/* The text is Postfix's where it differs from what SMTP clients read. */
static void refused_by_cleanup(struct session *session,
                               const struct cleanup_result_texts *result)
{
    const struct cleanup_status_detail *detail = cleanup_status_detail(result->status);

    if (result->reason.len)
        buf_printf(&session->answer, "Error: %.*s%s%.*s", SLICE_ARG(result->dsn),
                   result->dsn.len ? " " : "", SLICE_ARG(result->reason));
    else if (detail == cleanup_status_detail(CLEANUP_STATUS_SIZE))
        buf_add_text(&session->answer, "Error: message too large");
    else
        buf_printf(&session->answer, "Error: %s", detail->text);
    refuse(session, detail->smtp_code < 500 ? VERDICT_LATER : VERDICT_NEVER);
}

static void queue_trouble(struct session *session, const struct error *error)
{
    log_warning("%s: %s", submission_queue_id(&session->submission), error->text);
    buf_add_text(&session->answer, "Error: queue file write error");
    refuse(session, VERDICT_LATER);
}

static void finish(struct session *session)
{
    struct submission *submission = &session->submission;
    struct cleanup_result_texts result;
    struct error error;

    if (submission->bad_verp[0]) {
        buf_printf(&session->answer,
                   "Error: Invalid VERP delimiters: \"%s\". Need two characters from \"%s\"",
                   submission->bad_verp, params.verp_delimiter_filter);
        refuse(session, VERDICT_NEVER);
        return;
    }
    submission_put_message(submission, buf_slice(&session->request.message));
    if (submission_finish(submission, &session->arena, &result, &error) < 0) {
        queue_trouble(session, &error);
    } else if (cleanup_status_detail(result.status)->text) {
        refused_by_cleanup(session, &result);
    } else {
        buf_printf(&session->answer, "Ok: queued as %s", submission_queue_id(submission));
        answer(session, VERDICT_DONE);
    }
}

static void take_message(struct session *session)
{
    struct netstring_reader reader = {session->stream, params.qmqpd_timeout, 0};
    struct request *request = &session->request;
    struct request_sink sink = {submission_put_sender, submission_put_recipient,
                                &session->submission};
    enum netstring_result result;

    submission_begin(&session->submission);
    request->address_limit = params.line_length_limit;
    request->message_limit =
        params.message_size_limit > 0 ? params.message_size_limit : INT32_MAX;
    result = request_read(request, &reader, &sink);
    if (result == NETSTRING_OK)
        finish(session);
    else
        misunderstood(session, result);
}

static bool is_authorized(struct session *session)
{
    const struct submission *submission = &session->submission;
    struct error error;

    switch (
        match_list_client(authorized, submission->name.name, &submission->endpoint, &error)) {
    case TABLE_FOUND:
        return true;
    case TABLE_NOT_FOUND:
        buf_printf(&session->answer, "Error: %s is not authorized to use this service",
                   submission->full_name);
        answer(session, VERDICT_NEVER);
        return false;
    case TABLE_ERROR:
    default:
        log_warning("%s", error.text);
        buf_add_text(&session->answer, "Error: server configuration error");
        answer(session, VERDICT_LATER);
        return false;
    }
}

void session_run(struct worker_client *client)
{
    CLEANUP(release)
    struct session session = {
        .stream = &client->stream,
        .request = {.message = BUF_INIT},
        .answer = BUF_INIT,
    };
    int verbosity = log_verbosity;

    submission_init(&session.submission);
    arena_init(&session.arena);
    identify(&session, client);
    debug_peer_check(session.submission.name.name, &session.submission.endpoint);
    log_info("connect from %s", session.submission.full_name);
    if (is_authorized(&session))
        take_message(&session);
    log_info("disconnect from %s", session.submission.full_name);
    log_verbosity = verbosity; /* see debug_peer_check */
}

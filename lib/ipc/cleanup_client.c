/* Client side of cleanup: collects records into frames and takes the verdict. */
#include "ipc/cleanup_client.h"

#include <stdarg.h>
#include <string.h>

#include "base/bug.h"
#include "base/log.h"
#include "conf/params.h"
#include "conf/words.h"
#include "mail/record.h"
#include "net/socket.h"

/* Records leave in frames of about this size. */
#define FRAME_BYTES ((size_t)64 << 10)
/* A message that becomes larger than this is begun at cleanup while its end is on the way. */
#define WHOLE_BYTES ((size_t)16 << 10)
/* One record more than a frame, its header included, still fits into a message. */
#define RECORD_MOST_BYTES (IPC_TEXT_MAX_BYTES - FRAME_BYTES - 8)

static const struct {
    unsigned status;
    struct cleanup_status_detail detail;
} details[] = {
    {CLEANUP_STATUS_SERVICE, {451, "4.7.1", "service unavailable"}},
    {CLEANUP_STATUS_PROXY, {451, "4.3.0", "queue file write error"}},
    {CLEANUP_STATUS_BAD, {451, "4.3.0", "internal protocol error"}},
    {CLEANUP_STATUS_NO_RECIPIENT, {550, "5.1.0", "no recipients specified"}},
    {CLEANUP_STATUS_HOPS, {554, "5.4.0", "too many hops"}},
    {CLEANUP_STATUS_SIZE, {552, "5.3.4", "message file too big"}},
    {CLEANUP_STATUS_CONTENT, {550, "5.7.1", "message content rejected"}},
    {CLEANUP_STATUS_FULL, {452, "4.3.1", "insufficient system storage"}},
    {CLEANUP_STATUS_WRITE, {451, "4.3.0", "queue file write error"}},
};

unsigned cleanup_content_flags(void)
{
    struct slice spared = slice_from(params.receive_override_options);
    unsigned flags = CLEANUP_FILTER | CLEANUP_BCC | CLEANUP_MAP | CLEANUP_MILTER;

    if (words_have(spared, SLICE("no_address_mappings")))
        flags &= ~(unsigned)(CLEANUP_BCC | CLEANUP_MAP);
    if (words_have(spared, SLICE("no_header_body_checks")))
        flags &= ~(unsigned)CLEANUP_FILTER;
    if (words_have(spared, SLICE("no_milters")))
        flags &= ~(unsigned)CLEANUP_MILTER;
    return flags;
}

unsigned cleanup_smtputf8_flag(const char *class)
{
    struct slice classes = slice_from(params.smtputf8_autodetect_classes);

    return words_have(classes, slice_from(class)) || words_have(classes, SLICE("all"))
               ? CLEANUP_SMTPUTF8
               : 0;
}

const struct cleanup_status_detail *cleanup_status_detail(unsigned status)
{
    static const struct cleanup_status_detail ok = {250, "2.0.0", NULL};
    static const struct cleanup_status_detail unknown = {451, "4.3.0", "internal error"};

    if ((status & ~(unsigned)CLEANUP_STATUS_OVER) == CLEANUP_STATUS_OK)
        return &ok;
    for (size_t i = 0; i < ARRAY_SIZE(details); i++) {
        if (status & details[i].status)
            return &details[i].detail;
    }
    return &unknown;
}

static int fail(struct cleanup_client *cleanup)
{
    cleanup->failed = true;
    if (cleanup->error.kind == ERROR_NONE)
        (void)error_set(&cleanup->error, ERROR_TEMPORARY, "%s service trouble",
                        cleanup->service);
    client_call_release(&cleanup->call);
    return -1;
}

/* For one step of ours: a message itself may take as long as its sender needs. */
static deadline_t step_deadline(const struct cleanup_client *cleanup)
{
    deadline_t ours = deadline_in(params.ipc_timeout);

    return ours < cleanup->until ? ours : cleanup->until;
}

static void begin_step(struct cleanup_client *cleanup)
{
    stream_set_deadline(&cleanup->call.channel->stream, step_deadline(cleanup));
}

static int send_records(struct cleanup_client *cleanup)
{
    struct cleanup_records frame = {.records = buf_slice(&cleanup->records)};

    return channel_send(cleanup->call.channel, MESSAGE_cleanup_records, &frame,
                        &cleanup->error);
}

static int send_request(struct cleanup_client *cleanup)
{
    struct cleanup_request request = {
        .flags = cleanup->flags,
        .send_options = cleanup->send_options,
        .log_tag = slice_from(log_tag()),
        .log_pid = log_pid(),
        .log_line = cleanup->is_whole ? buf_slice(&cleanup->log_line) : SLICE_EMPTY,
    };

    if (channel_send(cleanup->call.channel, MESSAGE_cleanup_request, &request,
                     &cleanup->error) < 0)
        return -1;
    return cleanup->is_whole ? send_records(cleanup) : 0;
}

void cleanup_open(struct cleanup_client *cleanup, const char *service, unsigned flags,
                  int send_options, deadline_t until)
{
    *cleanup = (struct cleanup_client){
        .service = service,
        .flags = flags,
        .send_options = send_options,
        .until = until,
        .records = BUF_INIT,
        .log_line = BUF_INIT,
    };
}

static int receive_id(struct cleanup_client *cleanup, struct error *error)
{
    struct cleanup_queue_id answer;

    if (channel_expect(cleanup->call.channel, MESSAGE_cleanup_queue_id, &answer, error) < 0)
        return -1;
    if (!queue_id_is_valid(answer.queue_id) || answer.queue_id.len >= QUEUE_ID_BYTES)
        return error_set(error, ERROR_TEMPORARY, "%s: bad queue ID", cleanup->service);
    memcpy(cleanup->queue_id, answer.queue_id.ptr, answer.queue_id.len);
    cleanup->queue_id[answer.queue_id.len] = '\0';
    cleanup->arrival_time.tv_sec = (time_t)answer.arrival_seconds;
    cleanup->arrival_time.tv_usec = (suseconds_t)answer.arrival_microseconds;
    cleanup->has_queue_id = true;
    return 0;
}

static void log_line(const struct cleanup_client *cleanup)
{
    log_info("%s: %s", cleanup->queue_id, cleanup->log_line.data);
}

/*
 * The ID is the first answer: a server from which it does not come, for it had retired or had
 * closed an idle connection, has not begun with anything, and the request goes to another.
 */
static int ask(struct cleanup_client *cleanup)
{
    struct client_call *call = &cleanup->call;
    struct error *error = &cleanup->error;

    if (client_call_begin(call, cleanup->service, step_deadline(cleanup), error) < 0)
        return fail(cleanup);
    while (send_request(cleanup) < 0 || receive_id(cleanup, error) < 0) {
        if (!client_call_may_repeat(call) ||
            client_call_begin_anew(call, step_deadline(cleanup), error) < 0)
            return fail(cleanup);
    }
    cleanup->error = ERROR_INIT;
    return 0;
}

static int need_id(struct cleanup_client *cleanup)
{
    if (cleanup->has_queue_id)
        return 0;
    if (ask(cleanup) < 0)
        return -1;
    if (cleanup->log_line.len && !cleanup->is_whole)
        log_line(cleanup);
    return 0;
}

const char *cleanup_id(struct cleanup_client *cleanup, struct error *error)
{
    if (!cleanup->failed && need_id(cleanup) == 0)
        return cleanup->queue_id;
    *error = cleanup->error;
    return NULL;
}

void cleanup_log(struct cleanup_client *cleanup, struct slice line)
{
    buf_set(&cleanup->log_line, line);
    if (cleanup->has_queue_id)
        log_line(cleanup);
}

static int flush_records(struct cleanup_client *cleanup)
{
    if (need_id(cleanup) < 0)
        return -1;
    if (cleanup->records.len == 0)
        return 0;
    begin_step(cleanup);
    if (send_records(cleanup) < 0)
        return fail(cleanup);
    buf_reset(&cleanup->records);
    return 0;
}

static void send_full_frame(struct cleanup_client *cleanup)
{
    if (cleanup->records.len >= (cleanup->has_queue_id ? FRAME_BYTES : WHOLE_BYTES))
        (void)flush_records(cleanup); /* `failed` remembers */
}

void cleanup_put(struct cleanup_client *cleanup, char type, struct slice data)
{
    if (cleanup->failed)
        return;
    bug_if(data.len > RECORD_MOST_BYTES);
    record_append(&cleanup->records, type, data);
    send_full_frame(cleanup);
}

void cleanup_put_attribute(struct cleanup_client *cleanup, const char *name, struct slice value)
{
    if (cleanup->failed)
        return;
    bug_if(strlen(name) + 1 + value.len > RECORD_MOST_BYTES);
    record_attribute(&cleanup->records, name, value);
    send_full_frame(cleanup);
}

void cleanup_put_with_id(struct cleanup_client *cleanup, char type, struct slice before,
                         struct slice after)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;

    if (!cleanup->has_queue_id)
        buf_add_char(&text, type);
    buf_add_slice(&text, before);
    if (cleanup->has_queue_id)
        buf_add_text(&text, cleanup->queue_id);
    else
        buf_add_char(&text, '\0');
    buf_add_slice(&text, after);
    cleanup_put(cleanup, cleanup->has_queue_id ? type : (char)RECORD_WITH_ID, buf_slice(&text));
}

void cleanup_put_id_and_date(struct cleanup_client *cleanup, time_t date)
{
    CLEANUP(buf_release) struct buf after = BUF_INIT;

    buf_printf(&after, "; %s", time_rfc5322(date));
    cleanup_put_with_id(cleanup, RECORD_LINE, SLICE("\tid "), buf_slice(&after));
}

void cleanup_printf(struct cleanup_client *cleanup, char type, const char *format, ...)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    va_list arguments;

    va_start(arguments, format);
    buf_vprintf(&text, format, arguments);
    va_end(arguments);
    cleanup_put(cleanup, type, buf_slice(&text));
}

void cleanup_give_milters(struct cleanup_client *cleanup,
                          const struct cleanup_milter *described, const int *fds, size_t count)
{
    struct cleanup_milters head = {.count = (int64_t)count};
    int result;

    if (cleanup->failed || flush_records(cleanup) < 0)
        return;
    begin_step(cleanup);
    result =
        channel_send(cleanup->call.channel, MESSAGE_cleanup_milters, &head, &cleanup->error);
    for (size_t i = 0; result == 0 && i < count; i++)
        result = channel_send(cleanup->call.channel, MESSAGE_cleanup_milter, &described[i],
                              &cleanup->error);
    if (result < 0) {
        (void)fail(cleanup);
        return;
    }
    cleanup->milter_fds = fds;
    cleanup->n_milters = count;
}

/* They go when the other side looks for them, so that no ordinary read swallows them. */
static int send_milters(struct cleanup_client *cleanup, struct error *error)
{
    struct cleanup_milters_wanted wanted;
    int socket = cleanup->call.channel->stream.fd;

    if (cleanup->n_milters == 0)
        return 0;
    if (channel_expect(cleanup->call.channel, MESSAGE_cleanup_milters_wanted, &wanted, error) <
        0)
        return -1;
    for (size_t i = 0; i < cleanup->n_milters; i++) {
        if (socket_send_fd(socket, cleanup->milter_fds[i], "m", 1,
                           deadline_in(params.ipc_timeout), error) < 0)
            return -1;
    }
    return 0;
}

/* What nothing was sent of yet goes with the request. */
static int send_rest(struct cleanup_client *cleanup)
{
    if (cleanup->has_queue_id)
        return flush_records(cleanup);
    cleanup->is_whole = true;
    return need_id(cleanup);
}

int cleanup_finish(struct cleanup_client *cleanup, struct arena *arena,
                   struct cleanup_result_texts *result, struct error *error)
{
    struct cleanup_result answer;

    if (cleanup->failed || send_rest(cleanup) < 0) {
        *error = cleanup->error;
        return -1;
    }
    begin_step(cleanup);
    if (send_milters(cleanup, &cleanup->error) < 0 ||
        channel_expect(cleanup->call.channel, MESSAGE_cleanup_result, &answer,
                       &cleanup->error) < 0) {
        *error = cleanup->error;
        return fail(cleanup);
    }
    result->status = (unsigned)answer.status;
    result->reason = arena_slice(arena, answer.reason);
    result->dsn = arena_slice(arena, answer.dsn);
    result->smtp_reply = arena_slice(arena, answer.smtp_reply);
    result->milters = arena_slice(arena, answer.milters);
    client_call_done(&cleanup->call);
    return 0;
}

/* Told to forget the message, the connection stays good for the next one. It has seen the
 * message as far as it came, so the log has the message-id of what was refused in the end. */
static void abandon(struct cleanup_client *cleanup)
{
    struct cleanup_abort nothing;
    struct error error;

    if (flush_records(cleanup) == 0 &&
        channel_send(cleanup->call.channel, MESSAGE_cleanup_abort, &nothing, &error) == 0 &&
        channel_flush(cleanup->call.channel, &error) == 0)
        client_call_done(&cleanup->call);
}

void cleanup_client_release(struct cleanup_client *cleanup)
{
    if (cleanup->call.channel && cleanup->has_queue_id && !cleanup->failed)
        abandon(cleanup);
    client_call_release(&cleanup->call);
    buf_release(&cleanup->records);
    buf_release(&cleanup->log_line);
}

/*
 * Receiving a delivery: the request and its recipients, the open queue file, the result.
 */
#include "delivery/delivery.h"

#include <errno.h>
#include <fcntl.h>

#include "base/bug.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/time.h"
#include "conf/params.h"
#include "ipc/delivery_client.h"
#include "mail/queue_id.h"

/* More recipients than any queue manager keeps in memory: not a request of ours. */
#define RECIPIENTS_MAX 1000000

/* The frame in which the texts lie goes away with the next receive. */
static void keep_request_texts(struct delivery_request *request, struct arena *arena)
{
    struct slice *texts[] = {
        &request->queue_name,
        &request->queue_id,
        &request->transport,
        &request->nexthop,
        &request->encoding,
        &request->sender,
        &request->envelope_id,
        &request->rewrite_context,
        &request->log_client_name,
        &request->log_client_address,
        &request->log_client_port,
        &request->log_client_helo,
        &request->log_client_protocol,
        &request->log_ident,
        &request->sasl_method,
        &request->sasl_username,
        &request->sasl_sender,
        &request->message_id,
    };

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        *texts[i] = arena_slice(arena, *texts[i]);
}

static int receive_recipient(struct channel *channel, struct arena *arena,
                             struct recipient *recipient, struct error *error)
{
    struct delivery_recipient message;

    if (channel_expect(channel, MESSAGE_delivery_recipient, &message, error) < 0)
        return -1;
    *recipient = (struct recipient){
        .address = arena_slice(arena, message.address),
        .original = arena_slice(arena, message.original),
        .dsn_original = arena_slice(arena, message.dsn_original),
        .notify = (int)message.notify,
        .offset = message.offset,
    };
    return 0;
}

static int receive_recipients(struct channel *channel, struct delivery *delivery,
                              struct error *error)
{
    size_t capacity = 0;
    size_t n_expected = (size_t)delivery->request.n_recipients;

    while (delivery->n_recipients < n_expected) {
        if (delivery->n_recipients == capacity) { /* grown by what came, not by what was said */
            struct recipient *larger;

            capacity = capacity ? capacity * 2 : 16;
            larger = arena_array(&delivery->arena, struct recipient, capacity);
            if (delivery->n_recipients)
                memcpy(larger, delivery->recipients,
                       delivery->n_recipients * sizeof(*delivery->recipients));
            delivery->recipients = larger;
        }
        if (receive_recipient(channel, &delivery->arena,
                              &delivery->recipients[delivery->n_recipients], error) < 0)
            return -1;
        delivery->n_recipients++;
    }
    return 0;
}

static int receive(struct channel *channel, struct slice body, struct delivery *delivery,
                   struct error *error)
{
    struct delivery_request *request = &delivery->request;

    if (message_decode(MESSAGE_delivery_request, body, request, error) < 0)
        return -1;
    if (!queue_name_is_valid(request->queue_name) || !queue_id_is_valid(request->queue_id))
        return error_set(error, ERROR_TEMPORARY,
                         "delivery request: bad queue name or queue ID");
    if (request->n_recipients < 0 || request->n_recipients > RECIPIENTS_MAX)
        return error_set(error, ERROR_TEMPORARY, "delivery request: bad recipient count");
    keep_request_texts(request, &delivery->arena);
    return receive_recipients(channel, delivery, error);
}

/* -1 when there is no message to deliver: the reason has been logged. */
static int open_message(struct delivery *delivery)
{
    const struct delivery_request *request = &delivery->request;
    const struct queue_layout layout = {params.hash_queue_names, params.hash_queue_depth};

    delivery->fd = queue_open(&layout, request->queue_name.ptr, request->queue_id, O_RDWR);
    if (delivery->fd < 0) {
        log_warning("open %s %s: %m", request->queue_name.ptr, request->queue_id.ptr);
        return -1;
    }
    /* Shared: several agents at a time, but no second queue manager (queue format, section 2).
     */
    if (fd_flock(delivery->fd, FILE_LOCK_SHARED, FILE_LOCK_TRY) < 0) {
        log_warning("shared lock %s %s: %m", request->queue_name.ptr, request->queue_id.ptr);
        return -1;
    }
    delivery->message.fd = delivery->fd;
    delivery->message.envelope.content_offset = request->content_offset;
    delivery->message.envelope.content_size = request->content_size;
    return 0;
}

static void set_times(struct delivery *delivery)
{
    const struct delivery_request *request = &delivery->request;

    delivery->times = (struct delivery_times){
        .incoming = {request->arrival_seconds, request->arrival_microseconds},
        .active_start = {request->active_seconds, request->active_microseconds},
        .agent_start = time_wall(),
    };
}

static void delivery_release(struct delivery *delivery)
{
    fd_close(&delivery->fd);
    buf_release(&delivery->result_reason);
    arena_release(&delivery->arena);
}

int delivery_serve(struct channel *channel, struct slice body,
                   void (*deliver)(struct delivery *delivery), struct error *error)
{
    CLEANUP(delivery_release)
    struct delivery delivery = {.fd = -1, .arena = ARENA_INIT, .result_reason = BUF_INIT};
    struct delivery_result result;

    if (receive(channel, body, &delivery, error) < 0)
        return -1;
    set_times(&delivery);
    if (open_message(&delivery) == 0)
        deliver(&delivery);
    fd_close(&delivery.fd); /* the lock goes before the queue manager may take the message up */
    result = (struct delivery_result){
        .status = delivery.status,
        .n_left = (int64_t)(delivery.n_recipients - delivery.n_done),
        .dsn = slice_from(delivery.result_dsn.status),
        .reason = buf_slice(&delivery.result_reason),
    };
    if (channel_send(channel, MESSAGE_delivery_result, &result, error) < 0 ||
        channel_flush(channel, error) < 0)
        return error_context(error, "%s: send the result to the queue manager",
                             delivery.request.queue_id.ptr);
    return 0;
}

bool delivery_is_trial(const struct delivery *delivery)
{
    return delivery->request.flags & (DELIVERY_FLAG_VERIFY | DELIVERY_FLAG_EXPAND);
}

int delivery_answer(struct channel *channel, enum message_number number, struct slice body,
                    void (*deliver)(struct delivery *delivery))
{
    struct error error;

    if (number != MESSAGE_delivery_request) {
        log_warning("unexpected request: %s", message_name(number));
        return -1;
    }
    if (delivery_serve(channel, body, deliver, &error) < 0) {
        log_warning("%s", error.text);
        return -1;
    }
    return 0;
}

void delivery_destination_failed(struct delivery *delivery, const struct dsn *dsn)
{
    delivery->status = -1;
    delivery->result_dsn = *dsn;
    buf_set(&delivery->result_reason, dsn->reason);
    delivery->result_dsn.reason = buf_slice(&delivery->result_reason);
}

void delivery_dsn(struct delivery *delivery, struct dsn *dsn, const char *status,
                  const char *format, ...)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    va_list arguments;

    va_start(arguments, format);
    buf_vprintf(&text, format, arguments);
    va_end(arguments);
    *dsn = (struct dsn){.reason = arena_slice(&delivery->arena, buf_slice(&text))};
    bug_if(!dsn_status_parse(slice_from(status), dsn->status, NULL));
    dsn->action = status[0] == '2' ? "delivered" : status[0] == '4' ? "delayed" : "failed";
}

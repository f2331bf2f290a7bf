#include "ipc/flush_client.h"

#include "base/buf.h"
#include "ipc/client.h"

static const char service[] = "public/flush";

static int ask(enum message_number number, const void *message, deadline_t until,
               enum flush_status *status, struct error *error)
{
    CLEANUP(buf_release) struct buf storage = BUF_INIT;
    struct flush_result result;

    if (client_request(
            service,
            &(struct client_exchange){number, message, MESSAGE_flush_result, &result, &storage},
            until, error) < 0)
        return -1;
    if (result.status < FLUSH_STATUS_OK || result.status > FLUSH_STATUS_BAD)
        return error_set(error, ERROR_TEMPORARY, "%s: unexpected status", service);
    *status = (enum flush_status)result.status;
    return 0;
}

int flush_add_message(struct slice site, struct slice queue_id, deadline_t until,
                      enum flush_status *status, struct error *error)
{
    struct flush_add message = {.site = site, .queue_id = queue_id};

    return ask(MESSAGE_flush_add, &message, until, status, error);
}

int flush_deliver_site(struct slice site, deadline_t until, enum flush_status *status,
                       struct error *error)
{
    struct flush_send_site message = {.site = site};

    return ask(MESSAGE_flush_send_site, &message, until, status, error);
}

int flush_deliver_message(struct slice queue_id, deadline_t until, enum flush_status *status,
                          struct error *error)
{
    struct flush_send_message message = {.queue_id = queue_id};

    return ask(MESSAGE_flush_send_message, &message, until, status, error);
}

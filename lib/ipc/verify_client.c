/*
 * Requests to the verify service.
 */
#include "ipc/verify_client.h"

#include "base/buf.h"
#include "conf/params.h"
#include "ipc/client.h"

static const char *service(void)
{
    static char *path;

    if (!path) {
        struct buf text = BUF_INIT;

        buf_printf(&text, "private/%s", params.address_verify_service_name);
        path = buf_take(&text);
    }
    return path;
}

int verify_report(struct slice address, enum verify_recipient_status status,
                  struct slice reason, deadline_t until, struct error *error)
{
    CLEANUP(buf_release) struct buf storage = BUF_INIT;
    struct verify_update update = {address, status, reason};
    struct verify_result result;

    if (client_request(service(),
                       &(struct client_exchange){MESSAGE_verify_update, &update,
                                                 MESSAGE_verify_result, &result, &storage},
                       until, error) < 0)
        return -1;
    if (result.request_status != 0)
        return error_set(error, ERROR_TEMPORARY, "%.*s", SLICE_ARG(result.reason));
    return 0;
}

int verify_query(struct slice address, struct arena *arena,
                 enum verify_recipient_status *status, struct slice *reason, deadline_t until,
                 struct error *error)
{
    CLEANUP(buf_release) struct buf storage = BUF_INIT;
    struct verify_query query = {address};
    struct verify_result result;

    if (client_request(service(),
                       &(struct client_exchange){MESSAGE_verify_query, &query,
                                                 MESSAGE_verify_result, &result, &storage},
                       until, error) < 0)
        return -1;
    if (result.request_status != 0 || result.recipient_status < VERIFY_RECIPIENT_OK ||
        result.recipient_status > VERIFY_RECIPIENT_PROBE)
        return error_set(error, ERROR_TEMPORARY, "%.*s", SLICE_ARG(result.reason));
    *status = (enum verify_recipient_status)result.recipient_status;
    *reason = arena_slice(arena, result.reason);
    return 0;
}

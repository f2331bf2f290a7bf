/*
 * Requests to tlsmgr. Reads the global params: tlsmgr_service_name.
 */
#include "ipc/tlsmgr_client.h"

#include <string.h>

#include "conf/params.h"
#include "ipc/client.h"

static const char *service(void)
{
    static char *path;

    if (!path) {
        struct buf text = BUF_INIT;

        buf_printf(&text, "private/%s", params.tlsmgr_service_name);
        path = buf_take(&text);
    }
    return path;
}

int tlsmgr_ticket_keys(struct tlsmgr_keys *keys, deadline_t until, struct error *error)
{
    CLEANUP(buf_release) struct buf storage = BUF_INIT;
    const struct tlsmgr_get_keys request = {};
    struct tlsmgr_key_ring ring;

    if (client_request(service(),
                       &(struct client_exchange){MESSAGE_tlsmgr_get_keys, &request,
                                                 MESSAGE_tlsmgr_key_ring, &ring, &storage},
                       until, error) < 0)
        return -1;
    size_t n = ring.keys.len / sizeof(keys->keys[0]);

    if (n == 0 || n > TLSMGR_KEYS_MAX || ring.keys.len % sizeof(keys->keys[0]))
        return error_set(error, ERROR_TEMPORARY, "%s: %zu bytes of keys", service(),
                         ring.keys.len);
    memcpy(keys->keys, ring.keys.ptr, ring.keys.len);
    keys->n_keys = n;
    keys->renewal_ms = ring.renewal_ms;
    return 0;
}

static int ask(enum message_number number, const void *message, deadline_t until,
               struct buf *session, struct error *error)
{
    CLEANUP(buf_release) struct buf storage = BUF_INIT;
    struct tlsmgr_session reply;

    if (client_request(service(),
                       &(struct client_exchange){number, message, MESSAGE_tlsmgr_session,
                                                 &reply, &storage},
                       until, error) < 0)
        return -1;
    if (session)
        buf_set(session, reply.session);
    return 0;
}

int tlsmgr_find_session(const char *cache, struct slice id, deadline_t until,
                        struct buf *session, struct error *error)
{
    const struct tlsmgr_find request = {.cache = slice_from(cache), .id = id};

    return ask(MESSAGE_tlsmgr_find, &request, until, session, error);
}

int tlsmgr_keep_session(const char *cache, struct slice id, struct slice session,
                        deadline_t until, struct error *error)
{
    const struct tlsmgr_keep request = {
        .cache = slice_from(cache), .id = id, .session = session};

    return ask(MESSAGE_tlsmgr_keep, &request, until, NULL, error);
}

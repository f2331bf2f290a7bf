#include "ipc/anvil_client.h"

#include <unistd.h>

#include "base/buf.h"
#include "ipc/client.h"

int anvil_report(enum anvil_event event, struct slice service, struct slice client,
                 deadline_t until, struct anvil_reply *counters, struct error *error)
{
    CLEANUP(buf_release) struct buf storage = BUF_INIT;
    struct anvil_request request = {
        .event = event, .process = getpid(), .service = service, .client = client};

    return client_request("private/anvil",
                          &(struct client_exchange){MESSAGE_anvil_request, &request,
                                                    MESSAGE_anvil_reply, counters, &storage},
                          until, error);
}

#include "route/debug_peer.h"

#include "base/log.h"
#include "conf/params.h"
#include "route/domains.h"
#include "table/match_list.h"

static struct match_list *peers; /* NULL: none */

void debug_peer_open(void)
{
    struct error error = ERROR_INIT;

    if (!*params.debug_peer_list)
        return;
    peers = match_list_open("debug_peer_list", params.debug_peer_list,
                            domains_parents("debug_peer_list"), &error);
    if (error.kind != ERROR_NONE)
        log_error("%s", error.text);
}

void debug_peer_check(struct slice name, const struct endpoint *address)
{
    struct error error;

    if (!peers)
        return;
    switch (match_list_client(peers, name, address, &error)) {
    case TABLE_FOUND:
        log_verbosity += params.debug_peer_level;
        break;
    case TABLE_NOT_FOUND:
        break;
    case TABLE_ERROR:
        log_warning("%s", error.text);
        break;
    }
}

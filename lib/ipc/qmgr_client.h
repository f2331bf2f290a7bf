/*
 * Telling the queue manager of new mail and of requests, over public/qmgr.
 *
 * The socket takes Postfix's trigger bytes (I scan incoming, D scan deferred, F forget dead
 * sites, A ignore time stamps, W wake up), and from us also "N<queue id>\n": this message is
 * new in incoming. The connection stays open; nothing is answered.
 */
#pragma once

#include <stdbool.h>

#include "base/slice.h"

/*
 * Announce a committed message. Never waits: when the queue manager does not take it now, its
 * next scan of incoming finds the message, so trouble is no error.
 */
void qmgr_announce(const char *service, struct slice queue_id);

/*
 * True after the last announcement could not be sent because the queue manager does not read
 * them fast enough: mail comes in faster than it goes out.
 */
bool qmgr_is_behind(void);

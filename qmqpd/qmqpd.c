/*
 * qmqpd: the QMQP server, by which qmail's clients hand over mail: one message a connection.
 *
 * A client that qmqpd_authorized_clients names connects (session.c), says everything in one
 * request (request.c, made of netstrings), which goes to cleanup (submission.c), and hears what
 * became of it.
 */
#include <sysexits.h>

#include "base/bug.h"
#include "dns/dns.h"
#include "route/debug_peer.h"
#include "session.h"
#include "worker/worker.h"

static void open_all(void)
{
    struct error error;

    if (dns_open(&error) < 0)
        fatal(EX_UNAVAILABLE, "%s", error.text);
    debug_peer_open();
    session_open();
}

static const struct worker qmqpd = {
    .name = "qmqpd",
    .sessions_per_process = 1000,
    .before_jail = open_all,
    .serve = session_run,
};

int main(int argc, char **argv)
{
    return worker_main(&qmqpd, argc, argv);
}

/*
 * smtpd: the SMTP server.
 *
 * A client connects; who it is gets looked up (peer.c); then command after command is read
 * (session.c), found in a table (commands.c) and answered. MAIL begins a transaction
 * (transaction.c), RCPT adds recipients if the restrictions allow them (access.c), the first
 * one opens the message at cleanup, DATA or BDAT streams the content there (data.c, content.c),
 * and what cleanup says of it is the client's answer.
 */
#include <sysexits.h>

#include "access.h"
#include "auth.h"
#include "base/bug.h"
#include "dns/dns.h"
#include "explain.h"
#include "milter.h"
#include "proxy.h"
#include "route/debug_peer.h"
#include "route/resolve.h"
#include "session.h"
#include "settings.h"
#include "starttls.h"
#include "worker/worker.h"

static void open_all(void)
{
    struct error error;

    if (dns_open(&error) < 0)
        fatal(EX_UNAVAILABLE, "%s", error.text);
    route_open();
    debug_peer_open();
    settings_open();
    starttls_open();
    proxy_open();
    access_open();
    milter_settings_open();
    auth_open();
}

static const struct worker smtpd = {
    .name = "smtpd",
    .sessions_per_process = 1000,
    .before_jail = open_all,
    .serve = session_run,
    .explain = explain,
};

int main(int argc, char **argv)
{
    return worker_main(&smtpd, argc, argv);
}

/*
 * postscreen: looks at SMTP clients before they may take the time of smtpd.
 *
 * A client is let in at once when it has passed lately (clients.c, results.c) or stands in a
 * list (access.c). Others wait for their greeting (early.c) while DNS lists are asked
 * (dnsbl.c), and if main.cf says so must talk to us for a while first (dialogue.c, commands.c).
 * Who has failed nothing is handed over to smtpd (hand_over.c); session.c tells the story.
 */
#include <sysexits.h>

#include "access.h"
#include "base/bug.h"
#include "clients.h"
#include "conf/params.h"
#include "dns/dns.h"
#include "dnsbl.h"
#include "session.h"
#include "settings.h"
#include "starttls.h"
#include "worker/worker.h"

static void open_all(void)
{
    struct error error;

    if (dns_open(&error) < 0)
        fatal(EX_UNAVAILABLE, "%s", error.text);
    settings_open();
    access_open();
    dnsbl_open();
    starttls_open();
    clients_open();
}

int main(int argc, char **argv)
{
    /* More would be above the number of stacks that a process can have. */
    static const struct worker postscreen = {
        .name = "postscreen",
        .sessions_per_process = 25000,
        .limits_processes = true,
        .overlaps = true, /* the cache has locks of its own */
        .stays = true,
        .watchdog_ms = &params.postscreen_watchdog_timeout,
        .before_jail = open_all,
        .started = clients_keep_tidy,
        .serve = session_run,
        .draining = clients_save,
    };

    return worker_main(&postscreen, argc, argv);
}

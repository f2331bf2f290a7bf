/*
 * postlock: run a command while a mailbox is locked the way local(8) locks it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/bug.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/program.h"
#include "conf/conf.h"
#include "delivery/mbox.h"

static NORETURN void usage(void)
{
    fatal(EX_TEMPFAIL,
          "usage: postlock [-c config_dir] [-l lock_style] [-v] folder command...");
}

static int run(const char *const command[], struct mbox_lock_held *held)
{
    struct error error;
    int status;
    int result = program_run(command[0], command, &status, &error);
    int reason = errno;

    mbox_lock_release(held);
    if (result < 0)
        fatal(1, "execvp %s: %s", command[0], strerror(reason));
    return status;
}

int main(int argc, char **argv)
{
    struct conf_request request = {.trust = CONF_TRUST_CALLER};
    struct log_target terminal = {.sink = LOG_SINK_STDERR};
    struct mbox_lock_held held;
    const char *style = NULL;
    struct error error;
    int option;

    log_open("postlock", &terminal);
    while ((option = getopt(argc, argv, "+c:l:v")) != -1) {
        if (option == 'c')
            request.directory = optarg;
        else if (option == 'l')
            style = optarg;
        else if (option == 'v')
            log_verbosity++;
        else
            usage();
    }
    if (argc - optind < 2)
        usage();
    if (conf_load(&request, &error) < 0)
        fatal(EX_TEMPFAIL, "%s", error.text);
    struct mbox mbox = {.path = argv[optind],
                        .lock_attempts = params.deliver_lock_attempts,
                        .lock_delay = params.deliver_lock_delay,
                        .stale_lock_time = params.stale_lock_time,
                        .user = {.uid = geteuid(), .gid = getegid()},
                        .file_owner = {.uid = (uid_t)-1},
                        .may_be_special = true};
    if (mbox_parse_locks(style ? style : params.mailbox_delivery_lock, &mbox.locks, &error) < 0)
        fatal(EX_TEMPFAIL, "%s", error.text);
    if (mbox_lock_take(&mbox, &held, &error) < 0) {
        fatal(EX_TEMPFAIL, "open file %s: %s", mbox.path, error.text);
    }
    return run((const char *const *)argv + optind + 1, &held);
}

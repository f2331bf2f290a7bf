/*
 * postkick: send trigger bytes to a service.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/bug.h"
#include "base/log.h"
#include "conf/conf.h"
#include "ipc/client.h"

#define PATIENCE SECONDS(10)

int main(int argc, char **argv)
{
    CLEANUP(buf_release) struct buf service = BUF_INIT;
    struct conf_request configuration = {.trust = CONF_TRUST_CALLER};
    struct log_target terminal = {.sink = LOG_SINK_STDERR};
    struct error error;
    int option;

    log_open("postkick", &terminal);
    while ((option = getopt(argc, argv, "+c:v")) != -1) {
        if (option == 'c')
            configuration.directory = optarg;
        else if (option == 'v')
            log_verbosity++;
        else
            fatal(1, "usage: postkick [-c config_dir] [-v] class service request");
    }
    if (argc - optind != 3)
        fatal(1, "usage: postkick [-c config_dir] [-v] class service request");
    if (conf_load(&configuration, &error) < 0)
        fatal(1, "%s", error.text);
    if (chdir(params.queue_directory) < 0)
        fatal(1, "chdir %s: %m", params.queue_directory);
    buf_printf(&service, "%s/%s", argv[optind], argv[optind + 1]);
    if (client_trigger(service.data, slice_from(argv[optind + 2]), deadline_in(PATIENCE),
                       &error) < 0) {
        log_warning("%s", error.text);
        log_warning("Cannot contact class %s service %s - perhaps the mail system is down",
                    argv[optind], argv[optind + 1]);
        return 1;
    }
    return 0;
}

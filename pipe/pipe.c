/*
 * pipe: deliver to an external command. Its words in master.cf say which command, as whom, and
 * what the message looks like (delivery/attributes.h).
 */
#include <sysexits.h>

#include "base/arena.h"
#include "base/bug.h"
#include "base/log.h"
#include "conf/conf.h"
#include "conf/params.h"
#include "delivery/attributes.h"
#include "delivery/command.h"
#include "delivery/delivery.h"
#include "macros.h"
#include "worker/worker.h"

static struct attributes attributes;
static int own_argc;
static char **own_argv;
static int64_t time_limit;

/* What can be said without running the command. */
static bool is_refused(struct delivery *delivery, struct dsn *dsn)
{
    const struct recipient *first = &delivery->recipients[0];

    if (attributes.one_recipient && delivery->n_recipients > 1) {
        log_warning("pipe flag `%c' requires %s_destination_recipient_limit = 1",
                    attributes.one_recipient_flag, worker_service());
        delivery_dsn(delivery, dsn, "4.3.5", "mail system configuration error");
    } else if (attributes.size_limit > 0 &&
               delivery->request.data_size > attributes.size_limit) {
        delivery_dsn(delivery, dsn, "5.2.3", "message too large");
    } else if ((attributes.copy_flags & MAIL_COPY_DELIVERED_TO) &&
               mail_copy_is_loop(delivery, first->address)) {
        delivery_dsn(delivery, dsn, "5.4.6", "mail forwarding loop for %.*s",
                     SLICE_ARG(first->address));
    } else {
        return false;
    }
    return true;
}

static int run(struct delivery *delivery, struct dsn *dsn)
{
    struct mail_copy copy = {.delivery = delivery,
                             .recipient = &delivery->recipients[0],
                             .delivered_to = delivery->recipients[0].address,
                             .flags = attributes.copy_flags,
                             .end_of_line = attributes.end_of_line};
    struct command command = {.user = attributes.user,
                              .directory = attributes.directory,
                              .chroot_directory = attributes.chroot_directory,
                              .time_limit = time_limit,
                              .prepare_child = worker_child_prepare};
    struct slice output;
    struct error error;
    size_t n_environment;

    if (macros_expand(&attributes, delivery, &command.argv, &error) < 0) {
        log_warning("file %s/master.cf: service %s: %s", params.config_directory,
                    worker_service(), error.text);
        delivery_dsn(delivery, dsn, "4.3.5", "mail system configuration error");
        return -1;
    }
    if (delivery_is_trial(delivery)) {
        delivery_dsn(delivery, dsn, "2.0.0", "delivers to command: %s", command.argv[0]);
        return 0;
    }
    command.environment =
        command_environment(&delivery->arena, params.export_environment, 0, &n_environment);
    if (command_run(&command, &copy, delivery, &output, dsn) < 0)
        return -1;
    if (output.len > 0)
        delivery_dsn(delivery, dsn, "2.0.0", "delivered via %s service (%.*s)",
                     worker_service(), SLICE_ARG(output));
    else
        delivery_dsn(delivery, dsn, "2.0.0", "delivered via %s service", worker_service());
    dsn->action = attributes.is_final ? "delivered" : "relayed";
    return 0;
}

static void deliver(struct delivery *delivery)
{
    struct slice relay = slice_from(worker_service());
    struct dsn dsn;

    if (delivery->n_recipients == 0)
        return;
    delivery->times.connect_done = time_wall();
    if (!is_refused(delivery, &dsn))
        run(delivery, &dsn);
    for (size_t i = 0; i < delivery->n_recipients; i++)
        delivery_ended(delivery, &delivery->recipients[i], relay, &dsn);
}

static int request(struct channel *channel, enum message_number number, struct slice body)
{
    return delivery_answer(channel, number, body, deliver);
}

static void keep_arguments(int argc, char **argv)
{
    own_argc = argc - 1; /* the program's name is none of them */
    own_argv = argv + 1;
}

static void before_jail(void)
{
    static struct arena arena;
    struct error error;

    if (attributes_parse(&attributes, ATTRIBUTES_OF_PIPE, own_argc,
                         (const char *const *)own_argv, &arena, &error) < 0)
        fatal(EX_CONFIG, "%s service: %s", worker_service(), error.text);
    delivery_open();
    delivery_open_filter("pipe_delivery_status_filter", params.pipe_delivery_status_filter);
    if (conf_service_number(worker_service(), "time_limit", &time_limit, &error) < 0) {
        log_warning("%s", error.text);
        time_limit = params.command_time_limit;
    }
}

int main(int argc, char **argv)
{
    static const struct worker pipe = {
        .name = "pipe",
        .sessions_per_process = 1,
        .needs_root = true,
        .arguments = keep_arguments,
        .before_jail = before_jail,
        .request = request,
    };

    return worker_main(&pipe, argc, argv);
}

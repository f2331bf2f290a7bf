/*
 * pipe: deliver to an external command. Its words in master.cf say which command, as whom, and
 * what the message looks like (attributes.h).
 */
#include <string.h>

#include "attributes.h"
#include "base/log.h"
#include "conf/conf.h"
#include "conf/expand.h"
#include "conf/params.h"
#include "delivery/command.h"
#include "delivery/delivery.h"
#include "mail/address.h"
#include "worker/worker.h"

static struct attributes attributes;
static int own_argc;
static char **own_argv;
static int64_t time_limit;

/* More arguments than this are not given to a command. */
enum { ARGUMENTS_MAX = 10000 };

/* What the macros of argv= see. */
struct macros {
    const struct delivery *delivery;
    struct slice recipient; /* as the flags want it */
    const struct recipient *record;
    struct arena *arena;
};

/* user@domain by the flags h, u and q. */
static struct slice fold_recipient(struct slice address, struct arena *arena)
{
    struct slice local = address_local_part(address), domain = address_domain(address);

    if (attributes.fold_user)
        local = arena_lower(arena, local);
    if (attributes.fold_host)
        domain = arena_lower(arena, domain);
    struct slice folded =
        domain.len > 0
            ? slice_from(arena_printf(arena, "%.*s@%.*s", SLICE_ARG(local), SLICE_ARG(domain)))
            : local;
    return attributes.quote ? address_quoted(arena, folded) : folded;
}

static const char *text_of(const struct macros *macros, struct slice slice)
{
    return arena_text(macros->arena, slice);
}

static const char *part_of_recipient(const struct macros *macros, struct slice name)
{
    struct slice local = address_local_part(macros->recipient), user = local,
                 extension = SLICE_EMPTY;

    address_split_extension(local, params.recipient_delimiter, !params.owner_request_special,
                            &user, &extension);
    if (slice_equals(name, "user"))
        return text_of(macros, user);
    if (slice_equals(name, "extension"))
        return text_of(macros, extension);
    if (slice_equals(name, "mailbox"))
        return text_of(macros, local);
    if (slice_equals(name, "domain"))
        return text_of(macros, address_domain(macros->recipient));
    return NULL;
}

static const char *look_up_macro(void *context, struct slice name)
{
    const struct macros *macros = context;
    const struct delivery_request *request = &macros->delivery->request;

    const struct {
        const char *name;
        struct slice value;
    } known[] = {
        {"recipient", macros->recipient},
        {"original_recipient", fold_recipient(macros->record->original, macros->arena)},
        {"sender", request->sender.len > 0
                       ? (attributes.quote ? address_quoted(macros->arena, request->sender)
                                           : request->sender)
                       : slice_from(attributes.null_sender)},
        {"nexthop", attributes.fold_host ? arena_lower(macros->arena, request->nexthop)
                                         : request->nexthop},
        {"queue_id", request->queue_id},
        {"envid", request->envelope_id},
        {"client_address", request->log_client_address},
        {"client_helo", request->log_client_helo},
        {"client_hostname", request->log_client_name},
        {"client_port", request->log_client_port},
        {"client_protocol", request->log_client_protocol},
        {"sasl_method", request->sasl_method},
        {"sasl_username", request->sasl_username},
        {"sasl_sender", request->sasl_sender},
    };

    if (slice_equals(name, "size"))
        return arena_printf(macros->arena, "%lld", (long long)request->data_size);
    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        if (slice_equals(name, known[i].name))
            return text_of(macros, known[i].value);
    return part_of_recipient(macros, name);
}

/* Arguments that name the recipient stand once for each. */
static bool is_per_recipient(const char *argument)
{
    static const char *const names[] = {"recipient", "user",   "extension",
                                        "mailbox",   "domain", "original_recipient"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        const char *found = argument;
        size_t len = strlen(names[i]);
        while ((found = strchr(found, '$')) != NULL) {
            found++;
            const char *name = found + (*found == '{' || *found == '(');
            if (strncmp(name, names[i], len) == 0 && !ascii_is_alnum(name[len]) &&
                name[len] != '_')
                return true;
        }
    }
    return false;
}

static int expand_argument(struct delivery *delivery, const char *argument,
                           const struct recipient *recipient, const char **expanded,
                           struct error *error)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    struct macros macros = {.delivery = delivery,
                            .record = recipient,
                            .recipient = fold_recipient(recipient->address, &delivery->arena),
                            .arena = &delivery->arena};
    struct expansion expansion = {.lookup = look_up_macro, .context = &macros};

    if (expand_text(&text, slice_from(argument), &expansion, error) < 0)
        return -1;
    *expanded = arena_text(&delivery->arena, buf_slice(&text));
    return 0;
}

static int expand_arguments(struct delivery *delivery, const char *const **argv,
                            struct error *error)
{
    size_t capacity = attributes.argc * (delivery->n_recipients + 1) + 1, n = 0;

    if (capacity > ARGUMENTS_MAX)
        return error_set(error, ERROR_TEMPORARY, "too many arguments for %s",
                         attributes.argv[0]);
    const char **list = arena_array(&delivery->arena, const char *, capacity);
    for (size_t i = 0; i < attributes.argc; i++) {
        size_t times = is_per_recipient(attributes.argv[i]) ? delivery->n_recipients : 1;
        for (size_t k = 0; k < times; k++)
            if (expand_argument(delivery, attributes.argv[i], &delivery->recipients[k],
                                &list[n++], error) < 0)
                return -1;
    }
    *argv = list;
    return 0;
}

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

    if (expand_arguments(delivery, &command.argv, &error) < 0) {
        delivery_dsn(delivery, dsn, "4.3.5", "%s", error.text);
        return -1;
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
    struct error error;

    attributes_parse(&attributes, worker_service(), own_argc, own_argv);
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

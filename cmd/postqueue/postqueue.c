/*
 * postqueue: list the queue (-p, -j), try deferred mail again (-f, -i, -s). Runs set-gid, so
 * that anybody may ask; authorized_mailq_users and authorized_flush_users say who may.
 */
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/program.h"
#include "conf/conf.h"
#include "ipc/client.h"
#include "ipc/flush_client.h"
#include "listing.h"
#include "mail/address.h"
#include "mail/queue_id.h"
#include "net/socket.h"
#include "table/match_list.h"
#include "terminal.h"
#include "worker/logging.h"

#define SERVICE_SECONDS 3600 /* a queue of millions takes its time */

enum request {
    REQUEST_NONE,
    REQUEST_LIST,
    REQUEST_JSON,
    REQUEST_FLUSH,
    REQUEST_ID,
    REQUEST_SITE
};

/* While the system is down, root reads the queue with a showq of its own. */
static int start_own_showq(void)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    static const char *const words[] = {"showq", "-S", NULL};
    struct error error;
    int pair[2];
    pid_t pid;

    buf_printf(&path, "%s/showq", params.daemon_directory);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        fatal(EX_UNAVAILABLE, "socketpair: %m");
    if (program_start(path.data, words, (struct program_io){pair[1], pair[1]}, &pid, &error) <
        0)
        fatal(EX_UNAVAILABLE, "%s", error.text);
    close(pair[1]);
    return pair[0];
}

static void list_queue(enum request request)
{
    CLEANUP(stream_release) struct stream stream;
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    struct error error;

    buf_printf(&path, "public/%s", params.showq_service_name);
    int fd = socket_connect_unix(path.data, deadline_in(SECONDS(10)), &error);
    if (fd < 0) {
        if (geteuid() != 0 && access("active", R_OK) < 0) {
            fatal(EX_UNAVAILABLE,
                  "Queue report unavailable - mail system is down"
                  " (Connect to the %s %s service: %s)",
                  params.mail_name, params.showq_service_name, error.text);
        }
        log_warning(
            "Mail system is down -- accessing queue directly (Connect to the %s %s service: %s)",
            params.mail_name, params.showq_service_name, error.text);
        fd = start_own_showq();
    }
    stream_init(&stream, fd);
    stream_set_deadline(&stream, deadline_in(SECONDS(SERVICE_SECONDS)));
    listing_show(&stream, request == REQUEST_JSON ? LISTING_JSON
                          : terminal_is_there()   ? LISTING_TERMINAL
                                                  : LISTING_CLASSIC);
}

/* -- requests ---------------------------------------------------------------------------------
 */

static void flush_all(void)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    struct error error;

    buf_printf(&path, "public/%s", params.queue_service_name);
    /* Forget dead sites, ignore time stamps, scan deferred; and incoming, should a process have
     * died over announcing what it put there. */
    if (access(path.data, F_OK) < 0)
        log_warning("unable to look up %s: %m", path.data);
    if (client_trigger(path.data, SLICE("FAID"), deadline_in(SECONDS(10)), &error) < 0)
        fatal(EX_UNAVAILABLE, "Cannot flush mail queue - mail system is down");
}

static void check_status(int result, enum flush_status status, const char *what,
                         const struct error *error)
{
    if (result < 0) {
        log_warning("%s", error->text);
        fatal(EX_UNAVAILABLE, "Cannot flush mail queue - mail system is down");
    }
    switch (status) {
    case FLUSH_STATUS_OK:
        return;
    case FLUSH_STATUS_UNKNOWN:
        fatal(EX_UNAVAILABLE, "Flush service is not configured for destination \"%s\"", what);
    case FLUSH_STATUS_BAD:
        fatal(EX_UNAVAILABLE, "Invalid request: \"%s\"", what);
    case FLUSH_STATUS_FAIL:
        fatal(EX_UNAVAILABLE, "Cannot flush mail queue - mail system is down");
    }
}

static void flush_site(const char *site)
{
    enum flush_status status = FLUSH_STATUS_FAIL;
    struct error error;

    if (!hostname_is_valid_or_literal(slice_from(site)))
        fatal(EX_UNAVAILABLE, "Cannot flush mail queue - invalid destination: \"%s\"", site);
    int result =
        flush_deliver_site(slice_from(site), deadline_in(params.ipc_timeout), &status, &error);
    check_status(result, status, site, &error);
}

static void flush_id(const char *id)
{
    enum flush_status status = FLUSH_STATUS_FAIL;
    struct error error;

    if (!queue_id_is_valid(slice_from(id)))
        fatal(EX_UNAVAILABLE, "Cannot flush queue ID - invalid name: \"%s\"", id);
    int result =
        flush_deliver_message(slice_from(id), deadline_in(params.ipc_timeout), &status, &error);
    check_status(result, status, id, &error);
}

/* root and the mail owner may always. */
static void check_user(const char *title, const char *users, const char *what)
{
    struct passwd *user = getpwuid(getuid());
    const char *name = user ? user->pw_name : "unknown";
    struct error error;

    if (getuid() == 0 || strcmp(name, params.mail_owner) == 0)
        return;
    struct match_list *list = match_list_open(title, users, MATCH_PARENTS_NEVER, &error);
    enum table_result result = match_list_name(list, slice_from(name), &error);
    match_list_free(list);
    if (result == TABLE_ERROR)
        fatal(EX_UNAVAILABLE, "%s", error.text);
    if (result == TABLE_NOT_FOUND)
        fatal(EX_UNAVAILABLE, "User %s(%ld) is not allowed to %s the mail queue", name,
              (long)getuid(), what);
}

static NORETURN void usage(void)
{
    fatal(EX_UNAVAILABLE, "usage: postqueue -f | postqueue -i queueid | postqueue -j | "
                          "postqueue -p | postqueue -s site");
}

static enum request one_request(enum request before, enum request request)
{
    if (before != REQUEST_NONE)
        usage();
    return request;
}

static enum request parse_arguments(int argc, char **argv, const char **config,
                                    const char **argument)
{
    enum request request = REQUEST_NONE;
    int option;

    while ((option = getopt(argc, argv, "+c:fi:jps:v")) != -1) {
        switch (option) {
        case 'c':
            *config = optarg;
            break;
        case 'f':
            request = one_request(request, REQUEST_FLUSH);
            break;
        case 'i':
            request = one_request(request, REQUEST_ID);
            *argument = optarg;
            break;
        case 'j':
            request = one_request(request, REQUEST_JSON);
            break;
        case 'p':
            request = one_request(request, REQUEST_LIST);
            break;
        case 's':
            request = one_request(request, REQUEST_SITE);
            *argument = optarg;
            break;
        case 'v':
            log_verbosity++;
            break;
        default:
            usage();
        }
    }
    if (request == REQUEST_NONE || optind < argc)
        usage();
    return request;
}

int main(int argc, char **argv)
{
    struct conf_request configuration = {.trust = CONF_TRUST_NOBODY};
    struct log_target terminal = {.sink = LOG_SINK_STDERR};
    const char *argument = NULL;
    struct error error;

    log_open("postqueue", &terminal);
    enum request request = parse_arguments(argc, argv, &configuration.directory, &argument);
    if (conf_load(&configuration, &error) < 0)
        fatal(EX_UNAVAILABLE, "%s", error.text);
    logging_open("postqueue", LOGGING_COMMAND);
    if (chdir(params.queue_directory) < 0)
        fatal(EX_UNAVAILABLE, "chdir %s: %m", params.queue_directory);
    if (request == REQUEST_LIST || request == REQUEST_JSON)
        check_user("authorized_mailq_users", params.authorized_mailq_users, "view");
    else
        check_user("authorized_flush_users", params.authorized_flush_users, "flush");
    switch (request) {
    case REQUEST_LIST:
    case REQUEST_JSON:
        list_queue(request);
        break;
    case REQUEST_FLUSH:
        flush_all();
        break;
    case REQUEST_ID:
        flush_id(argument);
        break;
    case REQUEST_SITE:
        flush_site(argument);
        break;
    case REQUEST_NONE:
        usage();
    }
    return 0;
}

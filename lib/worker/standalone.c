/*
 * A worker run by hand, as sendmail -bs runs smtpd: one session on standard input and output,
 * with the rights of who started it.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/trace.h"
#include "conf/conf.h"
#include "net/socket.h"
#include "table/table.h"
#include "worker/logging.h"
#include "worker/process.h"

static ssize_t read_input(struct stream *stream, void *data, size_t len, unsigned *wait_for)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};

    (void)stream;
    /* Not O_NONBLOCK: the terminal or pipe is somebody else's, too. */
    if (poll(&input, 1, 0) == 0) {
        *wait_for = EPOLLIN;
        errno = EAGAIN;
        return -1;
    }
    return read(STDIN_FILENO, data, len);
}

static ssize_t write_output(struct stream *stream, const void *data, size_t len,
                            unsigned *wait_for)
{
    (void)stream;
    *wait_for = EPOLLOUT;
    return write(STDOUT_FILENO, data, len);
}

static void release_nothing(struct stream *stream)
{
    (void)stream;
}

static const struct stream_layer terminal = {
    .read = read_input, .write = write_output, .release = release_nothing};

static void load(const char *program)
{
    struct worker_arguments *arguments = &process.arguments;
    const struct conf_request request = {.program = process.worker->name,
                                         .service = arguments->service,
                                         .overrides = arguments->overrides,
                                         .n_overrides = arguments->n_overrides,
                                         .trust = CONF_TRUST_CALLER,
                                         .with_stress = true};
    struct error error = ERROR_INIT;

    if (conf_load(&request, &error) < 0)
        fatal(1, "%s", error.text);
    /* What is only played through is nobody else's business. */
    if (!arguments->is_explaining)
        logging_open(program, LOGGING_SESSION);
    if (chdir(params.queue_directory) < 0)
        fatal(1, "chdir %s: %m", params.queue_directory);
}

/* What the log would say belongs between the steps. */
static void trace_log_line(enum log_level level, const char *line)
{
    if (level >= LOG_LEVEL_FATAL)
        fprintf(stderr, "%s: %s\n", log_tag(), line);
    else
        trace_step("log: %s", line);
}

static int explain(const char *program)
{
    const struct worker *worker = process.worker;

    log_open(program, &(struct log_target){.sink = LOG_SINK_STDERR});
    if (!worker->explain)
        fatal(1, "%s has nothing to explain", program);
    load(program);
    process.is_plain = true;
    /* There may be no proxymap to ask. */
    table_pass_proxy_over();
    if (worker->before_jail)
        worker->before_jail();
    log_hook = trace_log_line;
    trace_open(STDOUT_FILENO);
    return worker->explain(process.arguments.argc, process.arguments.argv);
}

int worker_run_standalone(const char *program)
{
    const struct worker *worker = process.worker;
    struct worker_client client = {.peer = {.len = 0}};

    if (process.arguments.is_explaining)
        return explain(program);
    if (!worker->serve)
        fatal(1, "%s is started by the master daemon, not by hand", program);
    load(program);
    process.is_plain = true;
    if (worker->arguments)
        worker->arguments(process.arguments.argc, process.arguments.argv);
    if (worker->before_jail)
        worker->before_jail();
    if (worker->started)
        worker->started();
    /* An SMTP peer may well be a socket: then its address is known. */
    if (socket_peer(STDIN_FILENO, &client.peer) < 0 ||
        socket_local(STDIN_FILENO, &client.local) < 0)
        client.peer.len = client.local.len = 0;
    stream_init(&client.stream, STDIN_FILENO);
    if (fd_set_nonblocking(STDIN_FILENO, false) < 0)
        fatal(1, "standard input: %m");
    stream_set_layer(&client.stream, &terminal, NULL);
    worker->serve(&client);
    stream_release(&client.stream);
    return 0;
}

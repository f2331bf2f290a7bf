/*
 * What every daemon's main() is: configuration from master, the program's tables, the jail,
 * work until there is none, and a good end.
 */
#include "worker/worker.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/unicode.h"
#include "conf/conf.h"
#include "ipc/client.h"
#include "table/shared.h"
#include "worker/logging.h"
#include "worker/process.h"
#include "worker/watchdog.h"

struct worker_process process;

const char *worker_service(void)
{
    return process.arguments.service;
}

bool worker_is_draining(void)
{
    return process.is_draining;
}

bool worker_is_stressed(void)
{
    return process.is_stressed;
}

bool worker_is_standalone(void)
{
    return process.arguments.is_standalone && !process.arguments.is_explaining;
}

bool worker_is_explaining(void)
{
    return process.arguments.is_explaining;
}

bool worker_is_privileged(void)
{
    return process.is_privileged;
}

void worker_drain(void)
{
    if (process.is_draining)
        return;
    process.is_draining = true;
    worker_set_state(SCOREBOARD_DRAINING);
    if (process.worker->draining)
        process.worker->draining();
    if (!process.is_plain)
        worker_loop_drain();
}

/* User commands must not inherit what master gave us. */
static void close_on_exec(void)
{
    int n = WORKER_FD_LISTEN + process.arguments.n_listeners;

    for (int fd = WORKER_FD_CONFIG; fd < n; fd++) {
        if (fd_set_cloexec(fd, true) < 0)
            fatal(1, "descriptor %d from master: %m", fd);
    }
}

/* main.cf alone says where the log is. */
static NORETURN void refuse_overrides(struct slice main_cf, struct conf_request request,
                                      const struct error *error)
{
    struct error ignored;

    request.n_overrides = 0;
    if (conf_adopt(main_cf, &request, &ignored) == 0)
        logging_open(process.worker->name, LOGGING_DAEMON);
    fatal(1, "%s", error->text);
}

static void adopt_configuration(void)
{
    struct worker_arguments *arguments = &process.arguments;
    const struct conf_request request = {.program = process.worker->name,
                                         .service = arguments->service,
                                         .overrides = arguments->overrides,
                                         .n_overrides = arguments->n_overrides,
                                         .trust = CONF_TRUST_CALLER};
    struct error error = ERROR_INIT;
    struct stat status;

    if (fstat(WORKER_FD_CONFIG, &status) < 0 || status.st_size <= 0)
        fatal(1, "configuration from master: %m");
    size_t size = (size_t)status.st_size;
    void *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, WORKER_FD_CONFIG, 0);

    if (bytes == MAP_FAILED)
        fatal(1, "map configuration: %m");
    if (conf_adopt(slice_of(bytes, size), &request, &error) < 0)
        refuse_overrides(slice_of(bytes, size), request, &error);
    munmap(bytes, size);
    close(WORKER_FD_CONFIG);
}

static uint64_t limit_jobs(const struct worker_limits *limits)
{
    const struct worker *worker = process.worker;
    uint64_t per_use = worker->requests_per_use > 0 ? (uint64_t)worker->requests_per_use : 1;

    if (worker->stays || params.max_use <= 0)
        return UINT64_MAX;
    return (uint64_t)params.max_use * limits->slots * per_use;
}

static void join_scoreboard(void)
{
    struct worker_limits *limits = &process.limits;
    struct error error = ERROR_INIT;

    if (worker_compute_limits(limits, process.worker, process.arguments.service,
                              process.arguments.process_limit, &error) < 0)
        fatal(1, "%s", error.text);
    process.scoreboard = scoreboard_map(WORKER_FD_SCOREBOARD);
    if (!process.scoreboard)
        fatal(1, "map scoreboard: %m");
    close(WORKER_FD_SCOREBOARD);
    process.row = &process.scoreboard->rows[process.arguments.row];
    atomic_store(&process.scoreboard->slot_limit, limits->slot_limit);
    atomic_store(&process.scoreboard->n_spread, limits->n_spread);
    process.jobs_limit = limit_jobs(limits);
    process.is_plain = process.worker->sessions_per_process == 1;
    process.idle_since = time_now_ms();
}

void worker_greet_master(void)
{
    const struct control_message hello = {.word = CONTROL_HELLO,
                                          .n_max = process.limits.n_max,
                                          .counts_draining = process.limits.counts_draining};

    if (send(WORKER_FD_CONTROL, &hello, sizeof(hello), MSG_NOSIGNAL) < 0)
        fatal(1, "master is gone: %m");
}

static void prepare(const char *program)
{
    const struct worker *worker = process.worker;

    close_on_exec();
    adopt_configuration();
    log_verbosity = process.arguments.n_verbose;
    logging_open(program, LOGGING_DAEMON);
    join_scoreboard();
    process.is_privileged = geteuid() == 0;
    if (worker->needs_root && process.is_privileged && process.arguments.is_unprivileged)
        fatal(1, "service %s requires privileged operation", worker_service());
    client_set_idle_limit(params.ipc_idle);
    if (worker->arguments)
        worker->arguments(process.arguments.argc, process.arguments.argv);
    if (worker->before_jail)
        worker->before_jail();
    if (params.daemon_table_open_error_is_fatal && table_shared_trouble())
        fatal(1, "%s", table_shared_trouble());
    /* Those that start anew every hundred jobs, and keep sight of it, load it when they must.
     */
    if (!worker->needs_root || process.arguments.is_chrooted)
        unicode_prepare();
    watchdog_start(worker->watchdog_ms ? *worker->watchdog_ms : params.daemon_timeout);
    worker_enter_jail();
}

/* What a terminal sends to all in front of it is for master alone. */
static void ignore_signals(void)
{
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || signal(SIGHUP, SIG_IGN) == SIG_ERR ||
        signal(SIGINT, SIG_IGN) == SIG_ERR || signal(SIGQUIT, SIG_IGN) == SIG_ERR)
        fatal(1, "signals: %m");
}

int worker_main(const struct worker *worker, int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/');
    const char *program = slash ? slash + 1 : argv[0];

    process.worker = worker;
    umask(077);
    ignore_signals();
    worker_parse_arguments(&process.arguments, argc, argv);
    if (process.arguments.is_standalone)
        return worker_run_standalone(program);
    prepare(program);
    if (process.is_plain)
        worker_run_plain();
    else
        worker_run_loop();
    return 0;
}

void worker_child_prepare(void)
{
    static const int signals[] = {SIGPIPE, SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    struct rlimit limit;
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
        (void)signal(signals[i], SIG_DFL);
    /* Programs that close every descriptor they might have take long with master's limit. */
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur > 1024) {
        limit.rlim_cur = 1024;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

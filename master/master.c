/*
 * The supervisor: reads and checks the configuration, opens every socket, starts a process when
 * work waits that no process takes, and starts another when one dies. Mail never passes here.
 */
#include "master.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/conf.h"
#include "conf/words.h"
#include "table/missing.h"
#include "worker/jail.h"
#include "worker/logging.h"

/* Another process of the same service may hold an address for a moment after a crash. */
#define START_ATTEMPTS 5

/* Descriptors of a session: the client, cleanup, DNS, a policy server, ... */
#define FDS_PER_SESSION 8
#define FDS_BESIDES     4096

struct options {
    const char *directory;
    int exit_seconds;
    bool in_foreground; /* -d: keep terminal and descriptors */
    bool is_init;       /* -i */
    bool keeps_output;  /* -s */
    bool tests_lock;    /* -t */
    bool waits;         /* -w */
};

static struct configuration *configuration;
static int ready_pipe = -1; /* to the process that waits for us (-w) */

static void parse_options(struct options *options, int argc, char **argv)
{
    int option;
    int64_t value;

    opterr = 0;
    while ((option = getopt(argc, argv, "c:Dde:istvw")) > 0) {
        switch (option) {
        case 'c':
            options->directory = optarg;
            break;
        case 'd':
            options->in_foreground = true;
            break;
        case 'e':
            if (!slice_to_int(slice_from(optarg), 1, INT32_MAX, &value))
                fatal(1, "bad value for option -e: %s", optarg);
            options->exit_seconds = (int)value;
            break;
        case 'i':
            options->is_init = options->keeps_output = true;
            break;
        case 's':
            options->keeps_output = true;
            break;
        case 't':
            options->tests_lock = true;
            break;
        case 'v':
            log_verbosity++;
            break;
        case 'w':
            options->waits = true;
            break;
        case 'D':
            break;
        default:
            fatal(1, "usage: master [-c config_dir] [-e exit_time] [-Ddistvw]");
        }
    }
    if (options->is_init && getpid() != 1)
        fatal(1, "-i is allowed only for PID 1 process");
}

/* Keep what import_environment lists: "NAME" as it is, "NAME=value" set to that. */
static void clean_environment(void)
{
    struct slice rest = slice_from(params.import_environment);
    const char *path = getenv("PATH");
    CLEANUP(buf_release) struct buf kept = BUF_INIT;
    struct slice word;

    while (words_next(&rest, WORDS_COMMA_SPACE, &word)) {
        CLEANUP(mem_free_text) char *name = slice_dup(word);
        const char *value = getenv(name);

        if (slice_find(word, '=') < word.len)
            buf_printf(&kept, "%s%c", name, '\0');
        else if (value)
            buf_printf(&kept, "%s=%s%c", name, value, '\0');
    }
    buf_printf(&kept, "PATH=%s%c", path ? path : "/usr/bin:/bin", '\0');
    if (getenv("NOTIFY_SOCKET"))
        buf_printf(&kept, "NOTIFY_SOCKET=%s%c", getenv("NOTIFY_SOCKET"), '\0');
    if (clearenv() != 0)
        fatal(1, "clear environment");
    for (struct slice left = buf_slice(&kept); left.len > 0;) {
        struct slice entry = slice_split(&left, '\0');

        /* The environment keeps the string itself. */
        if (putenv(slice_dup(entry)) != 0)
            fatal(1, "set environment: %m");
    }
}

static void raise_descriptor_limit(void)
{
    rlim_t wanted = (rlim_t)params.default_session_limit;
    struct rlimit limit;

    for (size_t i = 0; i < configuration->master_cf.n_services; i++) {
        int sessions = configuration->master_cf.services[i].process_limit;

        if (sessions > 0 && (rlim_t)sessions > wanted)
            wanted = (rlim_t)sessions;
    }
    wanted = wanted * FDS_PER_SESSION + FDS_BESIDES;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    const struct rlimit raised = {.rlim_cur = wanted, .rlim_max = wanted};

    if (limit.rlim_max >= wanted || setrlimit(RLIMIT_NOFILE, &raised) < 0) {
        /* What needs no privilege; more than that a container may refuse even to root. */
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
            log_warning("cannot raise the limit of open files: %m");
        if (limit.rlim_cur < wanted)
            log_info("the limit of open files is %lu; %lu would fit all sessions",
                     (unsigned long)limit.rlim_cur, (unsigned long)wanted);
    }
}

/* -- going to the background -- */

static int wait_until_ready(int pipe_fd, pid_t daemon)
{
    char byte;
    int status;

    if (fd_read_full(pipe_fd, &byte, 1) == 1)
        return 0;
    if (waitpid(daemon, &status, 0) == daemon && WIFEXITED(status))
        return WEXITSTATUS(status) ? WEXITSTATUS(status) : 1;
    return 1;
}

static void detach_descriptors(const struct options *options)
{
    int null = open("/dev/null", O_RDWR);

    if (null < 0 || dup2(null, STDIN_FILENO) < 0 ||
        (!options->keeps_output && dup2(null, STDOUT_FILENO) < 0) ||
        (!options->keeps_output && dup2(null, STDERR_FILENO) < 0))
        fatal(1, "open /dev/null: %m");
    if (null > STDERR_FILENO)
        close(null);
}

/* In the child with -w: the parent stays until we are ready or have failed. */
static void go_to_background(const struct options *options)
{
    int fds[2];

    if (!options->waits)
        return;
    if (pipe2(fds, O_CLOEXEC) < 0)
        fatal(1, "pipe: %m");
    pid_t pid = fork();

    if (pid < 0)
        fatal(1, "fork: %m");
    if (pid > 0) {
        close(fds[1]);
        _exit(wait_until_ready(fds[0], pid));
    }
    close(fds[0]);
    ready_pipe = fds[1];
}

static void tell_ready(const struct options *options)
{
    if (!options->in_foreground)
        detach_descriptors(options);
    if (ready_pipe >= 0) {
        /* A parent that was interrupted needs no answer. */
        (void)!write(ready_pipe, "", 1);
        fd_close(&ready_pipe);
    }
    notify("READY=1\nSTATUS=the mail system is running");
}

/* -- life -- */

static void open_services(void)
{
    struct error error = ERROR_INIT;

    for (int attempt = 1; services_apply(configuration, false, &error) < 0; attempt++) {
        if (attempt == START_ATTEMPTS || !strstr(error.text, strerror(EADDRINUSE)))
            fatal(1, "%s", error.text);
        co_sleep_until(deadline_in(SECONDS(1)));
    }
}

static void report_notices(void)
{
    struct slice rest = buf_slice(&configuration->master_cf.warnings);

    conf_log_warnings();
    for (size_t i = 0; i < configuration->master_cf.n_services; i++)
        conf_log_service_warnings(&configuration->master_cf.services[i]);
    while (rest.len > 0) {
        struct slice line = slice_split(&rest, '\n');

        log_warning("%.*s", SLICE_ARG(line));
    }
}

static void reload(void)
{
    struct configuration *old = configuration;
    struct error error = ERROR_INIT;
    CLEANUP(buf_release) struct buf text = BUF_INIT;

    buf_printf(&text, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)time_now_ms() * 1000);
    notify(text.data);
    if (configuration_load(&configuration, &error) < 0) {
        log_error("%s -- the old configuration stays in use", error.text);
    } else {
        report_notices();
        tables_build_missing(conf_main_cf(), &configuration->master_cf);
        raise_descriptor_limit();
        if (services_apply(configuration, true, &error) < 0)
            log_error("%s", error.text);
        configuration_free(old);
        /* Scripts wait for this line, so it comes when all is in place. */
        log_info("reload -- version %s, configuration %s", params.mail_version,
                 params.config_directory);
    }
    notify("READY=1");
}

static void await_signals(void *arg)
{
    int number;

    (void)arg;
    while (co_wait_signal(&number, DEADLINE_NONE) == WAKE_READY) {
        if (number == SIGHUP)
            reload();
        else
            terminate(number);
    }
}

static void exit_in_time(void *arg)
{
    const struct options *options = arg;

    co_sleep_until(deadline_in(SECONDS(options->exit_seconds)));
    log_info("exit time has come");
    terminate_now();
}

/* As process 1 of a container we inherit what others leave behind. */
static void reap_orphans(void *arg)
{
    (void)arg;
    for (;;) {
        siginfo_t info = {.si_pid = 0};

        /* Those of our own are waited for elsewhere, and soon. */
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid > 0 &&
            !process_is_ours(info.si_pid))
            (void)waitpid(info.si_pid, NULL, WNOHANG);
        else
            co_sleep_until(deadline_in(SECONDS(1)));
    }
}

static void spawn_or_die(const char *name, co_fn *run, void *arg)
{
    if (!co_spawn(name, run, arg))
        fatal(1, "no memory for a stack");
}

static void run(void *arg)
{
    struct options *options = arg;

    open_services();
    logging_open("master", LOGGING_DAEMON);
    report_notices();
    jail_log_support();
    log_info("daemon started -- version %s, configuration %s", params.mail_version,
             params.config_directory);
    tell_ready(options);
    spawn_or_die("signals", await_signals, NULL);
    if (options->exit_seconds > 0)
        spawn_or_die("exit time", exit_in_time, options);
    if (getpid() == 1)
        spawn_or_die("orphans", reap_orphans, NULL);
}

static void load(const struct options *options)
{
    const struct conf_request request = {
        .program = "master", .directory = options->directory, .trust = CONF_TRUST_CALLER};
    struct error error = ERROR_INIT;

    if (conf_load(&request, &error) < 0)
        fatal(1, "%s", error.text);
    logging_open("master", LOGGING_COMMAND);
    if (chdir(params.queue_directory) < 0)
        fatal(1, "chdir %s: %m", params.queue_directory);
    if (options->tests_lock)
        exit(lock_is_free() ? 0 : 1);
    if (configuration_load(&configuration, &error) < 0)
        fatal(1, "%s", error.text);
}

int main(int argc, char **argv)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1};
    static struct options options;

    umask(077);
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        fatal(1, "signals: %m");
    parse_options(&options, argc, argv);
    load(&options);
    clean_environment();
    go_to_background(&options);
    /* With a terminal in front of us Ctrl-C must reach us. */
    if (!options.in_foreground && !options.keeps_output && setsid() < 0 && errno != EPERM)
        fatal(1, "setsid: %m");
    lock_take();
    tables_build_missing(conf_main_cf(), &configuration->master_cf);
    raise_descriptor_limit();
    co_block_signals(signals, ARRAY_SIZE(signals));
    co_on_idle(log_flush);
    spawn_or_die("start", run, &options);
    co_run();
    return 0;
}

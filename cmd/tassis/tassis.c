/*
 * tassis (and postfix): the control command. Starts and stops an instance, has it read its
 * configuration again, says how it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/bug.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "conf/conf.h"
#include "conf/master_cf.h"
#include "conf/params.h"
#include "resolver.h"
#include "spool.h"
#include "worker/logging.h"
#include "wrapper.h"

/*
 * How long an orderly end may take; the master itself kills its workers after some seconds, so
 * a master that is still there then is stuck.
 */
enum { STOP_SECONDS = 15, ABORT_SECONDS = 2, NOTICE_SECONDS = 5 };

/* Tenths of a second that a new log file may take to appear. */
enum { LOG_WAITS = 100 };

struct verb {
    const char *name;
    int (*run)(void); /* the exit status */
};

static int verbosity;
static const char *program_name; /* "tassis", "postfix" */

/* -- the running instance -- */

static int run_program(const char *path, char *const arguments[], pid_t *pid)
{
    int result = posix_spawn(pid, path, NULL, NULL, arguments, environ);

    if (result != 0) {
        errno = result;
        log_error("start %s: %m", path);
        return -1;
    }
    return 0;
}

/* Run it to its end; its exit status, 1 when it was killed. */
static int run_to_end(const char *path, char *const arguments[])
{
    pid_t pid;
    int status;

    if (run_program(path, arguments, &pid) < 0)
        return EX_OSERR;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return EX_OSERR;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* master with one option: "-w" starts it and waits, "-s" and "-i" stay in front. */
static void master_command(struct buf *path, char *arguments[8], const char *option)
{
    size_t n = 0;

    buf_printf(path, "%s/master", params.daemon_directory);
    arguments[n++] = mem_dup_text("master");
    arguments[n++] = mem_dup_text(option);
    arguments[n++] = mem_dup_text("-c");
    arguments[n++] = mem_dup_text(params.config_directory);
    if (verbosity > 0)
        arguments[n++] = mem_dup_text("-v");
    if (verbosity > 1)
        arguments[n++] = mem_dup_text("-v");
    arguments[n] = NULL;
}

/* The master holds a lock on its file as long as it lives. */
static bool is_running(void)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;

    buf_printf(&path, "%s/pid/master.pid", params.queue_directory);
    CLEANUP(fd_close) int fd = open(path.data, O_RDONLY | O_CLOEXEC);

    if (fd < 0 && errno != ENOENT && errno != ENOTDIR)
        fatal(1, "open %s: %m", path.data);
    return fd >= 0 && fd_flock(fd, FILE_LOCK_SHARED, FILE_LOCK_TRY) < 0;
}

static pid_t master_pid(void)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    int64_t pid;

    buf_printf(&path, "%s/pid/master.pid", params.queue_directory);
    if (file_read_all(path.data, &text, 1024, NULL) < 0 ||
        !slice_to_int(slice_trim(buf_slice(&text)), 2, INT32_MAX, &pid))
        return 0;
    return (pid_t)pid;
}

/* For verbs that need a running instance; its master, or 0 after saying that there is none. */
static pid_t need_running(void)
{
    pid_t pid = is_running() ? master_pid() : 0;

    if (pid == 0)
        log_error("the %s mail system is not running", params.mail_name);
    return pid;
}

/* Wait until the master's lock is free. */
static bool wait_for_end(int64_t seconds)
{
    deadline_t until = deadline_in(SECONDS(seconds));
    struct timespec pause = {.tv_nsec = 20000000};

    while (is_running()) {
        if (time_now_ms() >= until)
            return false;
        nanosleep(&pause, NULL);
    }
    return true;
}

/* -- verbs -- */

/* master.cf as well as main.cf, which has been read already. */
static int check_master_cf(void)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    struct master_cf services;
    struct error error;

    master_cf_init(&services);
    buf_printf(&path, "%s/master.cf", params.config_directory);
    int result = master_cf_read(&services, path.data, MASTER_CHROOT_NO, &error);
    if (result < 0)
        log_error("%s", error.text);
    master_cf_release(&services);
    return result;
}

static int prepare(void)
{
    struct error error;

    if (check_master_cf() < 0)
        return -1;
    if (spool_create(&error) < 0) {
        log_error("%s", error.text);
        return -1;
    }
    return 0;
}

static int check(void)
{
    if (prepare() < 0)
        return 1;
    spool_check();
    resolver_check();
    return 0;
}

static int start(void)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    char *arguments[8];

    if (is_running()) {
        log_error("the %s mail system is already running", params.mail_name);
        return 1;
    }
    if (prepare() < 0)
        return 1;
    log_info("starting the %s mail system", params.mail_name);
    master_command(&path, arguments, "-w");
    int status = run_to_end(path.data, arguments);

    if (status != 0)
        log_error("%s mail system startup failed", params.mail_name);
    return status != 0;
}

/* Becomes the master: what supervises us watches it. */
static int start_in_front(void)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    char *arguments[8];

    logging_open(program_name, LOGGING_COMMAND);
    if (is_running()) {
        log_error("the %s mail system is already running", params.mail_name);
        return 1;
    }
    if (prepare() < 0)
        return 1;
    log_info("starting the %s mail system", params.mail_name);
    master_command(&path, arguments, getpid() == 1 ? "-i" : "-s");
    log_finish();
    execv(path.data, arguments);
    log_error("start %s: %m", path.data);
    return EX_OSERR;
}

/* Tell the master to end; the exit status when it is not even running. */
static int tell(const char *doing, int number)
{
    pid_t pid = need_running();

    if (pid == 0)
        return 1;
    log_info("%s the %s mail system", doing, params.mail_name);
    if (kill(pid, number) < 0 && errno != ESRCH) {
        log_error("signal process %ld: %m", (long)pid);
        return 1;
    }
    return 0;
}

/* Its workers end by themselves when the master is gone. */
static int kill_master(void)
{
    pid_t pid = is_running() ? master_pid() : 0;

    log_warning("stopping the %s mail system with force", params.mail_name);
    if (pid > 0 && kill(pid, SIGKILL) < 0 && errno != ESRCH) {
        log_error("kill process %ld: %m", (long)pid);
        return 1;
    }
    return wait_for_end(ABORT_SECONDS) ? 0 : 1;
}

static int stop(void)
{
    if (tell("stopping", SIGTERM) != 0)
        return 1;
    if (wait_for_end(NOTICE_SECONDS))
        return 0;
    log_info("waiting for the %s mail system to terminate", params.mail_name);
    return wait_for_end(STOP_SECONDS) ? 0 : kill_master();
}

static int abort_all(void)
{
    if (tell("aborting", SIGQUIT) != 0)
        return 1;
    return wait_for_end(ABORT_SECONDS) ? 0 : kill_master();
}

/* No new work; returns at once, while jobs in progress go on to their end. */
static int drain(void)
{
    return tell("stopping", SIGUSR1);
}

static int reload(void)
{
    pid_t pid = need_running();

    if (pid == 0)
        return 1;
    if (check_master_cf() < 0) {
        log_error("the configuration is not usable: the old one stays in use");
        return 1;
    }
    log_info("refreshing the %s mail system", params.mail_name);
    if (kill(pid, SIGHUP) < 0) {
        log_error("signal process %ld: %m", (long)pid);
        return 1;
    }
    return 0;
}

static int status(void)
{
    pid_t pid = is_running() ? master_pid() : 0;

    if (pid == 0) {
        log_info("the %s mail system is not running", params.mail_name);
        return 1;
    }
    log_info("the %s mail system is running: PID: %ld", params.mail_name, (long)pid);
    return 0;
}

static int flush(void)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    char name[] = "postqueue", option[] = "-f";
    char *const arguments[] = {name, option, NULL};

    buf_printf(&path, "%s/postqueue", params.command_directory);
    return run_to_end(path.data, arguments);
}

static int set_permissions(void)
{
    struct error error;

    if (spool_set_permissions(&error) < 0) {
        log_error("%s", error.text);
        return 1;
    }
    return 0;
}

/* Nothing of an old configuration has to be changed for this version. */
static int upgrade_configuration(void)
{
    return check_master_cf() < 0;
}

/* The new name of the log; -1 when maillog_file is nothing that can be renamed. */
static int rotated_name(struct buf *name)
{
    char suffix[256];
    time_t now = time(NULL);
    struct tm local;

/* The format is the administrator's, as date(1) knows it. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    if (!*params.maillog_file || strncmp(params.maillog_file, "/dev/", 5) == 0) {
        log_error("logrotate needs maillog_file to name a file");
        return -1;
    }
    if (!localtime_r(&now, &local) ||
        strftime(suffix, sizeof(suffix), params.maillog_file_rotate_suffix, &local) == 0) {
        log_error("maillog_file_rotate_suffix = %s: not usable",
                  params.maillog_file_rotate_suffix);
        return -1;
    }
#pragma GCC diagnostic pop
    buf_printf(name, "%s.%s", params.maillog_file, suffix);
    return 0;
}

/*
 * The postlogd that has the old file open ends soon after the reload; what is logged then goes
 * to a new file. Only after that may the old one be compressed.
 */
static bool wait_for_new_log(const char *old)
{
    const struct timespec pause = {.tv_nsec = 100000000};

    for (int i = 0; i < LOG_WAITS; i++) {
        nanosleep(&pause, NULL);
        if (i % 10 == 0)
            log_info("log file rotated to %s", old);
        if (access(params.maillog_file, F_OK) == 0)
            return true;
    }
    log_error("no new %s: %s stays as it is", params.maillog_file, old);
    return false;
}

static int logrotate(void)
{
    CLEANUP(buf_release) struct buf name = BUF_INIT;

    if (rotated_name(&name) < 0)
        return 1;
    if (rename(params.maillog_file, name.data) < 0) {
        if (errno == ENOENT)
            return 0;
        log_error("rename %s to %s: %m", params.maillog_file, name.data);
        return 1;
    }
    if (is_running() && (reload() != 0 || !wait_for_new_log(name.data)))
        return 1;
    if (!*params.maillog_file_compressor)
        return 0;
    char *arguments[] = {mem_dup_text("sh"),
                         mem_dup_text("-c"),
                         mem_dup_text("exec $0 \"$1\""), /* may be a command of several words */
                         mem_dup_text(params.maillog_file_compressor),
                         name.data,
                         NULL};

    return run_to_end("/bin/sh", arguments);
}

static const struct verb verbs[] = {
    {"start", start},
    {"start-fg", start_in_front},
    {"quick-start", start},
    {"stop", stop},
    {"quick-stop", stop},
    {"drain", drain},
    {"abort", abort_all},
    {"reload", reload},
    {"status", status},
    {"flush", flush},
    {"check", check},
    {"quick-check", check},
    {"logrotate", logrotate},
    {"set-permissions", set_permissions},
    {"upgrade-permissions", set_permissions},
    {"upgrade-configuration", upgrade_configuration},
};

static NORETURN void usage(void)
{
    fatal(1, "usage: %s [-c config_dir] [-Dv] command", program_name);
}

/* An ordinary user runs instances of their own, and leaves the others alone. */
static void check_caller(void)
{
    struct stat status;

    if (geteuid() != 0 && stat(params.queue_directory, &status) == 0 &&
        status.st_uid != geteuid())
        fatal(1, "the %s command is reserved for the superuser", program_name);
}

int main(int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/');
    struct conf_request request = {.trust = CONF_TRUST_CALLER, .with_stress = true};
    struct log_target terminal = {.sink = LOG_SINK_STDERR};
    struct error error;
    int option;

    program_name = slash ? slash + 1 : argv[0];
    log_open(program_name, &terminal);
    while ((option = getopt(argc, argv, "+c:Dv")) != -1) {
        if (option == 'c')
            request.directory = optarg;
        else if (option == 'v')
            verbosity++;
        else if (option != 'D')
            usage();
    }
    if (optind >= argc)
        usage();
    /* Whoever names an instance wants that one. */
    bool all_instances = !request.directory && !getenv("MAIL_CONFIG");

    if (conf_load(&request, &error) < 0)
        fatal(1, "%s", error.text);
    logging_open(program_name, LOGGING_CONTROL);
    check_caller();
    if (all_instances && *params.multi_instance_wrapper) {
        wrapper_run(argv + optind);
        return EX_OSERR;
    }
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
        if (strcmp(argv[optind], verbs[i].name) == 0)
            return verbs[i].run();
    log_error("unknown command: '%s'. Usage: %s start (or stop, reload, abort, flush, check, "
              "status, start-fg, logrotate, set-permissions, upgrade-configuration)",
              argv[optind], program_name);
    return 1;
}

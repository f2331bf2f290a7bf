/*
 * tassis (and postfix): the control command. Starts and stops an instance, has it read its
 * configuration again, says how it is.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/bug.h"
#include "base/log.h"
#include "base/program.h"
#include "check.h"
#include "conf/conf.h"
#include "conf/master_services.h"
#include "conf/params.h"
#include "explain.h"
#include "import.h"
#include "logrotate.h"
#include "running.h"
#include "spool.h"
#include "tls.h"
#include "worker/logging.h"
#include "wrapper.h"

/*
 * How long an orderly end may take; the master itself kills its workers after some seconds, so
 * a master that is still there then is stuck.
 */
enum { STOP_SECONDS = 15, ABORT_SECONDS = 2, NOTICE_SECONDS = 5 };

/* Both give the exit status. */
struct verb {
    const char *name;
    int (*run)(void);
    int (*run_with)(int argc, char **argv); /* those that have options; argv[0] is the verb */
};

static int verbosity;
static const char *program_name; /* "tassis", "postfix" */

/* -- the running instance -- */

/* master with one option: "-w" starts it and waits, "-s" and "-i" stay in front. */
static void master_command(struct buf *path, const char *words[7], const char *option)
{
    size_t n = 0;

    buf_printf(path, "%s/master", params.daemon_directory);
    words[n++] = "master";
    words[n++] = option;
    words[n++] = "-c";
    words[n++] = params.config_directory;
    for (int i = 0; i < verbosity && i < 2; i++)
        words[n++] = "-v";
    words[n] = NULL;
}

/* For verbs that need a running instance; its master, or 0 after saying that there is none. */
static pid_t need_running(void)
{
    pid_t pid = instance_is_running() ? instance_pid() : 0;

    if (pid == 0)
        log_error("the %s mail system is not running", params.mail_name);
    return pid;
}

/* The last level at which defaults changed that people may miss. */
#define LAST_LEVEL "3.6"

/* Under the command's bare name, as in Postfix. logrotate runs from cron: not each night. */
static void hint_at_old_defaults(const char *verb)
{
    if (strcmp(verb, "logrotate") == 0 || main_cf_level_is(conf_main_cf(), LAST_LEVEL))
        return;
    log_info_as(program_name, "Postfix is using backwards-compatible default settings");
    log_info_as(program_name,
                "See http://www.postfix.org/COMPATIBILITY_README.html for details");
    log_info_as(
        program_name,
        "To disable backwards compatibility use \"postconf compatibility_level=" LAST_LEVEL
        "\" and \"%s reload\"",
        program_name);
}

/* -- verbs -- */

/* master.cf as well as main.cf, which has been read already. */
static int check_master_cf(void)
{
    CLEANUP(master_cf_release) struct master_cf services;
    struct error error;

    if (master_cf_load(&services, MASTER_CHROOT_NO, &error) == 0)
        return 0;
    log_error("%s", error.text);
    return -1;
}

/* What comes before a master of either kind. */
static int prepare_start(void)
{
    struct error error;

    if (instance_is_running()) {
        log_error("the %s mail system is already running", params.mail_name);
        return -1;
    }
    if (check_master_cf() < 0)
        return -1;
    if (spool_create(&error) < 0) {
        log_error("%s", error.text);
        return -1;
    }
    log_info("starting the %s mail system", params.mail_name);
    return 0;
}

static int start(void)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    const char *words[7];

    if (prepare_start() < 0)
        return 1;
    master_command(&path, words, "-w");
    int status = run_to_end(path.data, words);

    if (status != 0)
        log_error("%s mail system startup failed", params.mail_name);
    return status != 0;
}

/* Becomes the master: what supervises us watches it. */
static int start_in_front(void)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    const char *words[7];

    logging_open(program_name, LOGGING_COMMAND);
    if (prepare_start() < 0)
        return 1;
    master_command(&path, words, getpid() == 1 ? "-i" : "-s");
    log_finish();
    execv(path.data, program_words(words));
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
    pid_t pid = instance_is_running() ? instance_pid() : 0;

    log_warning("stopping the %s mail system with force", params.mail_name);
    if (pid > 0 && kill(pid, SIGKILL) < 0 && errno != ESRCH) {
        log_error("kill process %ld: %m", (long)pid);
        return 1;
    }
    return instance_wait_for_end(ABORT_SECONDS) ? 0 : 1;
}

static int stop(void)
{
    if (tell("stopping", SIGTERM) != 0)
        return 1;
    if (instance_wait_for_end(NOTICE_SECONDS))
        return 0;
    log_info("waiting for the %s mail system to terminate", params.mail_name);
    return instance_wait_for_end(STOP_SECONDS) ? 0 : kill_master();
}

static int abort_all(void)
{
    if (tell("aborting", SIGQUIT) != 0)
        return 1;
    return instance_wait_for_end(ABORT_SECONDS) ? 0 : kill_master();
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
    pid_t pid = instance_is_running() ? instance_pid() : 0;

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
    const char *const words[] = {"postqueue", "-f", NULL};

    buf_printf(&path, "%s/postqueue", params.command_directory);
    return run_to_end(path.data, words);
}

/* Settings for an installation, which ours takes from main.cf, are passed over. */
static bool has_settings_alone(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (!strchr(argv[i], '=')) {
            log_error("%s: name=value expected instead of '%s'", argv[0], argv[i]);
            return false;
        }
    }
    return true;
}

static int set_permissions(int argc, char **argv)
{
    struct error error;

    if (!has_settings_alone(argc, argv))
        return 1;
    if (spool_set_permissions(&error) < 0 || spool_set_command_permissions(&error) < 0) {
        log_error("%s", error.text);
        return 1;
    }
    return 0;
}

/* Nothing of an old configuration has to be changed for this version. */
static int upgrade_configuration(int argc, char **argv)
{
    return !has_settings_alone(argc, argv) || check_master_cf() < 0;
}

static int rotate(void)
{
    return logrotate(reload);
}

static int check(int argc, char **argv)
{
    return check_run(argc, argv, program_name);
}

static int run_import(int argc, char **argv)
{
    return import(argc, argv, program_name);
}

static const struct verb verbs[] = {
    {"start", start, NULL},
    {"start-fg", start_in_front, NULL},
    {"quick-start", start, NULL},
    {"stop", stop, NULL},
    {"quick-stop", stop, NULL},
    {"drain", drain, NULL},
    {"abort", abort_all, NULL},
    {"reload", reload, NULL},
    {"status", status, NULL},
    {"flush", flush, NULL},
    {"import", NULL, run_import},
    {"explain", NULL, explain},
    {"check", NULL, check},
    {"quick-check", NULL, check},
    {"logrotate", rotate, NULL},
    {"set-permissions", NULL, set_permissions},
    {"upgrade-permissions", NULL, set_permissions},
    {"upgrade-configuration", NULL, upgrade_configuration},
    {"tls", NULL, tls_command},
};

static NORETURN void usage(void)
{
    fatal(1, "usage: %s [-c config_dir] [-Dv] command", program_name);
}

/* What is started gets the name, and has another working directory. */
static const char *absolute(const char *directory)
{
    if (directory[0] != '/')
        fatal(1, "-c requires absolute pathname");
    return directory;
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
            request.directory = absolute(optarg);
        else if (option == 'v')
            verbosity++;
        else if (option != 'D')
            usage();
    }
    if (optind >= argc)
        usage();
    bool is_check = strcmp(argv[optind], "check") == 0;

    request.drops_mistakes = is_check || strcmp(argv[optind], "import") == 0;
    /* Whoever names an instance wants that one. */
    bool all_instances = !request.directory && !getenv("MAIL_CONFIG");

    if (conf_load(&request, &error) < 0) {
        if (is_check)
            return check_unusable(argc - optind, argv + optind, error.text);
        fatal(1, "%s", error.text);
    }
    logging_open(program_name, LOGGING_CONTROL);
    check_caller();
    if (all_instances && *params.multi_instance_wrapper) {
        wrapper_run(argv + optind);
        return EX_OSERR;
    }
    hint_at_old_defaults(argv[optind]);
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
        if (strcmp(argv[optind], verbs[i].name) == 0)
            return verbs[i].run ? verbs[i].run()
                                : verbs[i].run_with(argc - optind, argv + optind);
    log_error("unknown command: '%s'. Usage: %s start (or stop, reload, abort, flush, check, "
              "status, start-fg, logrotate, set-permissions, upgrade-configuration, tls)",
              argv[optind], program_name);
    return 1;
}

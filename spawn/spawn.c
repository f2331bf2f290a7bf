/*
 * spawn: runs a command for each connection, which is its standard input, output and error.
 * So programs that know nothing of sockets serve as policy servers or filters.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/bug.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/program.h"
#include "co/co.h"
#include "conf/conf.h"
#include "conf/params.h"
#include "delivery/attributes.h"
#include "delivery/command.h"
#include "worker/worker.h"

static struct attributes attributes;
static char *const *command; /* NULL-terminated */
static char *const *environment;
static int own_argc;
static char **own_argv;
static int64_t time_limit;

static void keep_arguments(int argc, char **argv)
{
    own_argc = argc;
    own_argv = argv;
}

static void before_jail(void)
{
    static struct arena arena;
    struct error error;
    size_t count;
    const char **list;

    if (attributes_parse(&attributes, ATTRIBUTES_OF_SPAWN, own_argc - 1,
                         (const char *const *)own_argv + 1, &arena, &error) < 0)
        fatal(EX_CONFIG, "%s service: %s", worker_service(), error.text);
    command = program_words(attributes.argv);
    if (conf_service_number(worker_service(), "time_limit", &time_limit, &error) < 0) {
        log_warning("%s", error.text);
        time_limit = params.command_time_limit;
    }
    list = command_environment(&arena, params.export_environment, 0, &count);
    environment = program_words(list);
}

/* The parent logs what it reads here; the client, who may be anybody, is told nothing. */
static NORETURN void child_fails(int trouble, const char *text)
{
    dprintf(trouble, "%s", text);
    _exit(EXIT_FAILURE);
}

static NORETURN void run_child(int connection, int trouble)
{
    struct error error;

    if (fd_set_nonblocking(connection, false) < 0 || dup2(connection, STDIN_FILENO) < 0 ||
        dup2(connection, STDOUT_FILENO) < 0 || dup2(connection, STDERR_FILENO) < 0)
        child_fails(trouble, "the connection cannot be handed on");
    if (user_become_for_good(&attributes.user, &error) < 0)
        child_fails(trouble, error.text);
    if (setsid() < 0)
        child_fails(trouble, "setsid failed");
    worker_child_prepare();
    execvpe(command[0], command, environment);
    error_set(&error, ERROR_TEMPORARY, "execvp %s: %m", command[0]);
    child_fails(trouble, error.text);
}

/* What kept the child from becoming the command; its end is closed when that has worked. */
static void log_trouble(int trouble)
{
    char text[ERROR_TEXT_BYTES];
    ssize_t n;

    do
        n = read(trouble, text, sizeof(text));
    while (n < 0 && errno == EINTR);
    if (n > 0)
        log_error("%.*s", (int)n, text);
}

static void log_end(int status)
{
    if (WIFSIGNALED(status))
        log_warning("command %s killed by signal %d", command[0], WTERMSIG(status));
    else if (WEXITSTATUS(status) != 0)
        log_warning("command %s exit status %d", command[0], WEXITSTATUS(status));
}

/* Too late: it goes with all that it started. */
static void supervise(pid_t pid)
{
    int status;

    if (co_wait_child(pid, &status, deadline_in(time_limit)) == WAKE_READY) {
        log_end(status);
        return;
    }
    log_warning("%s: process id %ld: command time limit exceeded", command[0], (long)pid);
    if (user_kill_group(pid, SIGKILL) < 0 && errno != ESRCH)
        log_warning("kill process group %ld: %m", (long)pid);
    if (co_wait_child(pid, &status, DEADLINE_NONE) != WAKE_READY)
        log_warning("wait for process %ld: interrupted", (long)pid);
}

static void serve(struct worker_client *client)
{
    int ends[2];
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) < 0) {
        log_warning("pipe: %m");
        return;
    }
    pid = fork();
    if (pid == 0)
        run_child(client->stream.fd, ends[1]);
    fd_close(&ends[1]);
    stream_release(&client->stream); /* the command's end shall be the connection's */
    if (pid < 0) {
        log_warning("fork: %m");
    } else {
        log_trouble(ends[0]);
        supervise(pid);
    }
    fd_close(&ends[0]);
}

int main(int argc, char **argv)
{
    static const struct worker spawn = {
        .name = "spawn",
        .sessions_per_process = 1,
        .needs_root = true,
        .arguments = keep_arguments,
        .before_jail = before_jail,
        .serve = serve,
    };

    return worker_main(&spawn, argc, argv);
}

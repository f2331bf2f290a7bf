#include "fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/program.h"
#include "co/co.h"
#include "conf/params.h"
#include "delivery/command.h"
#include "worker/worker.h"

/* Of what a failed command says. */
enum { COMPLAINT_MAX = 200 };

static struct arena environment_arena;
static const char **environment;
static size_t n_environment;

/* Room for TOKEN_USER, TOKEN_HOST and the NULL. */
enum { OWN_VARIABLES = 2 };

void token_fetch_open(void)
{
    environment = command_environment(&environment_arena, params.export_environment,
                                      OWN_VARIABLES, &n_environment);
}

bool token_take(struct slice text, struct slice *token)
{
    struct slice line = slice_trim(slice_split(&text, '\n'));

    for (size_t i = 0; i < line.len; i++)
        if (!ascii_is_print(line.ptr[i]) || line.ptr[i] == ' ')
            return false;
    if (line.len == 0 || line.len > TOKEN_MAX_BYTES)
        return false;
    *token = line;
    return true;
}

/* -- a file
 * --------------------------------------------------------------------------------- */

/* Opened with the rights of the source's user, and never waited for. */
static int open_file(const struct token_source *source, struct error *error)
{
    struct stat status;

    if (source->has_user && user_become(&source->user, error) < 0)
        return -1;
    int fd = open(source->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        error_set(error, ERROR_TEMPORARY, "open %s: %m", source->file);
    if (source->has_user)
        user_return();
    if (fd >= 0 && (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))) {
        error_set(error, ERROR_TEMPORARY, "%s: not a regular file", source->file);
        fd_close(&fd);
    }
    return fd;
}

static int fetch_file(const struct token_source *source, struct buf *token, struct error *error)
{
    CLEANUP(buf_release) struct buf text = BUF_SECRET_INIT;
    CLEANUP(fd_close) int fd = open_file(source, error);
    struct slice found;

    if (fd < 0)
        return -1;
    if (fd_read_all(fd, &text, 2 * TOKEN_MAX_BYTES, error) < 0)
        return error_context(error, "%s", source->file);
    if (token_take(buf_slice(&text), &found)) {
        buf_set(token, found);
        return 0;
    }
    return error_set(error, ERROR_TEMPORARY, "%s: the first line is no token", source->file);
}

/* -- a command
 * ------------------------------------------------------------------------------ */

/* What it prints stays in the pipes until it has ended: they hold more than a token. */
struct running {
    pid_t pid;
    int output[2], complaints[2];
};

static void running_release(struct running *running)
{
    fd_close(&running->output[0]);
    fd_close(&running->output[1]);
    fd_close(&running->complaints[0]);
    fd_close(&running->complaints[1]);
}

static const char **own_environment(const struct token_purpose *purpose, struct arena *arena)
{
    const char **list = arena_array(arena, const char *, n_environment + OWN_VARIABLES + 1);

    if (n_environment)
        memcpy(list, environment, n_environment * sizeof(*list));
    list[n_environment] = arena_printf(arena, "TOKEN_USER=%.*s", SLICE_ARG(purpose->user));
    list[n_environment + 1] = arena_printf(arena, "TOKEN_HOST=%.*s", SLICE_ARG(purpose->host));
    return list;
}

static NORETURN void child_fails(const char *what)
{
    dprintf(STDERR_FILENO, "%s: %s\n", what, strerror(errno));
    _exit(EX_TEMPFAIL);
}

static NORETURN void run_child(const struct token_source *source, const struct running *running,
                               const char **variables)
{
    char *const *words = program_words(source->command);
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    struct error error;

    if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 ||
        dup2(running->output[1], STDOUT_FILENO) < 0 ||
        dup2(running->complaints[1], STDERR_FILENO) < 0)
        _exit(EX_TEMPFAIL);
    if (user_become_for_good(&source->user, &error) < 0) {
        dprintf(STDERR_FILENO, "%s\n", error.text);
        _exit(EX_TEMPFAIL);
    }
    if (setsid() < 0 || chdir("/") < 0)
        child_fails("setsid");
    worker_child_prepare();
    execve(words[0], words, program_words(variables));
    child_fails(words[0]);
}

static int start(const struct token_source *source, const struct token_purpose *purpose,
                 struct running *running, struct error *error)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    const char **variables = own_environment(purpose, &arena);

    if (pipe2(running->output, O_CLOEXEC | O_NONBLOCK) < 0 ||
        pipe2(running->complaints, O_CLOEXEC | O_NONBLOCK) < 0)
        return error_set(error, ERROR_TEMPORARY, "pipe: %m");
    running->pid = fork();
    if (running->pid < 0)
        return error_set(error, ERROR_TEMPORARY, "fork: %m");
    if (running->pid == 0)
        run_child(source, running, variables);
    fd_close(&running->output[1]);
    fd_close(&running->complaints[1]);
    return 0;
}

/* Too late: it goes with all that it started. */
static int end_late(const struct token_source *source, const struct running *running,
                    struct error *error)
{
    int status;

    if (user_kill_group(running->pid, SIGKILL) < 0 && errno != ESRCH)
        log_warning("kill process group %ld: %m", (long)running->pid);
    if (co_wait_child(running->pid, &status, DEADLINE_NONE) != WAKE_READY)
        log_warning("wait for process %ld: interrupted", (long)running->pid);
    return error_set(error, ERROR_TEMPORARY, "%s: command time limit exceeded",
                     source->command[0]);
}

/* What a descriptor holds now, as far as the room goes. */
static struct slice read_some(int fd, char *room, size_t size)
{
    ssize_t n = read(fd, room, size);

    return slice_of(room, n > 0 ? (size_t)n : 0);
}

static int judge(const struct token_source *source, const struct running *running, int status,
                 struct error *error)
{
    char room[COMPLAINT_MAX];
    struct slice text = slice_trim(read_some(running->complaints[0], room, sizeof(room)));
    const char *colon = text.len > 0 ? ": " : "";

    if (WIFSIGNALED(status))
        return error_set(error, ERROR_TEMPORARY, "%s: killed by signal %d%s%.*s",
                         source->command[0], WTERMSIG(status), colon, SLICE_ARG(text));
    if (WEXITSTATUS(status) != 0)
        return error_set(error, ERROR_TEMPORARY, "%s: exit status %d%s%.*s", source->command[0],
                         WEXITSTATUS(status), colon, SLICE_ARG(text));
    return 0;
}

static int take_output(const struct token_source *source, const struct running *running,
                       struct buf *token, struct error *error)
{
    CLEANUP(buf_release) struct buf text = BUF_SECRET_INIT;
    struct slice found;
    char *room = buf_reserve(&text, 2 * TOKEN_MAX_BYTES);

    if (token_take(read_some(running->output[0], room, 2 * TOKEN_MAX_BYTES), &found)) {
        buf_set(token, found);
        return 0;
    }
    return error_set(error, ERROR_TEMPORARY, "%s: its first line is no token",
                     source->command[0]);
}

static int fetch_from_command(const struct token_source *source,
                              const struct token_purpose *purpose, struct buf *token,
                              struct error *error)
{
    CLEANUP(running_release)
    struct running running = {.output = {-1, -1}, .complaints = {-1, -1}};
    int status;

    if (start(source, purpose, &running, error) < 0)
        return error_context(error, "%s", source->command[0]);
    if (co_wait_child(running.pid, &status, deadline_in(source->time_limit_ms)) != WAKE_READY)
        return end_late(source, &running, error);
    if (judge(source, &running, status, error) < 0)
        return -1;
    return take_output(source, &running, token, error);
}

int token_fetch(const struct token_source *source, const struct token_purpose *purpose,
                struct buf *token, struct error *error)
{
    if (source->file)
        return fetch_file(source, token, error);
    return fetch_from_command(source, purpose, token, error);
}

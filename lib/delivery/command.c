#include "delivery/command.h"

#include <errno.h>
#include <fcntl.h>
#include <paths.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/program.h"
#include "co/co.h"

/* What is kept of a command's output for the log and the bounce. */
enum { OUTPUT_MAX = 2048, SHELL_WORDS_MAX = 256 };

/* What the exit status of a mail command means (sysexits.h), with the status of RFC 3463. */
static const struct {
    int exit_status;
    const char *dsn;
    const char *text;
} meanings[] = {
    {EX_USAGE, "5.3.0", "command line usage error"},
    {EX_DATAERR, "5.6.0", "data format error"},
    {EX_NOINPUT, "5.3.0", "cannot open input"},
    {EX_NOUSER, "5.1.1", "user unknown"},
    {EX_NOHOST, "5.1.2", "host name unknown"},
    {EX_UNAVAILABLE, "5.3.0", "service unavailable"},
    {EX_SOFTWARE, "5.3.0", "internal software error"},
    {EX_OSERR, "4.3.0", "system resource problem"},
    {EX_OSFILE, "5.3.0", "critical OS file missing"},
    {EX_CANTCREAT, "5.2.0", "can't create user output file"},
    {EX_IOERR, "5.3.0", "input/output error"},
    {EX_TEMPFAIL, "4.3.0", "temporary failure"},
    {EX_PROTOCOL, "5.5.0", "remote error in protocol"},
    {EX_NOPERM, "5.7.0", "permission denied"},
    {EX_CONFIG, "5.3.5", "local configuration error"},
};

const char **command_environment(struct arena *arena, const char *export_environment,
                                 size_t n_more, size_t *count)
{
    struct slice rest = slice_from(export_environment), word;
    size_t capacity = n_more + 3;

    for (struct slice count_rest = rest; slice_word(&count_rest, ", \t\r\n").ptr;)
        capacity++;
    const char **list = arena_array(arena, const char *, capacity);
    *count = 0;
    list[(*count)++] = "PATH=" _PATH_DEFPATH;
    while ((word = slice_word(&rest, ", \t\r\n")).ptr) {
        const char *name = arena_text(arena, word);
        const char *value = getenv(name);
        if (slice_find(word, '=') < word.len)
            list[(*count)++] = name;
        else if (value)
            list[(*count)++] = arena_printf(arena, "%s=%s", name, value);
    }
    return list;
}

/* -- the child
 * ------------------------------------------------------------------------------------ */

static NORETURN void child_fails(const char *what)
{
    /* The parent reads this as the command's output. */
    dprintf(STDERR_FILENO, "%s: fatal: execvp %s: %s\n", program_invocation_short_name, what,
            strerror(errno));
    _exit(EX_TEMPFAIL);
}

/* A line without shell syntax and built-ins is run directly, which is quicker and safer. */
static bool needs_shell(const char *line)
{
    return line[strspn(line, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                             "!@%-_=+:,./ \t")] != '\0' ||
           strchr(line, '=') != NULL;
}

/* "sh" is what it puts in front of its complaints, which senders get to read. */
static void exec_shell(const char *line, char *const *environment)
{
    char *words[] = {slice_dup(SLICE("sh")), slice_dup(SLICE("-c")),
                     slice_dup(slice_from(line)), NULL};

    execve("/bin/sh", words, environment);
}

static void exec_shell_line(const struct command *command, char *const *environment)
{
    char *words[SHELL_WORDS_MAX];
    struct slice rest = slice_from(command->shell_line), word;
    size_t n = 0;

    if (*command->shell) {
        struct slice shell = slice_from(command->shell);
        while (n < SHELL_WORDS_MAX - 2 && (word = slice_word(&shell, " \t")).ptr)
            words[n++] = slice_dup(word);
        words[n++] = slice_dup(rest);
    } else if (needs_shell(command->shell_line)) {
        exec_shell(command->shell_line, environment);
        return;
    } else {
        while (n < SHELL_WORDS_MAX - 1 && (word = slice_word(&rest, " \t")).ptr)
            words[n++] = slice_dup(word);
    }
    words[n] = NULL;
    if (n == 0) { /* nothing to do, and the shell does just that */
        exec_shell("", environment);
        return;
    }
    execvpe(words[0], words, environment);
    /* A built-in of the shell; a directory of the path that is not ours to look into makes it
     * EACCES. */
    if ((errno == ENOENT || errno == EACCES) && !strchr(words[0], '/'))
        exec_shell(command->shell_line, environment);
}

/* Too much is an error that it sees and not its end. */
static void limit_files(int64_t bytes)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_FSIZE, &limit) == 0) {
        limit.rlim_cur = (rlim_t)bytes < limit.rlim_max ? (rlim_t)bytes : limit.rlim_max;
        if (setrlimit(RLIMIT_FSIZE, &limit) == 0)
            (void)signal(SIGXFSZ, SIG_IGN);
    }
}

static NORETURN void run_child(const struct command *command, int input, int output)
{
    char *const *environment = program_words(command->environment);
    struct error error;

    if (dup2(input, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
        dup2(output, STDERR_FILENO) < 0)
        _exit(EX_TEMPFAIL);
    if (command->chroot_directory) {
        const struct user root = {0};
        if (user_become(&root, &error) < 0 || chroot(command->chroot_directory) < 0 ||
            chdir("/") < 0)
            child_fails(command->chroot_directory);
    }
    if (user_become_for_good(&command->user, &error) < 0) {
        dprintf(STDERR_FILENO, "4.3.0 %s\n", error.text);
        _exit(EX_TEMPFAIL);
    }
    if (command->directory && chdir(command->directory) < 0)
        child_fails(command->directory);
    if (setsid() < 0)
        child_fails("setsid");
    if (command->prepare_child)
        command->prepare_child();
    if (command->file_limit > 0)
        limit_files(command->file_limit);
    if (command->argv)
        execvpe(command->argv[0], program_words(command->argv), environment);
    else
        exec_shell_line(command, environment);
    child_fails(command->argv ? command->argv[0] : command->shell_line);
}

/* -- the parent
 * ------------------------------------------------------------------------------------- */

struct running {
    pid_t pid;
    int input, output; /* our ends */
    deadline_t deadline;
};

static void close_pair(int pair[2])
{
    fd_close(&pair[0]);
    fd_close(&pair[1]);
}

static int start(const struct command *command, struct running *running, struct error *error)
{
    int input[2] = {-1, -1}, output[2] = {-1, -1};

    if (pipe2(input, O_CLOEXEC) < 0 || pipe2(output, O_CLOEXEC) < 0) {
        error_set(error, ERROR_TEMPORARY, "pipe: %m");
        close_pair(input);
        close_pair(output);
        return -1;
    }
    running->pid = fork();
    if (running->pid == 0)
        run_child(command, input[0], output[1]);
    fd_close(&input[0]);
    fd_close(&output[1]);
    running->input = input[1];
    running->output = output[0];
    running->deadline = deadline_in(command->time_limit);
    if (running->pid < 0) {
        error_set(error, ERROR_TEMPORARY, "fork: %m");
        fd_close(&running->input);
        fd_close(&running->output);
        return -1;
    }
    return 0;
}

/* All that it prints until it closes; beyond the limit it is read and dropped. False: too late.
 */
static bool read_output(struct running *running, struct buf *output)
{
    char data[4096];

    if (fd_set_nonblocking(running->output, true) < 0)
        return false;
    for (;;) {
        ssize_t n = read(running->output, data, sizeof(data));
        if (n == 0)
            return true;
        if (n > 0) {
            size_t room = OUTPUT_MAX - output->len;
            buf_add(output, data, (size_t)n < room ? (size_t)n : room);
        } else if (errno == EAGAIN) {
            if (co_wait_fd(running->output, EPOLLIN, running->deadline) != WAKE_READY)
                return false;
        } else if (errno != EINTR) {
            return true;
        }
    }
}

/* One line for the log: line ends become blanks, the last one too, as readers know it. */
static struct slice tidy(struct buf *output, struct arena *arena)
{
    for (size_t i = 0; i < output->len; i++)
        if (!ascii_is_print(output->data[i]) && (unsigned char)output->data[i] < 128)
            output->data[i] = ' ';
    return arena_slice(arena, buf_slice(output));
}

static const char *command_name(const struct command *command)
{
    return command->argv ? command->argv[0] : command->shell_line;
}

/* What the exit status says, with its code; NULL for one that says nothing. */
static const char *find_meaning(int exit_status, const char **code)
{
    for (size_t i = 0; i < ARRAY_SIZE(meanings); i++) {
        if (meanings[i].exit_status != exit_status)
            continue;
        *code = meanings[i].dsn;
        return meanings[i].text;
    }
    return NULL;
}

/* For the Diagnostic-Code of a report: its own words, or what its status means. */
static void diagnose(int exit_status, const char *meaning, struct slice output,
                     struct delivery *delivery, struct dsn *dsn)
{
    dsn->diagnostic_type = "x-unix";
    if (output.len > 0)
        dsn->diagnostic = slice_trim(output);
    else if (meaning)
        dsn->diagnostic = slice_from(meaning);
    else
        dsn->diagnostic = slice_from(
            arena_printf(&delivery->arena, "unknown mail system error %d", exit_status));
}

static void judge_exit(const struct command *command, int exit_status, struct slice output,
                       struct delivery *delivery, struct dsn *dsn)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    const char *code = "5.3.0", *meaning = find_meaning(exit_status, &code);
    char own[DSN_STATUS_BYTES];
    struct slice rest;

    if (dsn_status_parse(output, own, &rest) && (own[0] == '4' || own[0] == '5')) {
        delivery_dsn(delivery, dsn, own, "%.*s",
                     SLICE_ARG(slice_from_offset(rest, slice_skip_any(rest, " \t"))));
        diagnose(exit_status, meaning, dsn->reason, delivery, dsn);
        return;
    }
    if (meaning)
        buf_set_text(&text, meaning);
    else
        buf_printf(&text, "Command died with status %d: \"%s\"", exit_status,
                   command_name(command));
    if (output.len > 0)
        buf_printf(&text, ". Command output: %.*s", SLICE_ARG(output));
    delivery_dsn(delivery, dsn, code, "%s", text.data);
    diagnose(exit_status, meaning, output, delivery, dsn);
}

static void judge(const struct command *command, int status, struct slice output,
                  struct delivery *delivery, struct dsn *dsn)
{
    if (!WIFSIGNALED(status)) {
        judge_exit(command, WEXITSTATUS(status), output, delivery, dsn);
        return;
    }
    delivery_dsn(delivery, dsn, "4.3.0", "Command died with signal %d: \"%s\"%s%.*s",
                 WTERMSIG(status), command_name(command),
                 output.len > 0 ? ". Command output: " : "", SLICE_ARG(output));
}

/*
 * It was killed for being late. Postfix returns the mail at once: who runs a command that hangs
 * would have it hang again.
 */
static void too_late(const struct command *command, struct slice output,
                     struct delivery *delivery, struct dsn *dsn)
{
    delivery_dsn(delivery, dsn, "5.3.0", "Command time limit exceeded: \"%s\"%s%.*s",
                 command_name(command), output.len ? ". Command output: " : "",
                 SLICE_ARG(output));
    dsn->diagnostic_type = "x-unix";
    dsn->diagnostic = output.len ? slice_trim(output) : SLICE("internal software error");
}

/* What takes the time of a command. */
enum stage { STAGE_WRITE, STAGE_READ, STAGE_WAIT, STAGE_ENDED };

static enum stage converse(struct running *running, struct mail_copy *copy, struct buf *output,
                           int *status, struct error *error)
{
    int write_errno = 0;

    copy->deadline = running->deadline;
    int written = fd_set_nonblocking(running->input, true) < 0
                      ? error_set(error, ERROR_TEMPORARY, "fcntl: %m")
                      : mail_copy_write(copy, running->input, &write_errno, error);
    co_forget_fd(running->input);
    fd_close(&running->input);
    if (write_errno == ETIMEDOUT || write_errno == EPIPE)
        error->kind = ERROR_NONE; /* it is late, or need not read all of it */
    if (written < 0 && write_errno != EPIPE)
        return STAGE_WRITE;
    if (!read_output(running, output))
        return STAGE_READ;
    if (co_wait_child(running->pid, status, running->deadline) != WAKE_READY)
        return STAGE_WAIT;
    return STAGE_ENDED;
}

static void warn_of_lateness(enum stage stage)
{
    if (stage == STAGE_WRITE)
        log_warning("pipe_command_write: write time limit exceeded");
    else if (stage == STAGE_READ)
        log_warning("pipe_command_read: read time limit exceeded");
    else
        log_warning("pipe_command_wait_or_kill: child wait time limit exceeded");
}

static void kill_all(const struct running *running)
{
    int status;

    if (user_kill_group(running->pid, SIGKILL) < 0 && errno != ESRCH)
        log_warning("kill process group %ld: %m", (long)running->pid);
    if (co_wait_child(running->pid, &status, DEADLINE_NONE) != WAKE_READY)
        log_warning("wait for process %ld: interrupted", (long)running->pid);
}

/* Feed, listen, wait; whatever is late is killed with all that it started. */
static int supervise(const struct command *command, struct running *running,
                     struct mail_copy *copy, struct delivery *delivery, struct buf *output,
                     struct dsn *dsn)
{
    struct error error = ERROR_INIT;
    int status = 0;
    enum stage stage = converse(running, copy, output, &status, &error);

    if (stage != STAGE_ENDED) {
        if (error.kind == ERROR_NONE)
            warn_of_lateness(stage);
        kill_all(running);
    }
    if (stage == STAGE_WRITE)
        (void)!read_output(running, output); /* what it had said by then */
    co_forget_fd(running->output);
    fd_close(&running->output);
    struct slice said = tidy(output, &delivery->arena);

    if (stage != STAGE_ENDED && error.kind != ERROR_NONE)
        delivery_dsn(delivery, dsn, "4.3.0", "%s", error.text);
    else if (stage != STAGE_ENDED)
        too_late(command, said, delivery, dsn);
    else if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    else
        judge(command, status, said, delivery, dsn);
    return -1;
}

int command_run(const struct command *command, struct mail_copy *copy,
                struct delivery *delivery, struct slice *output, struct dsn *dsn)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    struct running running;
    struct error error;

    *output = SLICE_EMPTY;
    if (start(command, &running, &error) < 0) {
        delivery_dsn(delivery, dsn, "4.3.0", "%s", error.text);
        return -1;
    }
    int result = supervise(command, &running, copy, delivery, &text, dsn);
    *output = slice_trim(tidy(&text, &delivery->arena));
    return result;
}

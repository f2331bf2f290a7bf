#include "base/program.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

char *const *program_words(const char *const words[])
{
    char *const *result;

    memcpy(&result, &words, sizeof(result));
    return result;
}

static int add_io(posix_spawn_file_actions_t *actions, struct program_io io)
{
    int trouble = 0;

    if (io.input >= 0)
        trouble = posix_spawn_file_actions_adddup2(actions, io.input, STDIN_FILENO);
    if (!trouble && io.output >= 0)
        trouble = posix_spawn_file_actions_adddup2(actions, io.output, STDOUT_FILENO);
    return trouble;
}

int program_start(const char *program, const char *const words[], struct program_io io,
                  pid_t *pid, struct error *error)
{
    posix_spawn_file_actions_t actions;
    int trouble = posix_spawn_file_actions_init(&actions);
    pid_t started = 0;

    if (!trouble) {
        (void)signal(SIGCHLD, SIG_DFL);
        trouble = add_io(&actions, io);
        if (!trouble)
            trouble =
                posix_spawnp(&started, program, &actions, NULL, program_words(words), environ);
        (void)posix_spawn_file_actions_destroy(&actions);
    }
    if (!trouble)
        *pid = started;
    errno = trouble;
    return trouble ? error_set(error, ERROR_TEMPORARY, "start %s: %m", program) : 0;
}

int program_wait(pid_t pid)
{
    int status;

    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return -1;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int program_run(const char *program, const char *const words[], int *status,
                struct error *error)
{
    pid_t pid = 0;

    if (program_start(program, words, PROGRAM_IO_OURS, &pid, error) < 0)
        return -1;
    *status = program_wait(pid);
    if (*status < 0)
        *status = 1;
    return 0;
}

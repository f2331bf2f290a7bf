#include "table/elsewhere.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/params.h"

#define ANSWER_MAX_BYTES ((size_t)1024 * 1024)

int elsewhere_status(enum table_result result)
{
    if (result == TABLE_FOUND)
        return 0;
    return result == TABLE_NOT_FOUND ? 1 : EX_TEMPFAIL;
}

/* Its standard output is `output`. 0 or an errno value. */
static int spawn(const char *path, char *const *arguments, int output, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    int trouble = posix_spawn_file_actions_init(&actions);

    if (trouble)
        return trouble;
    trouble = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    if (!trouble)
        trouble = posix_spawn(pid, path, &actions, NULL, arguments, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    return trouble;
}

static int start(const char *method, const char *parameter, struct slice key, int *answer,
                 pid_t *pid)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    const char *slash = strrchr(log_tag(), '/');
    char *words[] = {slice_dup(SLICE("lookup")),
                     slice_dup(slice_from(slash ? slash + 1 : log_tag())),
                     slice_dup(slice_from(method)),
                     slice_dup(slice_from(parameter)),
                     slice_dup(key),
                     NULL};
    int pair[2], trouble = 0;

    buf_printf(&path, "%s/lookup", params.daemon_directory);
    if (pipe2(pair, O_CLOEXEC) < 0) {
        trouble = errno;
    } else {
        trouble = spawn(path.data, words, pair[1], pid);
        (void)close(pair[1]);
        if (trouble)
            (void)close(pair[0]);
    }
    for (char **word = words; *word; word++)
        mem_free(*word);
    *answer = pair[0];
    return trouble;
}

static enum table_result result_of(int status)
{
    if (!WIFEXITED(status) || WEXITSTATUS(status) > 1)
        return TABLE_ERROR;
    return WEXITSTATUS(status) == 0 ? TABLE_FOUND : TABLE_NOT_FOUND;
}

enum table_result elsewhere_ask(const char *method, const char *parameter, struct slice key,
                                struct buf *value, struct error *error)
{
    CLEANUP(buf_release) struct buf answer = BUF_INIT;
    int from, status = 0;
    pid_t pid = -1;
    int trouble = start(method, parameter, key, &from, &pid);

    if (trouble) {
        errno = trouble;
        (void)error_set(error, ERROR_TEMPORARY, "start %s/lookup: %m", params.daemon_directory);
        return TABLE_ERROR;
    }
    int got = fd_read_all(from, &answer, ANSWER_MAX_BYTES, error);

    (void)close(from);
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return (void)error_set(error, ERROR_TEMPORARY, "wait for lookup: %m"), TABLE_ERROR;
    }
    if (got < 0)
        return TABLE_ERROR;
    enum table_result result = result_of(status);

    if (result == TABLE_ERROR)
        (void)error_set(error, ERROR_TEMPORARY, "%s",
                        answer.len ? answer.data : "the program lookup failed");
    else if (result == TABLE_FOUND && value)
        buf_set(value, buf_slice(&answer));
    return result;
}

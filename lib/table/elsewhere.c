#include "table/elsewhere.h"

#include <fcntl.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/program.h"
#include "conf/params.h"

#define ANSWER_MAX_BYTES ((size_t)1024 * 1024)

int elsewhere_status(enum table_result result)
{
    if (result == TABLE_FOUND)
        return 0;
    return result == TABLE_NOT_FOUND ? 1 : EX_TEMPFAIL;
}

static int start(const char *const words[], int *answer, pid_t *pid, struct error *error)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    int pair[2];

    buf_printf(&path, "%s/lookup", params.daemon_directory);
    if (pipe2(pair, O_CLOEXEC) < 0)
        return error_set(error, ERROR_TEMPORARY, "start %s: %m", path.data);
    int result = program_start(path.data, words, (struct program_io){-1, pair[1]}, pid, error);

    fd_close(&pair[1]);
    if (result < 0)
        fd_close(&pair[0]);
    *answer = pair[0];
    return result;
}

static enum table_result result_of(int status)
{
    if (status < 0 || status > 1)
        return TABLE_ERROR;
    return status == 0 ? TABLE_FOUND : TABLE_NOT_FOUND;
}

enum table_result elsewhere_ask(const char *method, const char *parameter, struct slice key,
                                struct buf *value, struct error *error)
{
    CLEANUP(buf_release) struct buf answer = BUF_INIT;
    CLEANUP(mem_free_text) char *key_text = slice_dup(key);
    const char *slash = strrchr(log_tag(), '/');
    const char *const words[] = {
        "lookup", slash ? slash + 1 : log_tag(), method, parameter, key_text, NULL};
    int from = -1;
    pid_t pid = 0;

    if (start(words, &from, &pid, error) < 0)
        return TABLE_ERROR;
    int got = fd_read_all(from, &answer, ANSWER_MAX_BYTES, error);

    fd_close(&from);
    enum table_result result = result_of(program_wait(pid));

    if (got < 0)
        return TABLE_ERROR;
    if (result == TABLE_ERROR)
        (void)error_set(error, ERROR_TEMPORARY, "%s",
                        answer.len ? answer.data : "the program lookup failed");
    else if (result == TABLE_FOUND && value)
        buf_set(value, buf_slice(&answer));
    return result;
}

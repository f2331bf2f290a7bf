#include "running.h"

#include <errno.h>
#include <fcntl.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/bug.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/program.h"
#include "base/time.h"
#include "conf/params.h"

int run_to_end(const char *path, const char *const words[])
{
    struct error error;
    int status;

    if (program_run(path, words, &status, &error) == 0)
        return status;
    log_error("%s", error.text);
    return EX_OSERR;
}

bool queue_is_in_use(const char *queue_directory)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;

    buf_printf(&path, "%s/pid/master.pid", queue_directory);
    CLEANUP(fd_close) int fd = open(path.data, O_RDONLY | O_CLOEXEC);

    if (fd < 0 && errno != ENOENT && errno != ENOTDIR)
        fatal(1, "open %s: %m", path.data);
    return fd >= 0 && fd_flock(fd, FILE_LOCK_SHARED, FILE_LOCK_TRY) < 0;
}

bool instance_is_running(void)
{
    return queue_is_in_use(params.queue_directory);
}

pid_t instance_pid(void)
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

bool instance_wait_for_end(int64_t seconds)
{
    deadline_t until = deadline_in(SECONDS(seconds));
    struct timespec pause = {.tv_nsec = 20000000};

    while (instance_is_running()) {
        if (time_now_ms() >= until)
            return false;
        nanosleep(&pause, NULL);
    }
    return true;
}

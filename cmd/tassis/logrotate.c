#include "logrotate.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "conf/params.h"
#include "running.h"

/* Tenths of a second that a new log file may take to appear. */
enum { LOG_WAITS = 100 };

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

int logrotate(int (*reload)(void))
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
    if (instance_is_running() && (reload() != 0 || !wait_for_new_log(name.data)))
        return 1;
    if (!*params.maillog_file_compressor)
        return 0;
    /* It may be a command of several words. */
    const char *const words[] = {
        "sh", "-c", "exec $0 \"$1\"", params.maillog_file_compressor, name.data, NULL};

    return run_to_end("/bin/sh", words);
}

/*
 * postlogd: writes the lines that the other programs send to the file of maillog_file. Lines
 * that arrive together are written together.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/bug.h"
#include "base/fd.h"
#include "base/log.h"
#include "co/co.h"
#include "conf/params.h"
#include "worker/worker.h"

/* Written at once when this much waits; kept at most while the file cannot be written. */
enum { WRITE_BYTES = 65536, KEEP_BYTES = 4 << 20 };

static int file = -1;
static struct buf lines = BUF_INIT;
static int64_t n_lost;

/* The file must lie where the administrator allows logs (maillog_file_prefixes). */
static void check_prefix(void)
{
    struct slice rest = slice_from(params.maillog_file_prefixes), prefix;
    struct slice path = slice_from(params.maillog_file);

    while ((prefix = slice_word(&rest, ", \t\r\n")).ptr)
        if (path.len >= prefix.len && slice_same(slice_sub(path, 0, prefix.len), prefix))
            return;
    fatal(EX_CONFIG, "maillog_file '%s' does not match maillog_file_prefixes = %s",
          params.maillog_file, params.maillog_file_prefixes);
}

static void open_file(void)
{
    uint64_t mode = 0600;

    if (!*params.maillog_file)
        return;
    check_prefix();
    if (strcmp(params.maillog_file, "/dev/stdout") == 0) {
        file = STDOUT_FILENO;
        return;
    }
    if (!slice_to_uint(slice_from(params.maillog_file_permissions), 8, 0777, &mode))
        fatal(EX_CONFIG, "bad maillog_file_permissions value: %s",
              params.maillog_file_permissions);
    file = open(params.maillog_file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY,
                (mode_t)mode);
    if (file < 0)
        fatal(EX_CANTCREAT, "open logfile '%s': %m", params.maillog_file);
}

/* What was written is cut off, up to the last whole line where writing stopped early. */
static bool write_lines(void)
{
    if (n_lost > 0 && lines.len < WRITE_BYTES) {
        buf_printf(
            &lines,
            "postlogd: warning: %lld log lines were lost: the file could not be written\n",
            (long long)n_lost);
        n_lost = 0;
    }
    while (lines.len > 0) {
        ssize_t written = write(file, lines.data, lines.len);
        if (written > 0)
            buf_remove_front(&lines, (size_t)written);
        else if (written < 0 && errno != EINTR)
            return true; /* a full disk, a slow reader: again soon */
    }
    return false;
}

/* One line, as it shall stand in the file. */
static void take_line(struct slice line)
{
    if (file < 0)
        return;
    if (lines.len + line.len > KEEP_BYTES) {
        n_lost++;
        return;
    }
    buf_add_slice(&lines, slice_trim_right(line));
    buf_add_char(&lines, '\n');
    if (lines.len >= WRITE_BYTES)
        write_lines();
}

/* Before the loop sleeps: all lines of this turn have come. */
static bool write_at_idle(void)
{
    if (lines.len > 0)
        return write_lines();
    return false;
}

static void started(void)
{
    co_on_idle(write_at_idle);
}

static void draining(void)
{
    write_lines();
}

int main(int argc, char **argv)
{
    static const struct worker postlogd = {
        .name = "postlogd",
        .sessions_per_process = 1000,
        .limits_processes = true,
        .stays = true,
        .before_jail = open_file,
        .started = started,
        .trigger = take_line,
        .draining = draining,
    };

    return worker_main(&postlogd, argc, argv);
}

#include "worker/logging.h"

#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "conf/params.h"

static void open_log(const char *tag, enum logging_user user)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    CLEANUP(buf_release) struct buf hostname = BUF_INIT;
    struct slice domain = slice_from(params.myhostname);

    buf_set(&hostname, slice_split(&domain, '.')); /* the short name, as syslogd has it */
    if (user != LOGGING_DAEMON)
        buf_printf(&path, "%s/", params.queue_directory);
    buf_printf(&path, "public/%s", params.postlog_service_name);
    const struct log_target target = {
        .sink = *params.maillog_file ? LOG_SINK_POSTLOG : LOG_SINK_SYSLOG,
        .stderr_too = user == LOGGING_COMMAND || user == LOGGING_SUBMIT ||
                      (user == LOGGING_CONTROL && isatty(STDERR_FILENO)),
        .never_stderr = user == LOGGING_SESSION,
        .facility = params.syslog_facility,
        .postlog_path = path.data,
        .has_ring = user == LOGGING_DAEMON,
        .hostname = hostname.data,
        /* While the suite is down a command writes to the file itself, where it may. */
        .fallback_file = user != LOGGING_DAEMON && strncmp(params.maillog_file, "/dev/", 5) != 0
                             ? params.maillog_file
                             : "",
        .opens_late = user == LOGGING_SUBMIT,
    };

    log_open(tag, &target);
}

void logging_open(const char *program, enum logging_user user)
{
    CLEANUP(buf_release) struct buf tag = BUF_INIT;

    buf_printf(&tag, "%s/%s", params.syslog_name, program);
    open_log(tag.data, user);
}

void logging_open_tagged(const char *tag, const char *program)
{
    if (tag)
        open_log(tag, LOGGING_CONTROL);
    else
        logging_open(program, LOGGING_CONTROL);
}

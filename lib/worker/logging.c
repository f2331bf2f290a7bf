#include "worker/logging.h"

#include "base/buf.h"
#include "base/log.h"
#include "conf/params.h"

void logging_open(const char *program, enum logging_user user)
{
    CLEANUP(buf_release) struct buf tag = BUF_INIT;
    CLEANUP(buf_release) struct buf path = BUF_INIT;

    buf_printf(&tag, "%s/%s", params.syslog_name, program);
    if (user == LOGGING_COMMAND)
        buf_printf(&path, "%s/", params.queue_directory);
    buf_printf(&path, "public/%s", params.postlog_service_name);
    const struct log_target target = {
        .sink = *params.maillog_file ? LOG_SINK_POSTLOG : LOG_SINK_SYSLOG,
        .stderr_too = user == LOGGING_COMMAND,
        .facility = params.syslog_facility,
        .postlog_path = path.data,
        .hostname = params.myhostname,
    };

    log_open(tag.data, &target);
}

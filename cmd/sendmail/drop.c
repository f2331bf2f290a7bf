/* Talking to postdrop. */
#include "drop.h"

#include <fcntl.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/program.h"
#include "conf/params.h"
#include "mail/postdrop_reply.h"
#include "mail/record.h"

#define WRITE_BYTES     65536
#define REPLY_MAX_BYTES 65536

static void start_postdrop(struct drop *drop, int input, int output)
{
    static const char *const words[] = {"postdrop", "-r", NULL};
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    struct error error;

    buf_printf(&path, "%s/postdrop", params.command_directory);
    if (program_start(path.data, words, (struct program_io){input, output}, &drop->pid,
                      &error) < 0)
        fatal(EX_TEMPFAIL, "%s", error.text);
}

void drop_start(struct drop *drop)
{
    int to[2], from[2];

    if (pipe2(to, O_CLOEXEC) < 0 || pipe2(from, O_CLOEXEC) < 0)
        fatal(EX_TEMPFAIL, "pipe: %m");
    *drop = (struct drop){.input = to[1], .output = from[0], .records = BUF_INIT};
    start_postdrop(drop, to[0], from[1]);
    (void)close(to[0]);
    (void)close(from[1]);
}

static void write_records(struct drop *drop)
{
    if (!drop->is_broken &&
        fd_write_all(drop->input, drop->records.data, drop->records.len) < 0)
        drop->is_broken = true;
    buf_reset(&drop->records);
}

void drop_put(struct drop *drop, char type, struct slice data)
{
    record_append(&drop->records, type, data);
    if (drop->records.len >= WRITE_BYTES)
        write_records(drop);
}

void drop_put_attribute(struct drop *drop, const char *name, const char *value)
{
    record_attribute(&drop->records, name, slice_from(value));
}

static const char *read_verdict(struct drop *drop)
{
    static struct buf reply; /* the reason lies in it */
    struct slice status, reason;
    struct error error;
    int64_t number;

    buf_init(&reply);
    if (fd_read_all(drop->output, &reply, REPLY_MAX_BYTES, &error) < 0) {
        log_warning("read reply of postdrop: %s", error.text);
        return "queue file write error";
    }
    status = postdrop_reply_find(buf_slice(&reply), "status");
    reason = postdrop_reply_find(buf_slice(&reply), "reason");
    if (!status.ptr || !slice_to_int(status, 0, INT32_MAX, &number))
        return "queue file write error"; /* it has told why by itself */
    if (number == POSTDROP_OK)
        return NULL;
    return reason.len ? slice_dup(reason) : postdrop_status_text(number);
}

const char *drop_finish(struct drop *drop)
{
    const char *reason;

    write_records(drop);
    fd_close(&drop->input);
    reason = read_verdict(drop);
    fd_close(&drop->output);
    if (program_wait(drop->pid) != 0 && !reason)
        return "queue file write error";
    buf_release(&drop->records);
    return reason;
}

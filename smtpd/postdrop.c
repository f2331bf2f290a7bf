/* Running the postdrop command. */
#include "postdrop.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/program.h"
#include "conf/params.h"
#include "mail/postdrop_reply.h"
#include "mail/record.h"

#define WRITE_BYTES     65536
#define REPLY_MAX_BYTES 65536

static int spawn(struct postdrop *postdrop, int input, int output, struct error *error)
{
    static const char *const words[] = {"postdrop", "-r", NULL};
    CLEANUP(buf_release) struct buf path = BUF_INIT;

    buf_printf(&path, "%s/postdrop", params.command_directory);
    return program_start(path.data, words, (struct program_io){input, output}, &postdrop->pid,
                         error);
}

/* The first list of the reply comes at once: up to its end, which is an empty name. */
static int read_queue_id(struct postdrop *postdrop, struct error *error)
{
    CLEANUP(buf_release) struct buf reply = BUF_INIT;
    struct slice queue_id;
    char c;

    while (reply.len < 2 || reply.data[reply.len - 1] || reply.data[reply.len - 2]) {
        if (reply.len >= REPLY_MAX_BYTES || fd_read_full(postdrop->output, &c, 1) != 1)
            return error_set(error, ERROR_TEMPORARY, "no queue ID from postdrop");
        buf_add_char(&reply, c);
    }
    queue_id = postdrop_reply_find(buf_slice(&reply), "queue_id");
    if (!queue_id_is_valid(queue_id) || queue_id.len >= sizeof(postdrop->queue_id))
        return error_set(error, ERROR_TEMPORARY, "bad queue ID from postdrop");
    memcpy(postdrop->queue_id, queue_id.ptr, queue_id.len);
    postdrop->queue_id[queue_id.len] = '\0';
    return 0;
}

int postdrop_open(struct postdrop *postdrop, struct error *error)
{
    int to[2], from[2];
    int result;

    *postdrop = (struct postdrop){.input = -1, .output = -1, .records = BUF_INIT};
    if (pipe2(to, O_CLOEXEC) < 0)
        return error_set(error, ERROR_TEMPORARY, "pipe: %m");
    if (pipe2(from, O_CLOEXEC) < 0) {
        fd_close(&to[0]);
        fd_close(&to[1]);
        return error_set(error, ERROR_TEMPORARY, "pipe: %m");
    }
    postdrop->input = to[1];
    postdrop->output = from[0];
    result = spawn(postdrop, to[0], from[1], error);
    fd_close(&to[0]);
    fd_close(&from[1]);
    if (result == 0)
        result = read_queue_id(postdrop, error);
    if (result < 0)
        postdrop_release(postdrop);
    return result;
}

static void write_records(struct postdrop *postdrop)
{
    /* It does not read any more: its verdict says why. */
    if (postdrop->input >= 0 &&
        fd_write_all(postdrop->input, postdrop->records.data, postdrop->records.len) < 0)
        fd_close(&postdrop->input);
    buf_reset(&postdrop->records);
}

void postdrop_put(struct postdrop *postdrop, char type, struct slice data)
{
    record_append(&postdrop->records, type, data);
    if (postdrop->records.len >= WRITE_BYTES)
        write_records(postdrop);
}

static int wait_for_end(struct postdrop *postdrop)
{
    int status = program_wait(postdrop->pid);

    postdrop->pid = 0;
    return status;
}

int postdrop_finish(struct postdrop *postdrop, unsigned *status, struct buf *reason,
                    struct error *error)
{
    CLEANUP(buf_release) struct buf reply = BUF_INIT;
    struct slice text;
    int64_t number;

    write_records(postdrop);
    fd_close(&postdrop->input);
    if (fd_read_all(postdrop->output, &reply, REPLY_MAX_BYTES, error) < 0)
        return -1;
    text = postdrop_reply_find(buf_slice(&reply), "status");
    if (wait_for_end(postdrop) != 0 || !text.ptr || !slice_to_int(text, 0, INT32_MAX, &number))
        return error_set(error, ERROR_TEMPORARY, "postdrop gave no verdict");
    *status = (unsigned)number;
    buf_set(reason, postdrop_reply_find(buf_slice(&reply), "reason"));
    return 0;
}

void postdrop_release(struct postdrop *postdrop)
{
    /* Without an end record postdrop removes what it has. */
    fd_close(&postdrop->input);
    fd_close(&postdrop->output);
    if (postdrop->pid > 0)
        (void)wait_for_end(postdrop);
    buf_release(&postdrop->records);
}

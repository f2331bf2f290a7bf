#include "reader.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "approved.h"
#include "base/bug.h"
#include "base/fd.h"
#include "base/log.h"
#include "co/co.h"
#include "ipc/channel.h"
#include "table/entry.h"

#define FILE_MAX_BYTES ((size_t)512 << 10)
#define ANSWER_TIME    SECONDS(30)

/* The reader's only descriptor besides the standard ones and the tables. */
static struct channel reader;

/* -- in the reader ----------------------------------------------------------------------- */

static void make_stamp(const struct stat *status, struct buf *stamp)
{
    buf_reset(stamp);
    buf_printf(stamp, "%ju.%ju.%jd.%jd.%09ld", (uintmax_t)status->st_dev,
               (uintmax_t)status->st_ino, (intmax_t)status->st_size,
               (intmax_t)status->st_mtim.tv_sec, status->st_mtim.tv_nsec);
}

static int read_new(struct slice path, struct slice seen, struct buf *stamp,
                    struct buf *contents, struct error *error)
{
    CLEANUP(buf_release) struct buf name = BUF_INIT;
    struct stat status;

    buf_add_slice(&name, path);
    /* Not to wait for the other end of a fifo. */
    CLEANUP(fd_close) int fd = open(name.data, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &status) < 0)
        return error_set(error, ERROR_PERMANENT, "open %s: %m", name.data);
    if (!S_ISREG(status.st_mode))
        return error_set(error, ERROR_PERMANENT, "%s: not a regular file", name.data);
    make_stamp(&status, stamp);
    if (slice_same(buf_slice(stamp), seen))
        return 0;
    if (fd_read_all(fd, contents, FILE_MAX_BYTES, error) < 0)
        return error_context(error, "%s", name.data);
    return 0;
}

static void answer(const struct tlskey_contents *reply)
{
    struct error error;

    if (channel_send(&reader, MESSAGE_tlskey_contents, reply, &error) < 0 ||
        channel_flush(&reader, &error) < 0)
        _exit(1);
}

static void answer_read(struct slice body)
{
    CLEANUP(buf_release) struct buf stamp = BUF_INIT;
    CLEANUP(buf_release) struct buf contents = BUF_SECRET_INIT;
    struct tlskey_contents reply = {.status = TLSKEY_BAD};
    struct tlskey_read request;
    struct error error = ERROR_INIT;

    if (message_decode(MESSAGE_tlskey_read, body, &request, &error) == 0) {
        if (!approved_file(request.path))
            error_set(&error, ERROR_PERMANENT, "%.*s is not in main.cf or master.cf",
                      SLICE_ARG(request.path));
        else if (read_new(request.path, request.stamp, &stamp, &contents, &error) == 0)
            reply.status =
                slice_same(buf_slice(&stamp), request.stamp) ? TLSKEY_SAME : TLSKEY_CHAINS;
    }
    reply.stamp = buf_slice(&stamp);
    reply.contents = buf_slice(&contents);
    reply.reason = slice_from(error.text);
    answer(&reply);
}

/* sni.example.com, .example.com, .com: as tls_server_sni_maps is documented. */
static enum table_result find_name(const struct tlskey_find *request, struct buf *value,
                                   struct error *error)
{
    struct slice name = request->name;

    for (;;) {
        enum table_result result = approved_find(request->maps, name, value, error);

        if (result != TABLE_NOT_FOUND)
            return result;
        name = slice_from_offset(name, slice_starts_with(name, "."));
        name = slice_from_offset(name, slice_find(name, '.'));
        if (name.len <= 1)
            return TABLE_NOT_FOUND;
    }
}

static void answer_find(struct slice body)
{
    CLEANUP(buf_release) struct buf value = BUF_SECRET_INIT;
    CLEANUP(buf_release) struct buf contents = BUF_SECRET_INIT;
    struct tlskey_contents reply = {.status = TLSKEY_BAD, .stamp = SLICE_EMPTY};
    struct tlskey_find request;
    struct error error = ERROR_INIT;

    if (message_decode(MESSAGE_tlskey_find, body, &request, &error) == 0) {
        switch (find_name(&request, &value, &error)) {
        case TABLE_FOUND:
            if (table_entry_decode(buf_slice(&value), &contents))
                reply.status = TLSKEY_CHAINS;
            else
                error_set(&error, ERROR_PERMANENT,
                          "%.*s: the value of %.*s is not in base64 form: use postmap -F",
                          SLICE_ARG(request.maps), SLICE_ARG(request.name));
            break;
        case TABLE_NOT_FOUND:
            reply.status = TLSKEY_NONE;
            break;
        case TABLE_ERROR:
            break;
        }
    }
    reply.contents = buf_slice(&contents);
    reply.reason = slice_from(error.text);
    answer(&reply);
}

static void serve(void)
{
    enum message_number number;
    struct slice body;
    struct error error;

    while (channel_receive(&reader, &number, &body, &error) == 0 && number != MESSAGE_NONE) {
        if (number == MESSAGE_tlskey_read)
            answer_read(body);
        else if (number == MESSAGE_tlskey_find)
            answer_find(body);
        else
            break;
    }
    _exit(0);
}

/*
 * Nothing of master's is kept open, so that nobody waits for us, and no log: what is wrong with
 * a table is said by tlskey when it is asked for.
 */
static void run(int fd)
{
    static const struct log_target nowhere = {.sink = LOG_SINK_STDERR};

    log_open("tlskey", &nowhere);
    if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        _exit(1);
    if (dup2(fd, 3) < 0 || close_range(4, ~0U, 0) < 0)
        _exit(1);
    approved_open();
    channel_init(&reader, 3);
    serve();
}

/* -- in tlskey --------------------------------------------------------------------------- */

void reader_start(void)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        fatal(1, "socketpair: %m");
    pid_t pid = fork();

    if (pid < 0)
        fatal(1, "fork: %m");
    if (pid == 0)
        run(pair[1]);
    fd_close(&pair[1]);
    channel_init(&reader, pair[0]);
}

/* One question at a time. */
static bool is_asked;
static struct co_queue askers;

/* False when we are to end: who waits then would wait without pause, and nobody else run. */
static bool begin_question(void)
{
    while (is_asked) {
        if (co_wait(&askers, DEADLINE_NONE) != WAKE_READY)
            return false;
    }
    is_asked = true;
    return true;
}

static enum tlskey_status take_answer(struct buf *stamp, struct buf *contents,
                                      struct error *error)
{
    struct tlskey_contents reply;

    if (channel_flush(&reader, error) < 0 ||
        channel_expect(&reader, MESSAGE_tlskey_contents, &reply, error) < 0)
        fatal(1, "the reader of key files does not answer: %s", error->text);
    if (reply.status == TLSKEY_BAD)
        error_set(error, ERROR_PERMANENT, "%.*s", SLICE_ARG(reply.reason));
    if (reply.status == TLSKEY_CHAINS) {
        if (stamp)
            buf_set(stamp, reply.stamp);
        buf_set(contents, reply.contents);
    }
    return (enum tlskey_status)reply.status;
}

static enum tlskey_status ask(enum message_number number, const void *request,
                              struct buf *stamp, struct buf *contents, struct error *error)
{
    if (!begin_question()) {
        (void)error_set(error, ERROR_TEMPORARY, "tlskey ends");
        return TLSKEY_BAD;
    }
    stream_set_deadline(&reader.stream, deadline_in(ANSWER_TIME));
    if (channel_send(&reader, number, request, error) < 0)
        fatal(1, "the reader of key files is gone: %s", error->text);
    enum tlskey_status status = take_answer(stamp, contents, error);

    is_asked = false;
    co_wake_one(&askers);
    return status;
}

enum tlskey_status reader_read(struct slice path, struct buf *stamp, struct buf *contents,
                               struct error *error)
{
    const struct tlskey_read request = {.path = path, .stamp = buf_slice(stamp)};

    return ask(MESSAGE_tlskey_read, &request, stamp, contents, error);
}

enum tlskey_status reader_find(struct slice maps, struct slice name, struct buf *contents,
                               struct error *error)
{
    const struct tlskey_find request = {.maps = maps, .name = name};

    return ask(MESSAGE_tlskey_find, &request, NULL, contents, error);
}

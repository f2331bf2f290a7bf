#include "explain.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sysexits.h>

#include "base/bug.h"
#include "base/trace.h"
#include "session.h"

enum { N_LINES = 4 };

/* What the client says: a line, and when that has its reply the next one. */
struct script {
    struct buf lines[N_LINES];
    size_t n_said;
    size_t offset;    /* of what is still to be said of the line at n_said */
    size_t n_replies; /* the greeting is one, too */
};

static ssize_t read_script(struct stream *stream, void *data, size_t len, unsigned *wait_for)
{
    struct script *script = stream->layer_data;
    const struct buf *line = &script->lines[script->n_said % N_LINES];

    *wait_for = EPOLLIN;
    if (script->n_replies <= script->n_said) {
        errno = EAGAIN;
        return -1;
    }
    if (script->n_said == N_LINES)
        return 0;
    if (script->offset == 0)
        trace_begin("%.*s", SLICE_ARG(slice_trim(buf_slice(line))));
    struct slice part = slice_sub(buf_slice(line), script->offset, len);

    memcpy(data, part.ptr, part.len);
    script->offset += part.len;
    if (script->offset == line->len) {
        script->n_said++;
        script->offset = 0;
    }
    return (ssize_t)part.len;
}

/* Several lines of a reply come in one piece. */
static ssize_t write_reply(struct stream *stream, const void *data, size_t len,
                           unsigned *wait_for)
{
    struct script *script = stream->layer_data;
    struct slice rest = slice_of(data, len), last = SLICE_EMPTY;

    *wait_for = EPOLLOUT;
    while (rest.len > 0)
        last = slice_trim(slice_split(&rest, '\n'));
    script->n_replies++;
    trace_end("%.*s", SLICE_ARG(last));
    return (ssize_t)len;
}

static void release_nothing(struct stream *stream)
{
    (void)stream;
}

static const struct stream_layer scripted = {
    .read = read_script, .write = write_reply, .release = release_nothing};

static void write_script(struct script *script, char *const words[])
{
    buf_printf(&script->lines[0], "EHLO %s\r\n", words[1]);
    buf_printf(&script->lines[1], "MAIL FROM:<%s>\r\n", words[2]);
    buf_printf(&script->lines[2], "RCPT TO:<%s>\r\n", words[3]);
    buf_printf(&script->lines[3], "QUIT\r\n");
}

int explain(int argc, char **argv)
{
    struct worker_client client = {.local = {.len = 0}};
    struct script script = {.lines = {BUF_INIT, BUF_INIT, BUF_INIT, BUF_INIT}};
    struct slice address = slice_from(argc > 1 ? argv[1] : "");
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (argc != 5)
        fatal(EX_USAGE, "need an address, a HELO name, a sender and a recipient");
    if (null < 0)
        fatal(EX_OSERR, "open /dev/null: %m");
    if (endpoint_parse(&client.peer, address, 0) < 0)
        fatal(EX_USAGE, "%s: not an IP address", argv[1]);
    write_script(&script, argv + 1);
    stream_init(&client.stream, null);
    stream_set_layer(&client.stream, &scripted, &script);
    trace_begin("connection from %s", argv[1]);
    session_run(&client);
    stream_release(&client.stream);
    for (size_t i = 0; i < N_LINES; i++)
        buf_release(&script.lines[i]);
    return 0;
}

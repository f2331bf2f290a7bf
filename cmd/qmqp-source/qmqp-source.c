/*
 * qmqp-source: send test messages by QMQP (http://cr.yp.to/proto/qmqp.html).
 */
#include <unistd.h>

#include "base/bug.h"
#include "base/log.h"
#include "load/source.h"
#include "net/netstring.h"

#define PATIENCE SECONDS(300)

enum {
    QMQP_PORT = 628,
    LENGTH_DEFAULT = 1024,
    LINE_MOST = 79,
    REPLY_MOST = 8192,
};

static struct load_source source;
static struct buf message; /* the same each time */

static void usage(void)
{
    fatal(1, "usage: qmqp-source [-46cv] [-C count] [-f from] [-l length] [-m messages] "
             "[-M myhostname] [-r recipients] [-R interval] [-s sessions] [-t to] "
             "[-w interval] host[:port]|unix:path");
}

/* Headers, then lines that become longer; cut off at the length that was asked for. */
static void make_message(void)
{
    size_t length = source.length > 0 ? (size_t)source.length : LENGTH_DEFAULT;

    buf_init(&message);
    buf_printf(&message, "From: <%s>\nTo: <%s>\nDate: %s\nMessage-Id: <%d@%s>\n\n",
               source.sender, source.recipient, time_rfc5322(time_wall_seconds()), getpid(),
               source.host_name);
    for (size_t n = 1; message.len < length; n++) {
        buf_add_repeated(&message, 'X', n < LINE_MOST ? n : LINE_MOST);
        buf_add_char(&message, '\n');
    }
    buf_truncate(&message, length - 1);
    buf_add_char(&message, '\n');
}

static void add_netstring(struct buf *request, struct slice text)
{
    buf_printf(request, "%zu:", text.len);
    buf_add_slice(request, text);
    buf_add_char(request, ',');
}

/* Who gets it, as netstrings. */
static void add_envelope(struct buf *envelope)
{
    CLEANUP(buf_release) struct buf recipient = BUF_INIT;

    add_netstring(envelope, slice_from(source.sender));
    for (int64_t i = 0; i < source.recipients; i++) {
        buf_reset(&recipient);
        if (source.recipients > 1)
            buf_printf(&recipient, "%lld", (long long)i);
        buf_add_text(&recipient, source.recipient);
        add_netstring(envelope, buf_slice(&recipient));
    }
}

static void send_request(struct stream *stream)
{
    CLEANUP(buf_release) struct buf content = BUF_INIT;
    CLEANUP(buf_release) struct buf envelope = BUF_INIT;

    add_netstring(&content, buf_slice(&message));
    add_envelope(&envelope);
    stream_set_deadline(stream, deadline_in(PATIENCE));
    if (stream_printf(stream, "%zu:", content.len + envelope.len) < 0 ||
        stream_write_slice(stream, buf_slice(&content)) < 0 ||
        stream_write_slice(stream, buf_slice(&envelope)) < 0 ||
        stream_write(stream, ",", 1) < 0 || stream_flush(stream) < 0)
        load_source_lost(stream, "sending message");
}

static void read_answer(struct stream *stream)
{
    CLEANUP(buf_release) struct buf answer = BUF_INIT;
    struct netstring_reader reader = {stream, PATIENCE, 0};
    enum netstring_result result = netstring_read(&reader, REPLY_MOST, &answer);
    const char *text = answer.len > 0 ? answer.data + 1 : "";

    if (result != NETSTRING_OK)
        fatal(1, "%s while receiving server reply", netstring_trouble(result));
    log_debug(1, "<<< %s", answer.data);
    switch (answer.data[0]) {
    case 'K':
        return;
    case 'Z':
        fatal(1, "recoverable error: %s", text);
    case 'D':
        fatal(1, "unrecoverable error: %s", text);
    default:
        fatal(1, "unknown error: %s", text);
    }
}

/* A message for each connection. */
static void run_session(void *load)
{
    for (bool is_first = true; load_source_next(load, is_first); is_first = false) {
        CLEANUP(stream_release) struct stream stream = {.fd = -1};

        load_source_connect(load, &stream, PATIENCE);
        send_request(&stream);
        read_answer(&stream);
        load_source_count(load);
    }
}

int main(int argc, char **argv)
{
    struct log_target terminal = {.sink = LOG_SINK_STDERR};
    int option;

    log_open("qmqp-source", &terminal);
    load_source_init(&source);
    while ((option = getopt(argc, argv, "+" LOAD_SOURCE_OPTIONS)) != -1) {
        if (!load_source_option(&source, option, optarg))
            usage();
    }
    if (argc - optind != 1)
        usage();
    load_source_begin(&source, argv[optind], QMQP_PORT);
    make_message();
    load_source_run(&source, run_session);
    return 0;
}

/*
 * qmqp-sink: a server that takes mail by QMQP and throws it away.
 */
#include <stdlib.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/log.h"
#include "load/sink.h"
#include "net/netstring.h"

#define PATIENCE SECONDS(100)

enum { SESSIONS_MOST = 10000, SECONDS_MOST = 1000 * 1000 };

static struct {
    struct load_sink load;
    bool shows_count;
    int64_t n_messages;
    int64_t seconds; /* until the end; 0: none */
    int family;
} sink = {.family = AF_UNSPEC};

static void usage(void)
{
    fatal(1, "usage: qmqp-sink [-46cv] [-x time] [host]:port|unix:path backlog");
}

/* What the packet holds is nobody's business. */
static enum netstring_result skip(struct netstring_reader *reader, int64_t length)
{
    while (length > 0) {
        struct slice available;
        stream_set_deadline(reader->stream, deadline_in(PATIENCE));
        if (stream_fill(reader->stream, &available) < 0)
            return reader->stream->state == STREAM_TIMEOUT ? NETSTRING_TIMEOUT : NETSTRING_LOST;
        if ((int64_t)available.len > length)
            available.len = (size_t)length;
        stream_consume(reader->stream, available.len);
        length -= (int64_t)available.len;
    }
    return netstring_read_end(reader);
}

static void count(void)
{
    sink.n_messages++;
    if (!sink.shows_count)
        return;
    printf("%lld\r", (long long)sink.n_messages);
    (void)fflush(stdout); /* nobody to tell */
}

static void serve(int fd, const struct endpoint *client)
{
    CLEANUP(stream_release) struct stream stream = {.fd = -1};
    struct netstring_reader reader = {&stream, PATIENCE, 0};
    int64_t length = 0;

    (void)client;
    stream_init_nonblocking(&stream, fd);
    enum netstring_result result = netstring_read_length(&reader, INT64_MAX, &length);
    log_debug(2, "netstring length %lld", (long long)length);
    if (result == NETSTRING_OK)
        result = skip(&reader, length);
    if (result != NETSTRING_OK) {
        log_warning("%s", netstring_trouble(result));
        return;
    }
    log_debug(2, "reply KOk");
    stream_set_deadline(&stream, deadline_in(PATIENCE));
    if (stream_write_slice(&stream, SLICE("3:KOk,")) < 0 || stream_flush(&stream) < 0)
        log_warning("%s", stream_trouble(&stream));
    count();
}

static void end_in_time(void *arg)
{
    (void)arg;
    (void)co_sleep_until(deadline_in(SECONDS(sink.seconds)));
    exit(0);
}

static void take(int option)
{
    switch (option) {
    case '4':
        sink.family = AF_INET;
        break;
    case '6':
        sink.family = AF_INET6;
        break;
    case 'c':
        sink.shows_count = true;
        break;
    case 'v':
        log_verbosity++;
        break;
    case 'x':
        if (!slice_to_int(slice_from(optarg), 1, SECONDS_MOST, &sink.seconds))
            usage();
        break;
    default:
        usage();
    }
}

int main(int argc, char **argv)
{
    struct log_target terminal = {.sink = LOG_SINK_STDERR};
    int option;

    log_open("qmqp-sink", &terminal);
    while ((option = getopt(argc, argv, "+46cvx:")) != -1)
        take(option);
    if (argc - optind != 2)
        usage();
    sink.load = (struct load_sink){.sessions_most = SESSIONS_MOST, .serve = serve};
    load_sink_listen(&sink.load, argv[optind], argv[optind + 1], sink.family);
    if (sink.seconds > 0 && !co_spawn("clock", end_in_time, NULL))
        fatal(1, "no memory");
    load_sink_run(&sink.load);
    return 0;
}

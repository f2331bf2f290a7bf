#include "load/source.h"

#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "co/co.h"
#include "mail/address.h"
#include "net/socket.h"

enum { NUMBER_MOST = 1000 * 1000 * 1000, SESSIONS_MOST = 10000, HOST_NAME_BYTES = 256 };

#define RETRY_PAUSE_MS 10

void load_source_init(struct load_source *source)
{
    *source = (struct load_source){
        .sessions = 1, .messages = 1, .recipients = 1, .tries = 1, .family = AF_UNSPEC};
}

static int64_t number(const char *text, int64_t min, int64_t max, const char *what)
{
    int64_t value;

    if (!slice_to_int(slice_from(text), min, max, &value))
        fatal(1, "bad %s: %s", what, text);
    return value;
}

static void take_pause(struct load_source *source, const char *text, bool is_random)
{
    if (source->pause_ms > 0 && source->pause_is_random != is_random)
        fatal(1, "do not use -w and -R options at the same time");
    source->pause_is_random = is_random;
    source->pause_ms =
        SECONDS(number(text, 0, NUMBER_MOST, is_random ? "random delay" : "fixed delay"));
}

static bool take_text(struct load_source *source, int option, const char *argument)
{
    switch (option) {
    case 'f':
        source->sender = argument;
        return true;
    case 'M':
        if (!hostname_is_valid_or_literal(slice_from(argument)))
            fatal(1, "bad hostname: %s", argument);
        source->host_name = argument;
        return true;
    case 't':
        source->recipient = argument;
        return true;
    default:
        return false;
    }
}

static bool take_number(struct load_source *source, int option, const char *argument)
{
    switch (option) {
    case 'C':
        source->tries = number(argument, 1, NUMBER_MOST, "connection count");
        return true;
    case 'l':
        source->length = number(argument, 1, NUMBER_MOST, "message length");
        return true;
    case 'm':
        source->messages = number(argument, 1, NUMBER_MOST, "message count");
        return true;
    case 'r':
        source->recipients = number(argument, 1, NUMBER_MOST, "recipient count");
        return true;
    case 'R':
    case 'w':
        take_pause(source, argument, option == 'R');
        return true;
    case 's':
        source->sessions = number(argument, 1, SESSIONS_MOST, "session count");
        return true;
    default:
        return take_text(source, option, argument);
    }
}

bool load_source_option(struct load_source *source, int option, const char *argument)
{
    switch (option) {
    case '4':
        source->family = AF_INET;
        return true;
    case '6':
        source->family = AF_INET6;
        return true;
    case 'c':
        source->shows_count = true;
        return true;
    case 'v':
        log_verbosity++;
        return true;
    default:
        return take_number(source, option, argument);
    }
}

/* The addresses that nobody gave are those of the machine. They stay until the program ends. */
static void name_people(struct load_source *source)
{
    static char own_name[HOST_NAME_BYTES];
    static struct buf somebody;

    if (!source->host_name) {
        if (gethostname(own_name, sizeof(own_name) - 1) < 0)
            fatal(1, "gethostname: %m");
        source->host_name = own_name;
    }
    buf_init(&somebody);
    buf_printf(&somebody, "foo@%s", source->host_name);
    if (!source->sender)
        source->sender = somebody.data;
    if (!source->recipient)
        source->recipient = somebody.data;
}

void load_source_begin(struct load_source *source, const char *text, uint16_t default_port)
{
    struct error error;

    if (place_of_server(&source->server, text, default_port, source->family, &error) < 0)
        fatal(1, "%s", error.text);
    name_people(source);
}

void load_source_run(struct load_source *source, void (*session)(void *source))
{
    source->n_left = source->messages;
    fd_raise_limit();
    for (int64_t i = 0; i < source->sessions && i < source->messages; i++) {
        if (!co_spawn("session", session, source))
            fatal(1, "no memory for %lld sessions", (long long)source->sessions);
    }
    co_run();
    if (source->shows_count)
        printf("\n");
    if (fflush(stdout) != 0)
        fatal(1, "write to standard output: %m");
}

static int64_t pause_of(const struct load_source *source)
{
    uint64_t dice = 0;

    if (!source->pause_is_random)
        return source->pause_ms;
    if (getrandom(&dice, sizeof(dice), 0) < 0)
        fatal(1, "getrandom: %m");
    return (int64_t)(dice % (uint64_t)(source->pause_ms + 1));
}

bool load_source_next(struct load_source *source, bool is_first)
{
    if (source->n_left == 0)
        return false;
    source->n_left--; /* before the pause: it is ours now */
    if (!is_first && source->pause_ms > 0)
        (void)co_sleep_until(deadline_in(pause_of(source)));
    return true;
}

void load_source_connect(struct load_source *source, struct stream *stream, int64_t timeout_ms)
{
    struct error error;
    int fd;

    for (int64_t i = 1;
         (fd = place_connect(&source->server, deadline_in(timeout_ms), &error)) < 0; i++) {
        if (i == source->tries)
            fatal(1, "connect: %s", error.text);
        log_warning("connect: %s", error.text);
        (void)co_sleep_until(deadline_in(RETRY_PAUSE_MS));
    }
    stream_init_nonblocking(stream, fd);
}

void load_source_count(struct load_source *source)
{
    source->n_done++;
    if (!source->shows_count)
        return;
    printf("%lld\r", (long long)source->n_done);
    (void)fflush(stdout); /* what fails now fails at the end, too */
}

void load_source_lost(const struct stream *stream, const char *what)
{
    fatal(1, "%s while %s", stream->state == STREAM_TIMEOUT ? "timeout" : "lost connection",
          what);
}

#include "load/sink.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/socket.h"

#define RETRY_PAUSE SECONDS(1)

struct listener {
    struct load_sink *sink;
    int fd;
};

struct client {
    struct load_sink *sink;
    struct endpoint endpoint;
    int fd;
};

void load_sink_listen(struct load_sink *sink, const char *text, const char *backlog, int family)
{
    struct place place;
    struct error error;
    int64_t length;

    if (!slice_to_int(slice_from(backlog), 1, INT32_MAX, &length))
        fatal(1, "bad backlog: %s", backlog);
    if (place_of_listener(&place, text, family, &error) < 0)
        fatal(1, "%s", error.text);
    sink->n_listeners = place_listen(&place, (int)length, sink->listeners, &error);
    if (sink->n_listeners < 0)
        fatal(1, "%s", error.text);
}

static void serve(void *arg)
{
    struct client *client = arg;
    struct load_sink *sink = client->sink;

    sink->serve(client->fd, &client->endpoint);
    mem_free(client);
    sink->n_sessions--;
    co_wake_one(&sink->ended);
}

static void begin(struct load_sink *sink, int fd, const struct endpoint *endpoint)
{
    struct client *client = mem_new(struct client);

    *client = (struct client){sink, *endpoint, fd};
    sink->n_sessions++;
    if (co_spawn("client", serve, client))
        return;
    log_warning("no memory for another session");
    sink->n_sessions--;
    mem_free(client);
    co_close_fd(fd);
}

static void accept_clients(void *arg)
{
    struct listener *listener = arg;
    struct load_sink *sink = listener->sink;
    struct endpoint client;
    struct error error;

    for (;;) {
        while (sink->n_sessions >= sink->sessions_most)
            (void)co_wait(&sink->ended, DEADLINE_NONE);
        int fd = socket_accept(listener->fd, &client, DEADLINE_NONE, &error);
        if (fd >= 0) {
            begin(sink, fd, &client);
            continue;
        }
        log_warning("%s", error.text);
        (void)co_sleep_until(deadline_in(RETRY_PAUSE));
    }
}

void load_sink_run(struct load_sink *sink)
{
    struct listener listeners[PLACE_ENDPOINTS_MOST];

    fd_raise_limit();
    for (int i = 0; i < sink->n_listeners; i++) {
        listeners[i] = (struct listener){sink, sink->listeners[i]};
        if (!co_spawn("listener", accept_clients, &listeners[i]))
            fatal(1, "no memory");
    }
    co_run();
}

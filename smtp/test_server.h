/*
 * A server for the unit tests of smtp: says its lines in order, and notes what it is told.
 */
#pragma once

#include <stdlib.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/fd.h"
#include "base/test.h"
#include "co/co.h"
#include "conf/conf.h"
#include "destination.h"
#include "net/socket.h"
#include "net/stream.h"
#include "options.h"

struct test_server {
    char directory[32];
    char path[48];
    int listener;
    const char *const *replies; /* NULL-terminated; afterwards it closes */
    struct buf heard;           /* lines, each ending with LF */
    struct host host;
};

static inline void test_server_open(struct test_server *server)
{
    struct error error;

    *server = (struct test_server){.directory = "/tmp/smtp_test.XXXXXX"};
    buf_init(&server->heard);
    assert_non_null(mkdtemp(server->directory));
    (void)snprintf(server->path, sizeof(server->path), "%s/s", server->directory);
    server->listener = socket_listen_unix(server->path, 5, 0600, &error);
    assert_true(server->listener >= 0);
    server->host =
        (struct host){.name = SLICE("mx.test"), .unix_path = slice_from(server->path)};
}

static inline void test_server_close(struct test_server *server)
{
    fd_close(&server->listener);
    buf_release(&server->heard);
    (void)unlink(server->path);
    (void)rmdir(server->directory);
}

/* One line, or up to the final dot. False: the client has gone. */
static inline bool test_server_hear(struct test_server *server, struct stream *stream,
                                    bool is_message)
{
    enum { LINE_MOST = 100000 };
    struct slice line;

    while (stream_read_line(stream, &line, LINE_MOST) == LINE_OK) {
        buf_add_slice(&server->heard, line);
        buf_add_char(&server->heard, '\n');
        if (!is_message || slice_equals(line, ".\r"))
            return true;
    }
    return false;
}

/* To be run as a coroutine: serves one connection. */
static inline void test_server_serve(void *arg)
{
    struct test_server *server = arg;
    CLEANUP(stream_release) struct stream stream = {.fd = -1};
    struct endpoint peer;
    struct error error;
    bool is_message = false;

    int fd = socket_accept(server->listener, &peer, deadline_in(SECONDS(20)), &error);
    assert_true(fd >= 0);
    stream_init(&stream, fd);
    stream_set_deadline(&stream, deadline_in(SECONDS(20)));
    for (const char *const *reply = server->replies; *reply; reply++) {
        if (reply != server->replies && !test_server_hear(server, &stream, is_message))
            return;
        is_message = slice_starts_with(slice_from(*reply), "354");
        if (stream_write_slice(&stream, slice_from(*reply)) < 0 || stream_flush(&stream) < 0)
            return;
    }
    if (!stream_has_input(&stream) && stream.state == STREAM_OK)
        return;
    while (test_server_hear(server, &stream, false))
        ;
}

/* Run the client beside a server that answers so. */
static inline void test_server_run(struct test_server *server, const char *const *replies,
                                   co_fn *client, void *arg)
{
    buf_reset(&server->heard);
    server->replies = replies;
    bug_if(!co_spawn("server", test_server_serve, server));
    bug_if(!co_spawn("client", client, arg));
    co_run();
}

/* Defaults, as program smtp would have them. */
static inline void test_options(bool is_lmtp)
{
    struct error error;

    assert_int_equal(conf_load(NULL, &error), 0);
    options_load(is_lmtp);
    options.helo_name = "client.test";
    options.helo_timeout = options.quit_timeout = SECONDS(10);
}

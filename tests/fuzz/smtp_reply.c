/*
 * What a server says: all of it is there before the client starts, from the greeting on. A
 * reply is read for each command until the bytes are used up.
 */
// links: smtp/
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../smtp/options.h"
#include "../../smtp/session.h"
#include "../../smtp/tls_policy.h"
#include "base/bug.h"
#include "base/fd.h"
#include "co/co.h"
#include "conf/conf.h"
#include "net/socket.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

enum { INPUT_MOST = 60000, REPLIES_MOST = 100 };

static char directory[] = "/tmp/fuzz_smtp_reply.XXXXXX";
static char path[sizeof(directory) + 4];
static int listener = -1;
static struct slice input;

static void remove_socket(void)
{
    (void)unlink(path);
    (void)rmdir(directory);
}

static void start(void)
{
    struct error error;

    bug_if(conf_load(NULL, &error) < 0);
    options_load(false);
    bug_if(!mkdtemp(directory));
    (void)snprintf(path, sizeof(path), "%s/s", directory);
    listener = socket_listen_unix(path, 5, 0600, &error);
    bug_if(listener < 0);
    (void)atexit(remove_socket);
}

static void serve(void *arg)
{
    CLEANUP(stream_release) struct stream stream = {.fd = -1};
    struct endpoint peer;
    struct error error;

    (void)arg;
    int fd = socket_accept(listener, &peer, deadline_in(SECONDS(10)), &error);
    bug_if(fd < 0);
    stream_init(&stream, fd);
    stream_set_deadline(&stream, deadline_in(SECONDS(10)));
    if (stream_write_slice(&stream, input) < 0 || stream_flush(&stream) < 0)
        return;
    (void)shutdown(fd, SHUT_WR);
    struct slice said;
    while (stream_fill(&stream, &said) == 0)
        stream_consume(&stream, said.len);
}

static char status_class(const struct session *session)
{
    int class_digit = session->code / 100;

    return class_digit == 2 || class_digit == 4 ? (char)('0' + class_digit) : '5';
}

static void check_reply(const struct session *session, enum step step)
{
    bug_if(session->code < 1 || session->code > 999);
    bug_if((step == STEP_OK) != (session->code / 100 == 2));
    bug_if(session->status[0] != status_class(session));
    /* It goes to the log and into reports: one line, without control bytes. */
    for (size_t i = 0; i < session->reply.len; i++)
        bug_if((unsigned char)session->reply.data[i] < ' ');
}

static void converse(void *arg)
{
    const struct host host = {.name = SLICE("mx.test"), .unix_path = slice_from(path)};
    const struct tls_policy policy = {.level = TLS_LEVEL_NONE, .wanted = TLS_LEVEL_NONE};
    struct arena arena = ARENA_INIT;
    struct opening opening = {
        .host = &host, .policy = &policy, .nexthop = SLICE("mx.test"), .arena = &arena};
    struct dsn dsn = {.reason = SLICE_EMPTY};
    enum step step;

    (void)arg;
    struct session *session = session_open(&opening);
    bug_if(!session && (opening.dsn.reason.len == 0 || opening.dsn.status[0] == '\0'));
    for (int i = 0; session && i < REPLIES_MOST; i++) {
        session_command(session, "NOOP");
        step = session_reply(session, SECONDS(10));
        if (step == STEP_BROKEN)
            break;
        check_reply(session, step);
        if (step == STEP_REFUSED)
            session_refused(session, "NOOP", &arena, &dsn);
    }
    if (session)
        session_free(session);
    arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    if (listener < 0)
        start();
    if (size > INPUT_MOST)
        return 0;
    input = slice_of(data, size);
    bug_if(!co_spawn("server", serve, NULL));
    bug_if(!co_spawn("client", converse, NULL));
    co_run();
    return 0;
}

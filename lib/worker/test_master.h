/*
 * A worker in a child process, with the test in the place of master.
 */
#pragma once

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "conf/test.h"
#include "net/socket.h"
#include "worker/control.h"
#include "worker/scoreboard.h"
#include "worker/worker.h"

#define SOCKET   "socket"
#define PATIENCE SECONDS(5)
#define FD_SPARE 100
#define ROW      0

/* -- master -- */

static struct {
    pid_t worker;
    int control, listener;
    struct scoreboard *scoreboard;
} master;

static inline int config_file(void)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    int fd = memfd_create("main.cf", 0);

    main_cf_serialize(conf_main_cf(), &text);
    assert_int_equal(fd_write_all(fd, text.data, text.len), 0);
    return fd;
}

static inline void put(int fd, int place)
{
    assert_int_equal(dup2(fd, place), place);
}

static inline NORETURN void run_worker(const struct worker *worker, const char *limit,
                                       const int *fds, int n_fds)
{
    static char limit_text[16];
    char *words[] = {(char[]){"test"}, (char[]){"-n"}, (char[]){"test"}, (char[]){"-t"},
                     (char[]){"unix"}, (char[]){"-s"}, (char[]){"1"},    (char[]){"-i"},
                     (char[]){"0"},    (char[]){"-l"}, limit_text,       NULL};

    (void)snprintf(limit_text, sizeof(limit_text), "%s", limit);
    for (int i = 0; i < n_fds; i++)
        put(fds[i], FD_SPARE + i);
    for (int i = 0; i < n_fds; i++)
        put(FD_SPARE + i, WORKER_FD_CONFIG + i);
    for (int fd = WORKER_FD_LISTEN + 1; fd < FD_SPARE + n_fds; fd++)
        close(fd);
    exit(worker_main(worker, (int)ARRAY_SIZE(words) - 1, words));
}

/* Start it and wait for its hello; n_max is what that says. */
static inline void start(const struct worker *worker, const char *limit, uint32_t n_max)
{
    struct control_message hello;
    int pair[2];

    master.listener = socket_listen_unix(SOCKET, 10, 0666, NULL);
    assert_true(master.listener >= 0);
    int board = scoreboard_create(&master.scoreboard, NULL);

    atomic_store(&master.scoreboard->n_rows, 1);
    atomic_store(&master.scoreboard->rows[ROW].state, SCOREBOARD_STARTING);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    const int fds[] = {config_file(), pair[1], board, eventfd(0, EFD_NONBLOCK),
                       master.listener};

    master.worker = fork();
    if (master.worker == 0) {
        close(pair[0]);
        run_worker(worker, limit, fds, ARRAY_SIZE(fds));
    }
    for (size_t i = 0; i < ARRAY_SIZE(fds) - 1; i++)
        close(fds[i]);
    master.control = pair[0];
    assert_int_equal(recv(master.control, &hello, sizeof(hello), 0), sizeof(hello));
    assert_int_equal(hello.word, CONTROL_HELLO);
    assert_int_equal(hello.n_max, n_max);
}

static inline void expect_look(void)
{
    struct control_message message;

    assert_int_equal(recv(master.control, &message, sizeof(message), 0), sizeof(message));
    assert_int_equal(message.word, CONTROL_LOOK);
}

static inline void drain(void)
{
    const struct control_message message = {.word = CONTROL_DRAIN};

    assert_int_equal(send(master.control, &message, sizeof(message), 0), sizeof(message));
}

static inline void expect_end(void)
{
    int status = -1;

    assert_int_equal(waitpid(master.worker, &status, 0), master.worker);
    master.worker = 0;
    assert_int_equal(status, 0);
    assert_int_equal(atomic_load(&master.scoreboard->rows[ROW].busy), 0);
    close(master.control);
    close(master.listener);
    scoreboard_unmap(master.scoreboard);
}

static inline void end(void)
{
    drain();
    expect_end();
}

/* -- clients that send requests -- */

static inline struct channel connect_channel(void)
{
    struct channel channel;

    channel_init(&channel, socket_connect_unix(SOCKET, deadline_in(PATIENCE), NULL));
    stream_set_deadline(&channel.stream, deadline_in(PATIENCE));
    return channel;
}

static inline void ask(struct channel *channel, const char *text)
{
    const struct rewrite_request request = {.context = SLICE(""), .address = slice_from(text)};

    assert_int_equal(channel_send(channel, MESSAGE_rewrite_request, &request, NULL), 0);
    assert_int_equal(channel_flush(channel, NULL), 0);
}

static inline void expect_answer(struct channel *channel, const char *text)
{
    struct rewrite_reply reply;

    assert_int_equal(channel_expect(channel, MESSAGE_rewrite_reply, &reply, NULL), 0);
    assert_slice_equal(reply.address, text);
}

static inline void expect_goodbye(struct channel *channel)
{
    struct rewrite_reply reply;

    assert_int_equal(channel_expect(channel, MESSAGE_rewrite_reply, &reply, NULL), -1);
    assert_true(channel->said_goodbye);
    channel_release(channel);
}

/* For a group's set-up. */
static inline int configure(void **state)
{
    static char path[] = "/tmp/worker_test.XXXXXX";
    const char text[] = "mail_owner = nobody\nmax_use = 3\nsyslog_name = test\n";

    (void)state;
    if (!mkdtemp(path) || chmod(path, 0755) < 0 || chdir(path) < 0)
        return -1;
    return test_load_text(text, NULL);
}

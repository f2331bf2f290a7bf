/*
 * For the tests of this folder: what the coroutines of a test did, in order, as one text.
 */
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/test.h"
#include "co/co.h"

static struct buf diary;

static inline int diary_begin(void **state)
{
    (void)state;
    buf_init(&diary);
    return 0;
}

static inline int diary_end(void **state)
{
    (void)state;
    buf_release(&diary);
    return 0;
}

static inline void note(const char *text)
{
    buf_printf(&diary, "%s%s", diary.len ? " " : "", text);
}

static inline void note_wake(enum wake wake)
{
    note(wake == WAKE_READY ? "ready" : wake == WAKE_TIMEOUT ? "timeout" : "cancelled");
}

#define assert_diary(expected) assert_string_equal(diary.data, (expected))

#define TEST(name) cmocka_unit_test_setup_teardown(name, diary_begin, diary_end)

static inline struct co *spawn(const char *name, co_fn *run, void *arg)
{
    struct co *co = co_spawn(name, run, arg);

    assert_non_null(co);
    return co;
}

static inline void make_pair(int pair[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
                     0);
}

static inline void close_fd(int fd)
{
    co_forget_fd(fd);
    assert_int_equal(close(fd), 0);
}

static inline void write_byte(void *arg)
{
    assert_int_equal(write(*(int *)arg, "x", 1), 1);
}

struct cancellation {
    struct co *victim;
};

static inline void cancel(void *arg)
{
    co_cancel(((struct cancellation *)arg)->victim);
    note("|");
}

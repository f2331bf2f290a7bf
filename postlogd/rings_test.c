/* Whose rings are kept, and for how long. */
#include "rings.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"

static struct buf texts = {.data = buf_nothing}, lines = {.data = buf_nothing};

static struct log_ring make_ring(void)
{
    struct log_ring ring;

    assert_int_equal(log_ring_create(&ring), 0);
    return ring;
}

static void ring_bell(const struct log_ring *ring, pid_t sender)
{
    int fd = fcntl(ring->fd, F_DUPFD_CLOEXEC, 0);

    assert_true(fd >= 0);
    rings_add(fd, sender);
}

static void say(struct log_ring *ring, const char *line)
{
    assert_true(log_ring_add(ring, line, strlen(line)));
}

/* What is found now is what is said here. */
static void expect(const char *found)
{
    buf_reset(&texts);
    buf_reset(&lines);
    (void)rings_look(&texts, &lines);
    assert_slice_equal(buf_slice(&texts), found);
    rings_take();
}

static pid_t ended_process(void)
{
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0)
        _exit(0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    return child;
}

static void test_one_ring_a_process(void)
{
    struct log_ring first = make_ring(), second = make_ring();

    say(&first, "a");
    ring_bell(&first, getpid());
    say(&second, "b");
    ring_bell(&second, getpid());
    expect("ab"); /* what was written before is not lost */
    say(&first, "c");
    say(&second, "d");
    expect("d");
    ring_bell(&second, getpid()); /* another bell is no other ring */
    say(&second, "e");
    expect("e");
    log_ring_release(&first);
    log_ring_release(&second);
}

/* The ring says that we made it, and we live; the kernel says who handed it over. */
static void test_sender_is_the_owner(void)
{
    struct log_ring ring = make_ring();

    say(&ring, "a");
    ring_bell(&ring, ended_process());
    expect("a");
    say(&ring, "b");
    expect("");
    ring_bell(&ring, 0); /* nobody knows: the ring is believed */
    expect("b");
    say(&ring, "c");
    expect("c");
    log_ring_release(&ring);
}

static void run(void *arg)
{
    (void)arg;
    test_one_ring_a_process();
    test_sender_is_the_owner();
    rings_finish();
}

static void test_rings(void **state)
{
    (void)state;
    assert_non_null(co_spawn("test", run, NULL));
    co_run();
    buf_release(&texts);
    buf_release(&lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

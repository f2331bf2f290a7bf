#include "base/trace.h"

#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/test.h"

static void test_lines(void **state)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    int fds[2];

    (void)state;
    trace_step("nobody listens");
    assert_int_equal(pipe(fds), 0);
    trace_open(fds[1]);
    trace_begin("one");
    trace_end("line");
    trace_begin("list");
    trace_begin("first");
    trace_step("part %d\n", 1);
    trace_end("nothing");
    trace_begin("second");
    trace_end("%s", "found");
    trace_end("found");
    trace_step("end");
    close(fds[1]);
    assert_int_equal(fd_read_all(fds[0], &text, 1000, NULL), 0);
    assert_string_equal(text.data, "one: line\n"
                                   "list:\n"
                                   "  first:\n"
                                   "    part 1?\n"
                                   "    => nothing\n"
                                   "  second: found\n"
                                   "  => found\n"
                                   "end\n");
    close(fds[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lines)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

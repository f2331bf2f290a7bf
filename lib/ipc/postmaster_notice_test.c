#include "ipc/postmaster_notice.h"

#include "base/test.h"

static void test_transcripts_have_a_line_for_each(void **state)
{
    CLEANUP(buf_release) struct buf transcript = BUF_INIT;

    (void)state;
    transcript_add_received(&transcript, SLICE("EHLO client"));
    transcript_add_sent(&transcript, SLICE("250-here\r\n250 SIZE\r\n"));
    transcript_add_received(&transcript, SLICE(""));
    transcript_add_sent(&transcript, SLICE("500 what\n"));
    assert_string_equal(transcript.data, " In:  EHLO client\n Out: 250-here\n Out: 250 SIZE\n"
                                         " In:  \n Out: 500 what\n");
}

static void test_transcripts_end_somewhere(void **state)
{
    CLEANUP(buf_release) struct buf transcript = BUF_INIT;

    (void)state;
    for (int i = 0; i < 100000; i++)
        transcript_add_received(&transcript, SLICE("NOOP\r\n NOOP\r\nNOOP"));
    assert_in_range(transcript.len, 32 << 10, (32 << 10) + 20);
}

static void test_passwords_are_left_out(void **state)
{
    static const struct {
        const char *line, *shown;
    } lines[] = {
        {"AUTH PLAIN AGEAYg==", "AUTH PLAIN"},
        {"auth login dXNlcg==", "auth login"},
        {"AUTH LOGIN", "AUTH LOGIN"},
        {"AUTH", "AUTH"},
        {"MAIL FROM:<a> b c", "MAIL FROM:<a> b c"},
        {"", ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        struct slice shown = transcript_without_secret(slice_from(lines[i].line));
        assert_true(slice_equals(slice_trim_right(shown), lines[i].shown));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transcripts_have_a_line_for_each),
        cmocka_unit_test(test_transcripts_end_somewhere),
        cmocka_unit_test(test_passwords_are_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

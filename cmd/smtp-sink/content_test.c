#include "content.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/test.h"

static const struct {
    const char *name, *input, *text;
    size_t taken; /* 0: all of it, and the text goes on */
} cases[] = {
    {"nothing", ".\r\n", "", 3},
    {"a line", "a\r\n.\r\nQUIT", "a\n", 6},
    {"dots", "..\r\n..a\r\n.b\r\n. \r\n.\r\n", ".\n.a\nb\n \n", 20},
    {"empty lines", "\r\n\r\n.\r\n", "\n\n", 7},
    {"CR within a line", "a\rb\r\r\n.\r\n", "ab\n", 9},
    {"LF is no end of line", "a\n.\n.\r\nb\n.\r\n", "a\n.\n.\nb\n.\n", 0},
    {"dot and CR", ".\rx\r\n.\r\r\n.\r\n", "x\n\n", 12},
    {"unfinished", "a\r\n.", "a\n", 0},
};

/* Cut into pieces of that many bytes. */
static size_t take_pieces(struct content *content, struct slice input, size_t piece)
{
    size_t taken = 0;

    while (taken < input.len) {
        size_t count = content_take(content, slice_sub(input, taken, piece));
        if (count == 0)
            break;
        taken += count;
    }
    return taken;
}

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct slice input = slice_from(cases[i].input);

        test_case(cases[i].name);
        for (size_t piece = 1; piece <= input.len; piece++) {
            char *text = NULL;
            size_t len = 0;
            struct content content = {.copy = open_memstream(&text, &len)};

            assert_non_null(content.copy);
            assert_int_equal(take_pieces(&content, input, piece),
                             cases[i].taken ? cases[i].taken : input.len);
            assert_int_equal(content.state == CONTENT_ENDED, cases[i].taken > 0);
            assert_int_equal(fclose(content.copy), 0);
            assert_string_equal(text, cases[i].text);
            free(text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "content.h"

#include "base/test.h"
#include "mail/record.h"

/* Records as text: a line ends in "$", a part of a line in "~". */
static void add_record(void *arg, char type, struct slice data)
{
    buf_add_slice(arg, data);
    buf_add_char(arg, type == RECORD_LINE ? '$' : '~');
}

enum mode { DATA_STANDARD, DATA_LOOSE, BDAT };

static const struct {
    const char *name;
    enum mode mode;
    struct slice input;
    const char *records;
    size_t after; /* bytes behind the end; for BDAT: none */
} cases[] = {
    {"empty", DATA_STANDARD, SLICE(".\r\n"), "", 0},
    {"empty line", DATA_STANDARD, SLICE("\r\n.\r\n"), "$", 0},
    {"one line and what follows", DATA_STANDARD, SLICE("a: b\r\n.\r\nQUIT\r\n"), "a: b$", 6},
    {"dots", DATA_STANDARD, SLICE("..\r\n..x\r\n.y\r\nz.\r\n.\r\n"), ".$.x$y$z.$", 0},
    {"bare LF lines", DATA_STANDARD, SLICE("a\nb\n\r\n.\r\n"), "a$b$$", 0},
    {"LF . LF does not end", DATA_STANDARD, SLICE("a\n.\nb\r\n.\r\n"), "a$b$", 0},
    {"LF . CRLF does not end", DATA_STANDARD, SLICE("a\n.\r\nb\r\n.\r\n"), "a$b$", 0},
    {"CRLF . LF does not end", DATA_STANDARD, SLICE("a\r\n.\nb\r\n.\r\n"), "a$b$", 0},
    {"LF . CR does not end", DATA_STANDARD, SLICE("a\n.\rb\r\n.\r\n"), "a$\rb$", 0},
    {"CR . CR does not end", DATA_STANDARD, SLICE("a\r.\rb\r\n.\r\n"), "a\r.\rb$", 0},
    {"CR . CRLF does not end", DATA_STANDARD, SLICE("a\r.\r\nb\r\n.\r\n"), "a\r.$b$", 0},
    {"CRLF . CR CRLF does not end", DATA_STANDARD, SLICE("a\r\n.\r\r\nb\r\n.\r\n"), "a$b$", 0},
    {"CRLF . CR CRLF ends where it may", DATA_LOOSE, SLICE("a\r\n.\r\r\nb"), "a$", 1},
    {"CRs before the end of a line", DATA_STANDARD,
     SLICE("a\r\r\nb\r\r\r\n\r\r\nc\rd\r\n.\r\n"), "a$b$$c\rd$", 0},
    {"CRs around a full record", DATA_STANDARD, SLICE("1234567\r\r\n.\r\n"), "1234567\r$", 0},
    {"CRs behind a full record", DATA_STANDARD, SLICE("12345678\r\r\n.\r\n"), "12345678~$", 0},
    {"LF . LF ends where it may", DATA_LOOSE, SLICE("a\n.\nb"), "a$", 1},
    {"CRLF . LF ends where it may", DATA_LOOSE, SLICE("a\r\n.\nb"), "a$", 1},
    {"exactly the limit", DATA_STANDARD, SLICE("12345678\r\n.\r\n"), "12345678$", 0},
    {"one more", DATA_STANDARD, SLICE("123456789\r\n.\r\n"), "12345678~9$", 0},
    {"twice the limit", DATA_STANDARD, SLICE("1234567812345678\r\n.\r\n"), "12345678~12345678$",
     0},
    {"a dot behind a part is no dot", DATA_STANDARD, SLICE("12345678.\r\n.\r\n"), "12345678~.$",
     0},
    {"mailbox line", DATA_STANDARD, SLICE("From x\r\n>From y\r\na: b\r\n.\r\n"),
     "X-Mailbox-Line: ~From x$X-Mailbox-Line: ~>From y$a: b$", 0},
    {"mailbox line longer than a record", DATA_STANDARD, SLICE(">>>>>>From x\r\n.\r\n"),
     ">>>>>>Fr~om x$", 0},
    {"no header at all", DATA_STANDARD, SLICE(" x\r\nFrom y\r\n.\r\n"), "$ x$From y$", 0},
    {"NUL passes", DATA_STANDARD, SLICE("a\0b\r\n.\r\n"), "a\0b$", 0},
    {"BDAT keeps dots", BDAT, SLICE(".\r\n..\r\n"), ".$..$", 0},
    {"BDAT without last line end", BDAT, SLICE("a\r\nb"), "a$b$", 0},
    {"BDAT bare LF", BDAT, SLICE("a\n\nb\n"), "a$$b$", 0},
    {"BDAT of nothing", BDAT, SLICE(""), "", 0},
    {"BDAT endless line", BDAT, SLICE("1234567890123456789"), "12345678~90123456~789$", 0},
};

static void start(struct content *content, enum mode mode, struct buf *records)
{
    content_init(content, add_record, records, 8, 0);
    content->is_dotted = mode != BDAT;
    content->standard_end = mode == DATA_STANDARD;
}

/* However the bytes are cut into buffers, the records are the same. */
static void run(size_t row, size_t step)
{
    CLEANUP(content_release) struct content content;
    CLEANUP(buf_release) struct buf records = BUF_INIT;
    struct slice input = cases[row].input;
    enum content_result result = CONTENT_MORE;
    size_t used;

    start(&content, cases[row].mode, &records);
    while (input.len && result == CONTENT_MORE) {
        result = content_feed(&content, slice_sub(input, 0, step), &used);
        input = slice_from_offset(input, used);
    }
    if (cases[row].mode == BDAT)
        content_finish(&content);
    else
        assert_int_equal(result, CONTENT_END);
    assert_int_equal(input.len, cases[row].after);
    assert_memory_equal(records.data, cases[row].records, records.len);
    if (!strstr(cases[row].name, "NUL"))
        assert_int_equal(records.len, strlen(cases[row].records));
}

static void test_records(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        test_case(cases[i].name);
        for (size_t step = 1; step <= cases[i].input.len + 1; step++)
            run(i, step);
    }
}

static void test_size_limit(void **state)
{
    CLEANUP(content_release) struct content content;
    CLEANUP(buf_release) struct buf records = BUF_INIT;
    size_t used;

    (void)state;
    content_init(&content, add_record, &records, 100, 8);
    content.is_dotted = true;
    assert_int_equal(content_feed(&content, SLICE("ab\r\ncd\r\nef\r\n.\r\n"), &used),
                     CONTENT_END);
    assert_true(content.is_too_big);
    assert_slice_equal(buf_slice(&records), "ab$cd$");
}

static void test_notes_bare_newlines(void **state)
{
    CLEANUP(content_release) struct content content;
    CLEANUP(buf_release) struct buf records = BUF_INIT;
    size_t used;

    (void)state;
    start(&content, DATA_STANDARD, &records);
    assert_int_equal(content_feed(&content, SLICE("a\r\n"), &used), CONTENT_MORE);
    assert_false(content.saw_bare_lf);
    assert_int_equal(content_feed(&content, SLICE("b\n"), &used), CONTENT_MORE);
    assert_true(content.saw_bare_lf);
    assert_int_equal(content.size_bytes, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_size_limit),
        cmocka_unit_test(test_notes_bare_newlines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

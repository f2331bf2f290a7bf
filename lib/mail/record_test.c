#include "mail/record.h"

#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/test.h"
#include "mail/message.h"
#include "mail/record_reader.h"

static void test_round_trip(void **state)
{
    static const size_t lengths[] = {0, 1, 127, 128, 16383, 16384, 100000};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
        CLEANUP(buf_release) struct buf text = BUF_INIT;
        CLEANUP(buf_release) struct buf record = BUF_INIT;
        struct slice data;
        char type;

        buf_add_repeated(&text, 'x', lengths[i]);
        record_append(&record, RECORD_LINE, buf_slice(&text));
        assert_int_equal(record.len, record_header_bytes(lengths[i]) + lengths[i]);
        assert_int_equal(record_decode(buf_slice(&record), &type, &data), record.len);
        assert_int_equal(type, RECORD_LINE);
        assert_int_equal(data.len, lengths[i]);
        for (size_t cut = 0; cut < record.len && cut < 5; cut++)
            assert_int_equal(record_decode(slice_sub(buf_slice(&record), 0, cut), &type, &data),
                             0);
        assert_int_equal(
            record_decode(slice_sub(buf_slice(&record), 0, record.len - 1), &type, &data), 0);
    }
}

static void test_malformed(void **state)
{
    struct slice data;
    char type;

    (void)state;
    assert_int_equal(record_decode(SLICE("\0\1x"), &type, &data), -1);
    assert_int_equal(record_decode(SLICE("N\x80\x80\x80\x80\x01"), &type, &data), -1);
}

static void test_attribute(void **state)
{
    CLEANUP(buf_release) struct buf records = BUF_INIT;

    (void)state;
    record_attribute(&records, "encoding", SLICE("8bit"));
    record_printf(&records, RECORD_TIME, "%d %d", 1, 2);
    assert_string_equal(records.data, "A\rencoding=8bitT\0031 2");
}

/* A file in memory. */
static int make_file(const struct buf *records)
{
    int fd = memfd_create("record_test", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(fd_write_all(fd, records->data, records->len), 0);
    return fd;
}

static void add_pointer(struct buf *records, off_t target)
{
    record_printf(records, RECORD_POINTER, "%15jd", (intmax_t)target);
}

/* An edit as a filter makes it: the slot points behind the end, and from there back. */
static void test_pointers(void **state)
{
    CLEANUP(buf_release) struct buf records = BUF_INIT;
    CLEANUP(fd_close) int fd = -1;
    struct record_reader reader;
    struct record record;
    struct error error;
    char seen[8] = "";
    size_t n = 0;

    (void)state;
    record_append(&records, 'a', SLICE("1")); /* 3 bytes */
    add_pointer(&records, 3 + 17 * 2 + 3);
    add_pointer(&records, 0);                 /* never met: 20 */
    record_append(&records, 'd', SLICE("4")); /* 37 */
    record_append(&records, 'b', SLICE("2")); /* 40 */
    record_append(&records, 'c', SLICE("3"));
    add_pointer(&records, 0);
    add_pointer(&records, 37);
    fd = make_file(&records);
    record_reader_init(&reader, fd, 0, 16);
    while (n < 4 && record_reader_next(&reader, &record, &error) == 1)
        seen[n++] = record.type;
    record_reader_release(&reader);
    assert_string_equal(seen, "abcd");
}

static void test_loop(void **state)
{
    CLEANUP(buf_release) struct buf records = BUF_INIT;
    CLEANUP(fd_close) int fd = -1;
    struct record_reader reader;
    struct record record;
    struct error error;
    int result;

    (void)state;
    record_append(&records, 'a', SLICE("1"));
    add_pointer(&records, 0);
    records.data[records.len - 1] = '0';
    add_pointer(&records, 3);
    fd = make_file(&records);
    record_reader_init(&reader, fd, 0, 4096);
    while ((result = record_reader_next(&reader, &record, &error)) > 0)
        ;
    record_reader_release(&reader);
    assert_int_equal(result, -1);
    assert_int_equal(error.kind, ERROR_PERMANENT);
}

/* Write records given as "T=1 2;S=a": type and data. */
static void add_records(struct buf *buf, const char *text)
{
    struct slice rest = slice_from(text);

    while (rest.len > 0) {
        struct slice data = slice_split(&rest, ';');
        struct slice type = slice_split(&data, '=');

        record_append(buf, type.ptr[0], data);
    }
}

/* Files that are not whole or not ours are refused with a reason. */
static const struct {
    const char *name, *records;
} damaged[] = {
    {"empty", ""},
    {"no type we know", "?=x"},
    {"neither sender nor content", "T=1 2;E="},
    {"ends in the envelope", "T=1 2;S=a"},
    {"ends in the content", "T=1 2;S=a;M=;N=x"},
    {"ends behind the content", "T=1 2;S=a;M=;N=x;X="},
    {"no arrival time", "S=a;M=;N=x;X=;E="},
    {"no sender", "T=1 2;M=;N=x;X=;E="},
    {"no content", "T=1 2;S=a;R=r;E="},
    {"text in the envelope", "T=1 2;S=a;N=x;M=;X=;E="},
    {"recipient in the content", "T=1 2;S=a;M=;R=x;X=;E="},
    {"recipient before the sender", "T=1 2;R=r;S=a;M=;N=x;X=;E="},
    {"sizes missing", "C=1 2;T=1 2;S=a;M=;N=x;X=;E="},
    {"negative size", "C=-5 20 1;T=1 2;S=a;M=;N=x;X=;E="},
    {"unknown flags", "C=3 26 1 32;T=1 2;S=a;M=;N=x;X=;E="},
    {"size record in the middle", "T=1 2;C=3 26 1 0;S=a;M=;N=x;X=;E="},
    {"content elsewhere", "C=3 9 1 0;T=1 2;S=a;M=;N=x;X=;E="},
    {"end of content elsewhere", "C=99 22 1 0;T=1 2;S=a;M=;N=x;X=;E="},
    {"bad pointer", "T=1 2;p=x;S=a;M=;N=x;X=;E="},
    {"pointer into a record", "T=1 2;p=1;S=a;M=;N=x;X=;E="},
    {"bad time", "T=x;S=a;M=;N=x;X=;E="},
};

static void test_damaged(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(damaged); i++) {
        CLEANUP(buf_release) struct buf records = BUF_INIT;
        CLEANUP(fd_close) int fd = -1;
        struct message message;
        struct error error = ERROR_INIT;

        test_case(damaged[i].name);
        add_records(&records, damaged[i].records);
        fd = make_file(&records);
        assert_int_equal(message_read_envelope(&message, fd, &error), -1);
        assert_int_equal(error.kind, ERROR_PERMANENT);
        assert_true(error.text[0] != '\0');
    }
}

/* A file of maildrop, without sizes; the last filter and redirect win. */
static void test_maildrop(void **state)
{
    CLEANUP(buf_release) struct buf records = BUF_INIT;
    CLEANUP(message_release) struct message message;
    CLEANUP(fd_close) int fd = -1;
    struct error error;

    (void)state;
    add_records(&records,
                "T=5 6;T=7 8;L=f:1;S=a;A=x=y;M=;N=x;L=part;N=;X=;L=f:2;>=r;A=encoding=8bit;"
                "R=b;E=");
    fd = make_file(&records);
    assert_int_equal(message_read_envelope(&message, fd, &error), 0);
    assert_int_equal(message.envelope.arrival_time.tv_sec, 5);
    assert_int_equal(message.envelope.create_time, 5);
    assert_slice_equal(message.envelope.filter, "f:2");
    assert_slice_equal(message.envelope.redirect, "r");
    assert_slice_equal(message.envelope.encoding, "8bit");
    assert_slice_equal(message.envelope.message_id, "");
    assert_true(message.next_recipient > 0);
}

/* A line longer than the limit comes in pieces; a short one in several records as one. */
static void test_long_lines(void **state)
{
    CLEANUP(buf_release) struct buf records = BUF_INIT;
    CLEANUP(buf_release) struct buf part = BUF_INIT;
    CLEANUP(message_release) struct message message;
    CLEANUP(content_close) struct content_reader reader;
    CLEANUP(fd_close) int fd = -1;
    struct slice line;
    struct error error;
    bool continues;
    size_t total = 0;

    (void)state;
    buf_add_repeated(&part, 'x', 2048);
    add_records(&records, "T=1 2;S=a;M=;L=ab;L=cd;N=ef");
    for (int i = 0; i < 40; i++)
        record_append(&records, RECORD_PART, buf_slice(&part));
    add_records(&records, "N=;w=  0;N=z;L=tail;X=;E=");
    fd = make_file(&records);
    assert_int_equal(message_read_envelope(&message, fd, &error), 0);
    content_open(&reader, &message);
    assert_int_equal(content_next_line(&reader, &line, &continues, &error), 1);
    assert_slice_equal(line, "abcdef");
    do {
        assert_int_equal(content_next_line(&reader, &line, &continues, &error), 1);
        assert_true(line.len <= CONTENT_LINE_MAX + part.len);
        total += line.len;
    } while (continues);
    assert_int_equal(total, 40 * part.len);
    assert_int_equal(content_next_line(&reader, &line, &continues, &error), 1);
    assert_slice_equal(line, "z");
    assert_int_equal(content_next_line(&reader, &line, &continues, &error), 1);
    assert_slice_equal(line, "tail");
    assert_int_equal(content_next_line(&reader, &line, &continues, &error), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_attribute),  cmocka_unit_test(test_pointers),
        cmocka_unit_test(test_loop),       cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_maildrop),   cmocka_unit_test(test_long_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

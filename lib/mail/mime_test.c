#include "mail/mime.h"

#include "base/test.h"
#include "mail/mime_7bit.h"

static const struct mime_options options = {
    .header_size_limit = 200, .boundary_length_limit = 70, .nesting_limit = 4};

#define MULTIPART     "Content-Type: multipart/mixed; boundary=b\n"
#define PART_OF(type) MULTIPART "\n--b\nContent-Type: " type "\n\nA: 1\n\nB: 2\n--b--\n"

/*
 * What becomes of each line that is not empty: P, M, N for a header of the message, of a part
 * (or any MIME header), of a nested message; B for body. Found by running Postfix 3.7.
 */
static const struct {
    const char *name, *message, *kinds;
    unsigned errors;
} messages[] = {
    {"plain", "Subject: x\n\nbody1\nbody2\n", "PBB", 0},
    {"no header", "body first line\nsecond\n\nthird\n", "BBB", 0},
    {"header ends badly", "Subject: x\nnot a header\nMore: x\n\nbody\n", "PBBB", 0},
    {"continuation first", " leading\nSubject: x\n\nbody\n", "BBB", 0},
    {"white space line continues", "Subject: x\n  \nbody?\n\nb\n", "PBB", 0},
    {"no body", "Subject: x\n", "P", 0},
    {"multipart", MULTIPART "\npre\n--b\n\nplain\n--b\nX: y\n\n<x>\n--b--\nepilogue\nH: x\n",
     "MBBBBMBBBB", 0},
    {"boundary is a prefix", MULTIPART "\n--bb\nX: 1\n\nx\n--b-- \n--b\nY: 2\n", "MBMBBBB", 0},
    {"boundary behind bad header", MULTIPART "--b\nX: 1\n\ny\n", "MBMB", 0},
    {"boundary ends a part's header", MULTIPART "\n--b\n--b\nX: 1\n--b\nno header\n", "MBBMBB",
     0},
    {"nested multipart",
     MULTIPART
     "\n--b\nContent-Type: multipart/x; boundary=i\n\n--i\nX: 1\n\na\n--i--\ne\n--b\nQ: r\n",
     "MBMBMBBBBM", 0},
    {"outer boundary ends the inner",
     MULTIPART
     "\n--b\nContent-Type: multipart/x; boundary=i\n\n--i\n\na\n--b\nQ: r\n\n--i\nX: 1\n",
     "MBMBBBMBB", 0},
    {"two boundaries", "Content-Type: multipart/x; boundary=a; boundary=b\n\n--b\nX: 1\n",
     "MBM", 0},
    {"type given twice", MULTIPART "Content-Type: text/plain\n\n--b\nX: y\n", "MMBM", 0},
    {"message/rfc822",
     "Content-Type: message/rfc822\n\nSubject: n\nContent-Type: x/y\nTo: x\n\nb\nH: n\n",
     "MNMNBB", 0},
    {"message in message",
     "Content-Type: message/rfc822\n\nContent-Type: message/rfc822\nA: 1\n\nB: 2\n\nC\n",
     "MMNNB", 0},
    {"message/global", PART_OF("message/global"), "MBMNBB", 0},
    {"message/partial", PART_OF("message/partial"), "MBMBBB", 0},
    {"message/delivery-status", PART_OF("message/delivery-status"), "MBMBBB", 0},
    {"digest", "Content-Type: multipart/digest; boundary=b\n\n--b\n\nA: 1\n\nx: 1\n", "MBNB",
     0},
    {"quoted boundary", "Content-Type: multipart/x; boundary=\"b\\\" c\"\n\n--b\" c\nX: 1\n",
     "MBM", 0},
    {"boundary in a comment",
     "Content-Type: multipart/x; (boundary=a) boundary=b(c)\n\n--b\nX: 1\n", "MBM", 0},
    {"no semicolon", "Content-Type: multipart/x boundary=b\n\n--b\nX: 1\n", "MBB", 0},
    {"type in quotes", "Content-Type: \"multipart\"/x; boundary=b\n\n--b\nX: 1\n", "MBB", 0},
    {"folded", "Content-Type: multipart/mixed;\n\tboundary=b\n\n--b\nX: 1\n", "MBM", 0},
    {"8-bit header", "Subject: \xc3\xa9\n\nb\n", "PB", MIME_ERROR_8BIT_IN_HEADER},
    {"8-bit body", "Subject: x\n\n\xc3\xa9\n", "PB", MIME_ERROR_8BIT_IN_BODY},
    {"8-bit body, said so", "Content-Transfer-Encoding: 8bit\n\n\xc3\xa9\n", "MB", 0},
    {"8-bit body, comment", "Content-Transfer-Encoding: (c) 8Bit; x\n\n\xc3\xa9\n", "MB", 0},
    {"8-bit body, base64", "Content-Transfer-Encoding: base64\n\n\xc3\xa9\n", "MB", 0},
    {"8-bit body, unknown", "Content-Transfer-Encoding: uuencode\n\n\xc3\xa9\n", "MB",
     MIME_ERROR_8BIT_IN_BODY},
    {"8-bit preamble", MULTIPART "Content-Transfer-Encoding: 8bit\n\n\xc3\xa9\n", "MMB",
     MIME_ERROR_8BIT_IN_BODY},
    {"encoded multipart", MULTIPART "Content-Transfer-Encoding: base64\n\nx\n", "MMB",
     MIME_ERROR_ENCODING_DOMAIN},
    {"encoded message",
     "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nA: 1\n", "MMN",
     MIME_ERROR_ENCODING_DOMAIN},
    {"8-bit partial", "Content-Type: message/partial\nContent-Transfer-Encoding: 8bit\n\nx\n",
     "MMB", MIME_ERROR_ENCODING_DOMAIN},
};

static void take(struct mime *mime, struct buf *kinds)
{
    struct mime_item item;

    while (mime_next(mime, &item)) {
        if (item.kind == MIME_HEADER)
            buf_add_char(kinds, "PMN"[item.mime_class]);
        else if (item.kind == MIME_BODY && item.text.len > 0)
            buf_add_char(kinds, 'B');
    }
}

static void parse(struct mime *mime, const char *message, struct buf *kinds)
{
    struct slice rest = slice_from(message);

    while (rest.len > 0) {
        mime_feed(mime, slice_split(&rest, '\n'), MIME_LINE_WHOLE);
        take(mime, kinds);
    }
    mime_end(mime);
    take(mime, kinds);
}

static void test_kinds(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(messages); i++) {
        CLEANUP(mime_release) struct mime mime;
        CLEANUP(buf_release) struct buf kinds = BUF_INIT;

        test_case(messages[i].name);
        mime_init(&mime, &options);
        parse(&mime, messages[i].message, &kinds);
        assert_string_equal(kinds.data, messages[i].kinds);
        assert_int_equal(mime.errors, messages[i].errors);
    }
}

static void test_disabled(void **state)
{
    CLEANUP(mime_release) struct mime mime;
    CLEANUP(buf_release) struct buf kinds = BUF_INIT;
    struct mime_options disabled = options;

    (void)state;
    disabled.disabled = true;
    mime_init(&mime, &disabled);
    parse(&mime, MULTIPART "\n--b\nX: \xc3\xa9\n", &kinds);
    assert_string_equal(kinds.data, "MBB");
    assert_int_equal(mime.errors, 0);
}

static void test_nesting(void **state)
{
    (void)state;
    for (int depth = 6; depth <= 7; depth++) {
        CLEANUP(mime_release) struct mime mime;
        CLEANUP(buf_release) struct buf message = BUF_INIT;
        CLEANUP(buf_release) struct buf kinds = BUF_INIT;

        for (int i = 0; i < depth; i++)
            buf_printf(&message, "Content-Type: multipart/x; boundary=b%d\n\n--b%d\n", i, i);
        mime_init(&mime, &options);
        parse(&mime, message.data, &kinds);
        assert_int_equal(mime.errors, depth > 6 ? MIME_ERROR_NESTING : 0);
    }
}

/* Headers as they come out. */
static const struct {
    const char *name, *line, *header;
} header_lines[] = {
    {"blanks before the colon", "Subject \t: x", "Subject: x"},
    {"folded", "Subject: a\n b\n\tc", "Subject: a\n b\n\tc"},
    {"cut at the limit",
     "Subject: a\n "
     "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123"
     "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123"
     "x\n b",
     "Subject: a\n "
     "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123"
     "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123"},
};

static void test_headers(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(header_lines); i++) {
        CLEANUP(mime_release) struct mime mime;
        struct slice rest = slice_from(header_lines[i].line);
        struct mime_item item;

        test_case(header_lines[i].name);
        mime_init(&mime, &options);
        while (rest.len > 0) {
            mime_feed(&mime, slice_split(&rest, '\n'), MIME_LINE_WHOLE);
            assert_false(mime_next(&mime, &item));
        }
        mime_end(&mime);
        assert_true(mime_next(&mime, &item));
        assert_slice_equal(item.text, header_lines[i].header);
        assert_true(mime_next(&mime, &item));
        assert_int_equal(item.kind, MIME_HEADER_END);
        assert_false(mime_next(&mime, &item));
    }
}

static void test_nul_ends_line_of_header(void **state)
{
    CLEANUP(mime_release) struct mime mime;
    struct mime_item item;

    (void)state;
    mime_init(&mime, &options);
    mime_feed(&mime, slice_of("X: a\0b", 6), MIME_LINE_WHOLE);
    mime_feed(&mime, slice_of(" c\0d", 4), MIME_LINE_WHOLE);
    mime_feed(&mime, SLICE(" e"), MIME_LINE_WHOLE);
    mime_feed(&mime, SLICE_EMPTY, MIME_LINE_WHOLE);
    assert_true(mime_next(&mime, &item));
    assert_slice_equal(item.text, "X: a\n c\n e");
}

/* A header in pieces is cut at the limit; a boundary in pieces begins a part. */
static void test_pieces(void **state)
{
    CLEANUP(mime_release) struct mime mime;
    struct mime_item item;

    (void)state;
    mime_init(&mime, &options);
    for (int i = 0; i < 50; i++)
        mime_feed(&mime, SLICE("X: 56789"), i < 49 ? MIME_LINE_CONTINUES : MIME_LINE_WHOLE);
    mime_feed(&mime, SLICE("Content-Type: multipart/x; boundary=b"), MIME_LINE_WHOLE);
    assert_true(mime_next(&mime, &item));
    assert_int_equal(item.text.len, options.header_size_limit);
    mime_feed(&mime, SLICE_EMPTY, MIME_LINE_WHOLE);
    mime_feed(&mime, SLICE("--b"), MIME_LINE_CONTINUES);
    mime_feed(&mime, SLICE("--b"), MIME_LINE_CONTINUES);
    assert_true(mime_next(&mime, &item));
    assert_int_equal(item.kind, MIME_BODY);
    mime_feed(&mime, SLICE("Subject: x"), MIME_LINE_WHOLE);
    mime_feed(&mime, SLICE("Subject: y"), MIME_LINE_WHOLE);
    mime_end(&mime);
    assert_true(mime_next(&mime, &item));
    assert_int_equal(item.mime_class, MIME_PART);
    assert_slice_equal(item.text, "Subject: y");
}

#define X72 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define QP  "Content-Transfer-Encoding: quoted-printable\n"

static const struct {
    const char *name, *message, *converted;
} conversions[] = {
    {"7-bit stays", "Subject: x\n\nhello = \n", "Subject: x\n\nhello = \n"},
    {"unmarked stays", "Subject: x\n\n\xc3\xa9\n", "Subject: x\n\n\xc3\xa9\n"},
    {"marked", "content-transfer-encoding: 8BIT (c)\nX: after\n\n\xc3\xa9=\n",
     "X: after\n" QP "\n=C3=A9=3D\n"},
    {"blank at the end", "Content-Transfer-Encoding: binary\n\na \nb\t\n\n",
     QP "\na=20\nb=09\n\n"},
    {"soft break",
     "Content-Transfer-Encoding: 8bit\n\n" X72 "\n" X72 "x\n" X72 "xy\n" X72 "\xc3\xa9\n",
     QP "\n" X72 "\n" X72 "x\n" X72 "x=\ny\n" X72 "=C3=\n=A9\n"},
    {"composite is 7bit",
     MULTIPART "Content-Transfer-Encoding: 8bit\n\n\xc3\xa9\n--b\n\n=\n--b\n"
               "Content-Transfer-Encoding: 8bit\n\n=\n--b--\n=\n",
     MULTIPART "Content-Transfer-Encoding: 7bit\n\n\xc3\xa9\n--b\n\n=\n--b\n" QP
               "\n=3D\n--b--\n=\n"},
    {"nested message",
     "Content-Type: message/rfc822\nContent-Transfer-Encoding: 8bit\n\n"
     "Subject: \xc3\xa9\nContent-Transfer-Encoding: 8bit\n\n=\n",
     "Content-Type: message/rfc822\nContent-Transfer-Encoding: 7bit\n\n"
     "Subject: \xc3\xa9\n" QP "\n=3D\n"},
    {"message/global",
     "Content-Type: message/global\nContent-Transfer-Encoding: 8bit\n\nX: \xc3\xa9\n",
     "Content-Type: message/global\n" QP "\nX: =C3=A9\n"},
    {"other message types",
     "Content-Type: message/delivery-status\nContent-Transfer-Encoding: 8bit\n\nX: \xc3\xa9\n",
     "Content-Type: message/delivery-status\nContent-Transfer-Encoding: 7bit\n\nX: =C3=A9\n"},
    {"last mark counts",
     "Content-Transfer-Encoding: 8bit\nContent-Transfer-Encoding: 7bit\n\n\xc3\xa9\n",
     "Content-Transfer-Encoding: 7bit\n\n\xc3\xa9\n"},
};

static void test_conversion(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(conversions); i++) {
        CLEANUP(mime_7bit_release) struct mime_7bit converter;
        CLEANUP(buf_release) struct buf out = BUF_INIT;
        struct slice rest = slice_from(conversions[i].message);

        test_case(conversions[i].name);
        mime_7bit_init(&converter, &options);
        while (rest.len > 0)
            mime_7bit_feed(&converter, slice_split(&rest, '\n'), MIME_LINE_WHOLE, &out);
        mime_7bit_end(&converter, &out);
        assert_string_equal(out.data, conversions[i].converted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_disabled),
        cmocka_unit_test(test_nesting),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_nul_ends_line_of_header),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_conversion),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "mail/header.h"

#include "base/test.h"

static const struct {
    const char *line;
    size_t length;
} lines[] = {
    {"Subject: x", 7},  {"Subject:", 7}, {"Subject \t: x", 7},
    {": x", 0},         {"", 0},         {" Subject: x", 0},
    {"Sub ject: x", 0}, {"Subject", 0},  {"S\xc3\xbc: x", 0},
    {"X-1_2!: x", 6},   {"a\x7f: x", 0},
};

static void test_name_length(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        test_case(lines[i].line);
        assert_int_equal(header_name_length(slice_from(lines[i].line)), lines[i].length);
    }
}

/* Every entry is found by its own name: the table is sorted. */
static void test_find(void **state)
{
    static const char *const names[] = {
        "apparently-to",   "BCC",         "Content-Length", "content-type", "Date",
        "Delivered-To",    "From",        "Message-ID",     "mime-version", "Received",
        "Resent-Bcc",      "Resent-To",   "Return-Path",    "SENDER",       "Subject",
        "TLS-Required",    "To",          "X-Original-To",  "References",   "Reply-To",
        "Resent-Reply-To", "In-Reply-To", "Errors-To",      "Content-ID",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        const struct header_info *info = header_find(slice_from(names[i]));

        test_case(names[i]);
        assert_non_null(info);
        assert_true(slice_equals_nocase(slice_from(names[i]), info->name));
    }
    assert_null(header_find(SLICE("X-Other")));
    assert_null(header_find(SLICE("T")));
    assert_null(header_find(SLICE("Too")));
    assert_null(header_find(SLICE("")));
}

static void test_roles(void **state)
{
    const struct header_info *info = header_find(SLICE("Resent-Cc"));

    (void)state;
    assert_true(info->is_recipient && info->is_extracted && info->is_resent);
    assert_false(info->is_sender || info->is_mime);
    info = header_find(SLICE("Reply-To"));
    assert_true(info->is_sender);
    assert_false(info->is_extracted);
    assert_true(header_find(SLICE("Content-Disposition"))->is_mime);
    /* Odd, but what Postfix does. */
    assert_true(header_find(SLICE("Resent-Reply-To"))->is_recipient);
}

static void test_value(void **state)
{
    (void)state;
    assert_slice_equal(header_value(SLICE("Subject: \t x ")), "x ");
    assert_slice_equal(header_value(SLICE("Subject:")), "");
    assert_true(header_is_continuation(SLICE("\tx")));
    assert_true(header_is_continuation(SLICE(" ")));
    assert_false(header_is_continuation(SLICE("x")));
    assert_false(header_is_continuation(SLICE("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_name_length),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_roles),
        cmocka_unit_test(test_value),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "esmtp.h"

#include "base/test.h"
#include "mail/message.h"

#define EVERYTHING                                                                      \
    (ESMTP_ALLOW_SIZE | ESMTP_ALLOW_8BITMIME | ESMTP_ALLOW_DSN | ESMTP_ALLOW_SMTPUTF8 | \
     ESMTP_ALLOW_VERP | ESMTP_ALLOW_REQUIRETLS)

static void test_words(void **state)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct slice rest = SLICE(" MAIL\tFROM:<a b> \"c d\"e <f");
    struct slice word;

    (void)state;
    assert_true(esmtp_next_word(&rest, &word));
    assert_slice_equal(word, "MAIL");
    assert_true(esmtp_next_word(&rest, &word));
    assert_slice_equal(word, "FROM:<a b>");
    assert_true(esmtp_next_word(&rest, &word));
    assert_slice_equal(word, "\"c d\"e");
    assert_true(esmtp_next_word(&rest, &word));
    assert_slice_equal(word, "<f");
    assert_false(esmtp_next_word(&rest, &word));
    assert_slice_equal(esmtp_join_words(SLICE("  a \t b "), &arena), "a b");
    assert_slice_equal(esmtp_join_words(SLICE("   "), &arena), "");
}

static const struct {
    const char *name, *text;
    enum path_result result;
    const char *path, *parameters;
} paths[] = {
    {"plain", "FROM:<a@b.test>", PATH_OK, "<a@b.test>", ""},
    {"lower case", "from:<a@b.test>", PATH_OK, "<a@b.test>", ""},
    {"blank in front", " FROM: <a@b.test>", PATH_OK, "<a@b.test>", ""},
    {"null sender", "FROM:<>", PATH_OK, "<>", ""},
    {"parameters", "FROM:<a@b.test>  SIZE=5 BODY=7BIT", PATH_OK, "<a@b.test>",
     "SIZE=5 BODY=7BIT"},
    {"quoted bracket", "FROM:<\"a>b\"@c.test> X", PATH_OK, "<\"a>b\"@c.test>", "X"},
    {"escaped quote", "FROM:<\"a\\\"> b\"@c.test>", PATH_OK, "<\"a\\\"> b\"@c.test>", ""},
    {"stuck parameter", "FROM:<a@b.test>SIZE=5", PATH_OK, "<a@b.test>SIZE=5", ""},
    {"no brackets", "FROM:a@b.test x", PATH_OK, "a@b.test", "x"},
    {"other keyword", "TO:<a@b.test>", PATH_MISSING, NULL, NULL},
    {"no colon", "FROM <a@b.test>", PATH_MISSING, NULL, NULL},
    {"nothing", "FROM:", PATH_MISSING, NULL, NULL},
    {"blank", "FROM: ", PATH_MISSING, NULL, NULL},
    {"open bracket", "FROM:<a@b.test", PATH_UNBALANCED, NULL, NULL},
    {"open quote", "FROM:<\"a@b.test>", PATH_UNBALANCED, NULL, NULL},
    {"backslash at the end", "FROM:a\\", PATH_UNBALANCED, NULL, NULL},
};

static void test_paths(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        struct slice path, parameters;

        test_case(paths[i].name);
        assert_int_equal(
            esmtp_split_path(slice_from(paths[i].text), "FROM:", &path, &parameters),
            paths[i].result);
        if (paths[i].result != PATH_OK)
            continue;
        assert_slice_equal(path, paths[i].path);
        assert_slice_equal(parameters, paths[i].parameters);
    }
}

static void test_mail_parameters(void **state)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct mail_parameters parsed;
    struct esmtp_error error = mail_parameters_parse(
        SLICE(
            "size=100 body=8BITMIME SMTPUTF8 requiretls ret=hdrs ENVID=a+2Bb AUTH=<> XVERP=+="),
        EVERYTHING, &arena, &parsed);

    (void)state;
    assert_int_equal(error.code, 0);
    assert_int_equal(parsed.size_bytes, 100);
    assert_int_equal(parsed.body, MAIL_BODY_8BIT);
    assert_true(parsed.is_smtputf8);
    assert_true(parsed.is_requiretls);
    assert_int_equal(parsed.ret, RET_HEADERS);
    assert_slice_equal(parsed.envelope_id, "a+b");
    assert_true(parsed.has_verp);
    assert_slice_equal(parsed.verp, "+=");
    assert_true(parsed.has_auth);
    assert_slice_equal(parsed.auth, "");
}

static const struct {
    const char *text;
    int code;
    const char *dsn, *reply, *detail;
} bad_mail[] = {
    {"SIZE=", 501, "5.5.4", "Bad message size syntax", ""},
    {"SIZE=-5", 501, "5.5.4", "Bad message size syntax", ""},
    {"SIZE=99999999999999999999", 552, "5.3.4",
     "Message size exceeds file system imposed limit", ""},
    {"BODY=x", 555, "5.5.4", "Unsupported option: ", "BODY=x"},
    {"SMTPUTF8=x", 555, "5.5.4", "Unsupported option: ", "SMTPUTF8=x"},
    {"RET=x", 501, "5.5.4", "Bad RET parameter syntax", ""},
    {"RET=FULL RET=HDRS", 501, "5.5.4", "Bad RET parameter syntax", ""},
    {"ENVID=", 501, "5.5.4", "Bad ENVID parameter syntax", ""},
    {"ENVID=a+zz", 501, "5.5.4", "Bad ENVID parameter syntax", ""},
    {"ENVID=+0A", 501, "5.5.4", "Bad ENVID parameter syntax", ""},
    {"ENVID=a+4", 501, "5.5.4", "Bad ENVID parameter syntax", ""},
    {"AUTH=a AUTH=b", 503, "5.5.4", "Error: multiple AUTH= options", ""},
    {"FOO", 555, "5.5.4", "Unsupported option: ", "FOO"},
    {"=x", 555, "5.5.4", "Unsupported option: ", "=x"},
};

static void test_bad_mail_parameters(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad_mail); i++) {
        CLEANUP(arena_release) struct arena arena = ARENA_INIT;
        struct mail_parameters parsed;
        struct esmtp_error error;

        test_case(bad_mail[i].text);
        error =
            mail_parameters_parse(slice_from(bad_mail[i].text), EVERYTHING, &arena, &parsed);
        assert_int_equal(error.code, bad_mail[i].code);
        assert_string_equal(error.dsn, bad_mail[i].dsn);
        assert_string_equal(error.text, bad_mail[i].reply);
        assert_slice_equal(error.detail, bad_mail[i].detail);
    }
}

static void test_discarded_extensions(void **state)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct mail_parameters parsed;
    struct rcpt_parameters rcpt;

    (void)state;
    assert_int_equal(mail_parameters_parse(SLICE("RET=FULL"), 0, &arena, &parsed).code, 501);
    assert_int_equal(mail_parameters_parse(SLICE("SMTPUTF8"), 0, &arena, &parsed).code, 555);
    assert_int_equal(mail_parameters_parse(SLICE("XVERP"), 0, &arena, &parsed).code, 555);
    assert_int_equal(rcpt_parameters_parse(SLICE("NOTIFY=NEVER"), 0, &arena, &rcpt).code, 501);
}

static const struct {
    const char *text;
    int code, notify;
    const char *original;
} rcpts[] = {
    {"", 0, 0, ""},
    {"NOTIFY=NEVER", 0, NOTIFY_NEVER, ""},
    {"NOTIFY=SUCCESS,FAILURE,DELAY", 0, NOTIFY_SUCCESS | NOTIFY_FAILURE | NOTIFY_DELAY, ""},
    {"NOTIFY=DELAY,DELAY", 0, NOTIFY_DELAY, ""},
    {"ORCPT=rfc822;a+3Db@c.test", 0, 0, "rfc822;a=b@c.test"},
    {"ORCPT=utf-8;x NOTIFY=DELAY", 0, NOTIFY_DELAY, "utf-8;x"},
    {"NOTIFY=", 501, 0, ""},
    {"NOTIFY=NEVER,DELAY", 501, 0, ""},
    {"NOTIFY=X", 501, 0, ""},
    {"NOTIFY=DELAY NOTIFY=DELAY", 501, 0, ""},
    {"ORCPT=x", 501, 0, ""},
    {"ORCPT=;a", 501, 0, ""},
    {"ORCPT=rfc822;a+zz", 501, 0, ""},
    {"ORCPT=rfc822;a+0A", 501, 0, ""},
    {"ORCPT=rfc822;a ORCPT=rfc822;b", 501, 0, ""},
    {"SIZE=1", 555, 0, ""},
};

static void test_rcpt_parameters(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rcpts); i++) {
        CLEANUP(arena_release) struct arena arena = ARENA_INIT;
        struct rcpt_parameters parsed;
        struct esmtp_error error;

        test_case(rcpts[i].text);
        error = rcpt_parameters_parse(slice_from(rcpts[i].text), EVERYTHING, &arena, &parsed);
        assert_int_equal(error.code, rcpts[i].code);
        if (error.code)
            continue;
        assert_int_equal(parsed.notify, rcpts[i].notify);
        assert_slice_equal(parsed.dsn_original, rcpts[i].original);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_mail_parameters),
        cmocka_unit_test(test_bad_mail_parameters),
        cmocka_unit_test(test_discarded_extensions),
        cmocka_unit_test(test_rcpt_parameters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

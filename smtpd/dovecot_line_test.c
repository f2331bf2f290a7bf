#include "dovecot_line.h"

#include "auth/sasl_security.h"
#include "base/test.h"

static const struct {
    const char *name, *line;
    uint64_t id;
    enum dovecot_verb verb;
    bool is_temporary;
    const char *user, *reason;
} answers[] = {
    {"ok", "OK\t7\tuser=ada\tother=x", 7, DOVECOT_OK, false, "ada", ""},
    {"ok without a user", "OK\t7", 7, DOVECOT_OK, false, "", ""},
    {"failure", "FAIL\t4294967295\tuser=ada", UINT32_MAX, DOVECOT_FAIL, false, "ada", ""},
    {"reason", "FAIL\t1\treason=No = no\tauthz", 1, DOVECOT_FAIL, false, "", "No = no"},
    {"escapes", "FAIL\t1\treason=a\001tb\0011c\001", 1, DOVECOT_FAIL, false, "",
     "a\tb\001c\001"},
    {"temporary", "FAIL\t1\tuser=ada\ttemp", 1, DOVECOT_FAIL, true, "ada", ""},
    {"temporary by code", "FAIL\t1\tcode=temp_fail", 1, DOVECOT_FAIL, true, "", ""},
    {"continue", "CONT\t2\tVXNlcm5hbWU6", 2, DOVECOT_CONTINUE, false, "", ""},
    {"done", "DONE", 0, DOVECOT_DONE, false, "", ""},
    {"of no interest", "COOKIE\tabc", 0, DOVECOT_OTHER, false, "", ""},
    {"nothing", "", 0, DOVECOT_OTHER, false, "", ""},
};

static void test_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
        CLEANUP(arena_release) struct arena arena = ARENA_INIT;
        struct dovecot_line parsed;
        struct error error;

        test_case(answers[i].name);
        assert_int_equal(
            dovecot_line_parse(slice_from(answers[i].line), &arena, &parsed, &error), 0);
        assert_int_equal(parsed.verb, answers[i].verb);
        assert_int_equal(parsed.id, answers[i].id);
        assert_slice_equal(parsed.user, answers[i].user);
        assert_slice_equal(parsed.reason, answers[i].reason);
        assert_int_equal(parsed.is_temporary, answers[i].is_temporary);
    }
}

static void test_mechanism(void **state)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct dovecot_line parsed;
    struct error error;

    (void)state;
    assert_int_equal(dovecot_line_parse(SLICE("MECH\tcram-md5\tdictionary\tactive\tnew"),
                                        &arena, &parsed, &error),
                     0);
    assert_slice_equal(parsed.mechanism, "CRAM-MD5");
    assert_int_equal(parsed.properties, SECURITY_NO_DICTIONARY | SECURITY_NO_ACTIVE);
    assert_int_equal(dovecot_line_parse(SLICE("VERSION\t1\t2"), &arena, &parsed, &error), 0);
    assert_int_equal(parsed.version, 1);
}

static void test_nonsense(void **state)
{
    static const char *const lines[] = {
        "OK",         "OK\tx",
        "FAIL\t-1",   "FAIL\t4294967296",
        "CONT\t",     "CONT\t1\t\001\t",
        "MECH",       "MECH\tA B",
        "MECH\tA\rB", "MECH\tABCDEFGHIJKLMNOPQRSTU",
        "VERSION",    "VERSION\tx",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        CLEANUP(arena_release) struct arena arena = ARENA_INIT;
        struct dovecot_line parsed;
        struct error error;

        test_case(lines[i]);
        assert_int_equal(dovecot_line_parse(slice_from(lines[i]), &arena, &parsed, &error), -1);
        assert_int_equal(error.kind, ERROR_TEMPORARY);
    }
}

static void test_plain_text(void **state)
{
    (void)state;
    assert_true(dovecot_text_is_plain(SLICE("AGFkYQ==")));
    assert_true(dovecot_text_is_plain(SLICE_EMPTY));
    assert_false(dovecot_text_is_plain(SLICE("a\tresp=b")));
    assert_false(dovecot_text_is_plain(SLICE("a b")));
    assert_false(dovecot_text_is_plain(SLICE("a\nb")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_mechanism),
        cmocka_unit_test(test_nonsense),
        cmocka_unit_test(test_plain_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

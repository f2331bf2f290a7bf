#include "dovecot_line.h"

#include "auth/sasl_security.h"
#include "base/test.h"

static const struct {
    const char *name, *line;
    enum dovecot_verb verb;
    uint64_t id;
    const char *user, *reason;
    bool is_temporary;
} answers[] = {
    {"ok", "OK\t7\tuser=ada\tother=x", DOVECOT_OK, 7, "ada", "", false},
    {"ok without a user", "OK\t7", DOVECOT_OK, 7, "", "", false},
    {"failure", "FAIL\t4294967295\tuser=ada", DOVECOT_FAIL, UINT32_MAX, "ada", "", false},
    {"reason", "FAIL\t1\treason=No = no\tauthz", DOVECOT_FAIL, 1, "", "No = no", false},
    {"escapes", "FAIL\t1\treason=a\001tb\0011c\001", DOVECOT_FAIL, 1, "", "a\tb\001c\001",
     false},
    {"temporary", "FAIL\t1\tuser=ada\ttemp", DOVECOT_FAIL, 1, "ada", "", true},
    {"temporary by code", "FAIL\t1\tcode=temp_fail", DOVECOT_FAIL, 1, "", "", true},
    {"continue", "CONT\t2\tVXNlcm5hbWU6", DOVECOT_CONTINUE, 2, "", "", false},
    {"done", "DONE", DOVECOT_DONE, 0, "", "", false},
    {"of no interest", "COOKIE\tabc", DOVECOT_OTHER, 0, "", "", false},
    {"nothing", "", DOVECOT_OTHER, 0, "", "", false},
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

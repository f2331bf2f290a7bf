#include "notice.h"

#include "base/test.h"
#include "session.h"

static void test_some_refusals_are_unexpected(void **state)
{
    static const struct {
        int code;
        bool is_unexpected;
    } refusals[] = {
        {100, true},  {250, true}, {354, true},  {421, false}, {450, false}, {499, false},
        {500, true},  {501, true}, {504, true},  {509, true},  {510, false}, {550, false},
        {554, false}, {555, true}, {556, false}, {599, false}, {600, true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
        struct session session = {.code = refusals[i].code};
        notice_note_refusal(&session);
        assert_int_equal(session.is_misunderstood, refusals[i].is_unexpected);
    }
}

static void test_nothing_is_kept_unless_wanted(void **state)
{
    struct session session = {.transcript = BUF_INIT, .is_misunderstood = true};

    (void)state;
    notice_add_sent(&session, SLICE("EHLO client"));
    notice_add_secret(&session, SLICE("AUTH PLAIN secret"));
    notice_add_received(&session, SLICE("500 what"));
    assert_int_equal(session.transcript.len, 0);
    notice_send(&session);
    assert_false(session.is_misunderstood);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_some_refusals_are_unexpected),
        cmocka_unit_test(test_nothing_is_kept_unless_wanted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

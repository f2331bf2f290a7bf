#include "mail/verp.h"

#include "base/test.h"

static const struct {
    const char *name, *delimiters, *sender, *recipient, *result;
} rows[] = {
    {"plain", "+=", "list@example.com", "user@example.net",
     "list+user=example.net@example.com"},
    {"other delimiters", "-%", "list@example.com", "user@example.net",
     "list-user%example.net@example.com"},
    {"recipient without domain", "+=", "list@example.com", "user", "list+user@example.com"},
    {"sender without domain", "+=", "list", "user@example.net", "list+user=example.net"},
    {"@ in the local part", "+=", "a@b@example.com", "c@d@example.net",
     "a@b+c@d=example.net@example.com"},
};

static void test_compose(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(arena_release) struct arena arena = ARENA_INIT;

        test_case(rows[i].name);
        assert_slice_equal(verp_sender(&arena, slice_from(rows[i].delimiters),
                                       slice_from(rows[i].sender),
                                       slice_from(rows[i].recipient)),
                           rows[i].result);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compose),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "base/test.h"
#include "mail/address.h"

/*
 * Header values, the addresses in them (joined by |), and the value composed anew when each
 * address has become "Q". Compared with what Postfix 3.7 makes of them.
 */
static const struct {
    const char *name, *value, *addresses, *composed;
} lists[] = {
    {"bare", "a, b@x", "a|b@x", "Q, Q"},
    {"no blank behind the comma", "a@x,b@x", "a@x|b@x", "Q, Q"},
    {"phrase", "A User <a@x>", "a@x", "A User <Q>"},
    {"quoted phrase", "\"A, User\" <a@x>", "a@x", "\"A, User\" <Q>"},
    {"dots in a phrase", "A. B. User <a@x>", "a@x", "A.B.User <Q>"},
    {"encoded word", "=?utf-8?q?x?= <a@x>", "a@x", "=?utf-8?q?x?= <Q>"},
    {"comment", "a@x (A User)", "a@x", "Q (A User)"},
    {"comments within", "(x) a (y) @ (z) x (w), b", "a@x|b", "Q (x) (y) (z) (w), Q"},
    {"comment in brackets", "Pete <a(c)@x(d)>", "a@x", "Pete <Q (c) (d)>"},
    {"nested comment", "a (n(e)s\\)t)", "a", "Q (n(e)s\\)t)"},
    {"comment behind brackets", "<a> (c)", "a", "<Q>(c)"},
    {"comment before a phrase", "(c) B <a>", "a", "(c) B <Q>"},
    {"group", "Group: a, B <b@x>; , c", "a|b@x|c", "Group: Q, B <Q>;, Q"},
    {"empty group", "undisclosed-recipients:;", "", "undisclosed-recipients:;"},
    {"semicolon", "a@x;b@x", "a@x|b@x", "Q;, Q"},
    {"colon without a group", "a:b@x", "a:b@x", "Q"},
    {"words", "A B C", "A|B|C", "Q, Q, Q"},
    {"words in brackets", "User <a b@x>", "ab@x", "User <Q>"},
    {"quoted words in brackets", "<\"x\"\"y\"@z>", "\"x\" \"y\"@z", "<Q>"},
    {"text behind brackets", "<a@x> b", "a@x|b", "<Q>, Q"},
    {"brackets beside each other", "<a><b>", "a|b", "<Q> <Q>"},
    {"phrases without a comma", "A <a> B <b>", "a|b", "A <Q>B <Q>"},
    {"source route", "<@r:a@x>", "@r:a@x", "<Q>"},
    {"open bracket", "<a", "<a", "Q"},
    {"closing bracket", "a>", "a", "Q>"},
    {"two brackets", "<<a>>", "a>", "< <Q>"},
    {"comma in brackets", "<a,b>", "a, b", "<Q>"},
    {"empty brackets", "<>", "", "<Q>"},
    {"empty members", ",a,,b,", "a|b", ", Q, , Q, "},
    {"folded", "a@x,\n\tb@x,\n c@x", "a@x|b@x|c@x", "Q, Q, Q"},
    {"blanks everywhere", "a .b\t@ x . test", "a.b@x.test", "Q"},
    {"literal without end", "a@[1.2.3.4", "a@[1.2.3.4]", "Q"},
    {"quote without end", "\"a b", "\"a b", "Q"},
    {"backslash", "\\<a@x\\>", "\\<a@x\\>", "Q"},
    {"comment alone", "(a", "", "(a"},
    {"nothing", " ", "", ""},
};

static void join(struct buf *buf, const struct header_address_list *list)
{
    for (size_t i = 0; i < list->n_addresses; i++) {
        if (i > 0)
            buf_add_char(buf, '|');
        buf_add_slice(buf, list->addresses[i].address);
    }
}

static void test_lists(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        CLEANUP(arena_release) struct arena arena = ARENA_INIT;
        CLEANUP(buf_release) struct buf buf = BUF_INIT;
        struct header_address_list list;

        test_case(lists[i].name);
        header_address_parse(slice_from(lists[i].value), &arena, 1000, &list);
        join(&buf, &list);
        assert_string_equal(buf.data, lists[i].addresses);
        for (size_t j = 0; j < list.n_addresses; j++)
            list.addresses[j].address = SLICE("Q");
        buf_reset(&buf);
        header_address_compose(&buf, &list, 4);
        assert_string_equal(buf.data, lists[i].composed);
    }
}

/* What lies behind the limit is dropped. */
static void test_token_limit(void **state)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    CLEANUP(buf_release) struct buf buf = BUF_INIT;
    struct header_address_list list;

    (void)state;
    header_address_parse(SLICE("a, b, c"), &arena, 3, &list);
    join(&buf, &list);
    assert_string_equal(buf.data, "a|b");
}

/* Lines end behind commas, and stay below 70 where they can. */
static void test_folding(void **state)
{
    static const char expected[] =
        "Qa@x.test.c, Quser0@x.test.c, Quser1@x.test.c, Quser2@x.test.c,\n"
        "\tQuser3@x.test.c, Quser4@x.test.c, Quser5@x.test.c, Quser6@x.test.c,\n"
        "\tQuser7@x.test.c";
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    CLEANUP(buf_release) struct buf buf = BUF_INIT;
    struct header_address_list list;

    (void)state;
    header_address_parse(SLICE("Qa@x.test.c,Quser0@x.test.c,Quser1@x.test.c,Quser2@x.test.c,"
                               "Quser3@x.test.c,Quser4@x.test.c,Quser5@x.test.c,"
                               "Quser6@x.test.c,Quser7@x.test.c"),
                         &arena, 1000, &list);
    header_address_compose(&buf, &list, strlen("To: "));
    assert_string_equal(buf.data, expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_token_limit),
        cmocka_unit_test(test_folding),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "delivery/attributes.h"

#include <grp.h>
#include <pwd.h>
#include <string.h>

#include "conf/test.h"
#include "delivery/mail_copy.h"

static int count(const char *const *list)
{
    int n = 0;

    while (list[n])
        n++;
    return n;
}

static void parse(struct attributes *attributes, const char *const *list, struct arena *arena)
{
    struct error error;

    assert_int_equal(
        attributes_parse(attributes, ATTRIBUTES_OF_PIPE, count(list), list, arena, &error), 0);
}

static void test_least(void **state)
{
    static const char *const list[] = {"user=nobody", "argv=/bin/cat", NULL};
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct attributes attributes;

    (void)state;
    parse(&attributes, list, &arena);
    const struct passwd *nobody = getpwnam("nobody");
    assert_int_equal(attributes.user.uid, nobody->pw_uid);
    assert_int_equal(attributes.user.gid, nobody->pw_gid);
    assert_int_equal(attributes.argc, 1);
    assert_string_equal(attributes.argv[0], "/bin/cat");
    assert_null(attributes.argv[1]);
    assert_int_equal(attributes.copy_flags, 0);
    assert_string_equal(attributes.end_of_line, "\n");
    assert_string_equal(attributes.null_sender, "MAILER-DAEMON");
    assert_int_equal(attributes.size_limit, 0);
    assert_null(attributes.directory);
    assert_null(attributes.chroot_directory);
    assert_false(attributes.one_recipient || attributes.fold_host || attributes.fold_user ||
                 attributes.quote || attributes.is_final);
}

static void test_all(void **state)
{
    static const char *const list[] = {
        "flags=DORBFXhuq.>", "user=nobody:65533", "eol=\\r\\n", "null_sender=", "size=1000",
        "directory=/var",    "chroot=/srv",       "argv=cat",   "user=${user}", NULL};
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct attributes attributes;

    (void)state;
    parse(&attributes, list, &arena);
    assert_int_equal(attributes.copy_flags, MAIL_COPY_DELIVERED_TO | MAIL_COPY_ORIGINAL_TO |
                                                MAIL_COPY_RETURN_PATH | MAIL_COPY_BLANK_LINE |
                                                MAIL_COPY_FROM_LINE | MAIL_COPY_DOT_STUFF |
                                                MAIL_COPY_QUOTE_FROM);
    assert_true(attributes.one_recipient && attributes.fold_host && attributes.fold_user &&
                attributes.quote && attributes.is_final);
    assert_int_equal(attributes.user.gid, 65533);
    assert_string_equal(attributes.end_of_line, "\r\n");
    assert_string_equal(attributes.null_sender, "");
    assert_int_equal(attributes.size_limit, 1000);
    assert_string_equal(attributes.directory, "/var");
    assert_string_equal(attributes.chroot_directory, "/srv");
    assert_int_equal(attributes.argc, 2); /* behind argv= all is the command's */
    assert_string_equal(attributes.argv[1], "user=${user}");
}

static void test_group_by_name(void **state)
{
    static const char *const list[] = {"user=nobody:daemon", "argv=cat", NULL};
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct attributes attributes;

    (void)state;
    parse(&attributes, list, &arena);
    const struct group *group = getgrnam("daemon");
    if (group)
        assert_int_equal(attributes.user.gid, group->gr_gid);
}

static const struct {
    enum attributes_program program;
    const char *words[4];
    const char *text;
} refused[] = {
    {ATTRIBUTES_OF_PIPE, {"user=nobody"}, "missing argv= command-line attribute"},
    {ATTRIBUTES_OF_PIPE, {"user=nobody", "argv="}, "missing argv= command-line attribute"},
    {ATTRIBUTES_OF_PIPE, {"argv=cat"}, "missing user= command-line attribute"},
    {ATTRIBUTES_OF_PIPE, {"user=no-such-user", "argv=cat"}, "unknown user name: no-such-user"},
    {ATTRIBUTES_OF_PIPE,
     {"user=nobody:no-such-group", "argv=cat"},
     "unknown group name: no-such-group"},
    {ATTRIBUTES_OF_PIPE,
     {"user=root", "argv=cat"},
     "user= command-line attribute specifies root privileges"},
    {ATTRIBUTES_OF_PIPE,
     {"user=nobody:root", "argv=cat"},
     "user= command-line attribute specifies root privileges"},
    {ATTRIBUTES_OF_PIPE, {"flags=Z", "user=nobody", "argv=cat"}, "unknown flag: Z"},
    {ATTRIBUTES_OF_PIPE, {"size=x", "user=nobody", "argv=cat"}, "bad size= value: x"},
    {ATTRIBUTES_OF_PIPE,
     {"colour=red", "user=nobody", "argv=cat"},
     "unknown attribute name: colour=red"},
    {ATTRIBUTES_OF_SPAWN, {"user=nobody"}, "missing argv= command-line attribute"},
    {ATTRIBUTES_OF_SPAWN, {"argv=cat"}, "missing user= command-line attribute"},
    {ATTRIBUTES_OF_SPAWN,
     {"flags=D", "user=nobody", "argv=cat"},
     "unknown attribute name: flags=D"},
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        CLEANUP(arena_release) struct arena arena = ARENA_INIT;
        struct attributes attributes;
        const char *const *list = refused[i].words;
        struct error error;

        test_case(refused[i].text);
        assert_int_equal(attributes_parse(&attributes, refused[i].program, count(list), list,
                                          &arena, &error),
                         -1);
        assert_string_equal(error.text, refused[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_least),
        cmocka_unit_test(test_all),
        cmocka_unit_test(test_group_by_name),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, test_load_defaults, NULL);
}

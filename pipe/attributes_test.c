#include "attributes.h"

#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/test.h"
#include "delivery/mail_copy.h"

enum { WORDS_MAX = 10 };

/* A copy of the words, which the parser may write to. */
struct words {
    char *argv[WORDS_MAX];
    int argc;
};

static void words_init(struct words *words, const char *const *list)
{
    *words = (struct words){0};
    for (; list[words->argc]; words->argc++)
        words->argv[words->argc] = slice_dup(slice_from(list[words->argc]));
}

static void words_release(struct words *words)
{
    for (int i = 0; i < words->argc; i++)
        mem_free_text(&words->argv[i]);
}

static void parse(struct attributes *attributes, struct words *words, const char *const *list)
{
    words_init(words, list);
    attributes_parse(attributes, "store", words->argc, words->argv);
}

/* A program keeps them as long as it lives; a test does not. */
static void free_kept(const void *kept)
{
    void *pointer;

    memcpy(&pointer, &kept, sizeof(pointer));
    mem_free(pointer);
}

static void release_arguments(struct attributes *attributes)
{
    free_kept(attributes->argv);
}

static void test_least(void **state)
{
    static const char *const list[] = {"user=nobody", "argv=/bin/cat", NULL};
    CLEANUP(words_release) struct words words;
    CLEANUP(release_arguments) struct attributes attributes;

    (void)state;
    parse(&attributes, &words, list);
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
    CLEANUP(words_release) struct words words;
    CLEANUP(release_arguments) struct attributes attributes;

    (void)state;
    parse(&attributes, &words, list);
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
    free_kept(attributes.end_of_line);
}

static void test_group_by_name(void **state)
{
    static const char *const list[] = {"user=nobody:daemon", "argv=cat", NULL};
    CLEANUP(words_release) struct words words;
    CLEANUP(release_arguments) struct attributes attributes;

    (void)state;
    parse(&attributes, &words, list);
    const struct group *group = getgrnam("daemon");
    if (group)
        assert_int_equal(attributes.user.gid, group->gr_gid);
}

static const struct {
    const char *words[4];
    const char *text;
} refused[] = {
    {{"user=nobody"}, "store service: missing argv= command-line attribute"},
    {{"user=nobody", "argv="}, "store service: missing argv= command-line attribute"},
    {{"argv=cat"}, "store service: missing user= command-line attribute"},
    {{"user=no-such-user", "argv=cat"}, "store service: unknown user name: no-such-user"},
    {{"user=nobody:no-such-group", "argv=cat"},
     "store service: unknown group name: no-such-group"},
    {{"user=root", "argv=cat"},
     "store service: user= command-line attribute specifies root privileges"},
    {{"user=nobody:root", "argv=cat"},
     "store service: user= command-line attribute specifies root privileges"},
    {{"flags=Z", "user=nobody", "argv=cat"}, "store service: unknown flag: Z"},
    {{"size=x", "user=nobody", "argv=cat"}, "store service: bad size= value: x"},
    {{"colour=red", "user=nobody", "argv=cat"},
     "store service: unknown attribute name: colour=red"},
};

static int report;

static void tell_line(enum log_level level, const char *line)
{
    (void)level;
    if (write(report, line, strlen(line)) < 0)
        _exit(1);
}

/* The parser ends the program: in a child. */
static void check_refused(const char *const *list, const char *text)
{
    CLEANUP(buf_release) struct buf said = BUF_INIT;
    struct error error;
    int pair[2], status;

    assert_int_equal(pipe(pair), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct attributes attributes;
        struct words words;
        report = pair[1];
        log_hook = tell_line;
        parse(&attributes, &words, list);
        _exit(0);
    }
    assert_true(pid > 0);
    fd_close(&pair[1]);
    assert_int_equal(fd_read_all(pair[0], &said, 1 << 16, &error), 0);
    fd_close(&pair[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), EX_CONFIG);
    if (!slice_ends_with(buf_slice(&said), text))
        fail_msg("said: %s", said.data);
}

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        test_case(refused[i].text);
        check_refused(refused[i].words, refused[i].text);
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

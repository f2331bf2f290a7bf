#include "delivery/command.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sysexits.h>

#include "delivery/test_message.h"

static const char *const environment[] = {"PATH=/usr/bin:/bin", "WHO=me", NULL};

static struct command make_command(const char *line)
{
    return (struct command){.shell_line = line,
                            .shell = "",
                            .user = {.uid = geteuid(), .gid = getegid()},
                            .environment = environment,
                            .time_limit = SECONDS(60)};
}

/* Run it with "A: b" as the message; texts stay in the message's arena. */
static int run(const struct command *command, struct test_message *message,
               struct slice *output, struct dsn *dsn)
{
    struct mail_copy copy = {
        .delivery = &message->delivery, .recipient = &message->recipient, .end_of_line = "\n"};

    test_message_init(message, SLICE("A: b\n\nbody\n"));
    return command_run(command, &copy, &message->delivery, output, dsn);
}

static const struct {
    const char *name, *line, *output;
} successes[] = {
    {"nothing to say", "true", ""},
    {"a built-in of the shell", "exit 0", ""},
    {"words are run without a shell", "echo a  b", "a b"},
    {"shell syntax", "echo $WHO; echo there", "me there"},
    {"the message arrives", "tr ' \\n' '_|'", "A:_b||body|"},
    {"need not read it", "exec echo done", "done"},
    {"standard error counts as well", "echo oops >&2", "oops"},
    {"only the environment it is given", "env | sort | grep -v -e '^_=' -e ^PWD -e ^SHLVL",
     "PATH=/usr/bin:/bin WHO=me"},
    {"a status does not make a failure of success", "echo 5.1.1 no", "5.1.1 no"},
};

static void test_success(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(successes); i++) {
        CLEANUP(test_message_release) struct test_message message;
        struct command command = make_command(successes[i].line);
        struct slice output;
        struct dsn dsn;

        test_case(successes[i].name);
        assert_int_equal(run(&command, &message, &output, &dsn), 0);
        assert_slice_equal(output, successes[i].output);
    }
}

static const struct {
    const char *name, *line, *status, *reason;
} failures[] = {
    {"usage", "exit 64", "5.3.0", "command line usage error"},
    {"data", "exit 65", "5.6.0", "data format error"},
    {"no user", "exit 67", "5.1.1", "user unknown"},
    {"no host", "exit 68", "5.1.2", "host name unknown"},
    {"system", "exit 71", "4.3.0", "system resource problem"},
    {"temporary", "exit 75", "4.3.0", "temporary failure"},
    {"permission", "exit 77", "5.7.0", "permission denied"},
    {"configuration", "exit 78", "5.3.5", "local configuration error"},
    {"unknown status", "exit 99", "5.3.0", "Command died with status 99: \"exit 99\""},
    {"with words", "echo disk full; exit 75", "4.3.0",
     "temporary failure. Command output: disk full "},
    {"the shell complains", "echo $0; exit 75", "4.3.0",
     "temporary failure. Command output: sh "},
    {"its own status wins", "echo 5.2.2 mailbox full; exit 75", "5.2.2", "mailbox full "},
    {"a successful status does not", "echo 2.0.0 fine; exit 67", "5.1.1",
     "user unknown. Command output: 2.0.0 fine "},
    {"killed", "kill -9 $$", "4.3.0", "Command died with signal 9: \"kill -9 $$\""},
    {"no such program", "/does/not/exist", "4.3.0",
     "temporary failure. Command output: command_test: fatal: execvp /does/not/exist: No such file or "
     "directory "},
};

static void test_failure(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(failures); i++) {
        CLEANUP(test_message_release) struct test_message message;
        struct command command = make_command(failures[i].line);
        struct slice output;
        struct dsn dsn;

        test_case(failures[i].name);
        assert_int_equal(run(&command, &message, &output, &dsn), -1);
        assert_string_equal(dsn.status, failures[i].status);
        assert_slice_equal(dsn.reason, failures[i].reason);
    }
}

static const struct {
    const char *name, *line, *diagnostic;
} diagnostics[] = {
    {"its words", "echo disk full; exit 75", "disk full"},
    {"with a status in front", "echo 5.2.2 mailbox full; exit 75", "mailbox full"},
    {"no words, but a meaning", "exit 67", "user unknown"},
    {"neither", "exit 99", "unknown mail system error 99"},
};

/* What a report gives as the command's answer. */
static void test_diagnostic(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(diagnostics); i++) {
        CLEANUP(test_message_release) struct test_message message;
        struct command command = make_command(diagnostics[i].line);
        struct slice output;
        struct dsn dsn;

        test_case(diagnostics[i].name);
        assert_int_equal(run(&command, &message, &output, &dsn), -1);
        assert_string_equal(dsn.diagnostic_type, "x-unix");
        assert_slice_equal(dsn.diagnostic, diagnostics[i].diagnostic);
    }
}

/* What it has started ends with it. */
static void test_time_limit(void **state)
{
    CLEANUP(test_message_release) struct test_message message;
    struct command command = make_command("(sleep 600); sleep 600");
    struct slice output;
    struct dsn dsn;

    (void)state;
    command.time_limit = 50;
    assert_int_equal(run(&command, &message, &output, &dsn), -1);
    assert_string_equal(dsn.status, "5.3.0");
    assert_slice_equal(dsn.reason, "Command time limit exceeded: \"(sleep 600); sleep 600\"");
}

static void test_time_limit_after_output(void **state)
{
    CLEANUP(test_message_release) struct test_message message;
    struct command command = make_command("echo so far; sleep 600");
    struct slice output;
    struct dsn dsn;

    (void)state;
    command.time_limit = 200;
    assert_int_equal(run(&command, &message, &output, &dsn), -1);
    assert_slice_equal(dsn.reason, "Command time limit exceeded: \"echo so far; sleep 600\". "
                                   "Command output: so far ");
}

static void test_much_output(void **state)
{
    CLEANUP(test_message_release) struct test_message message;
    struct command command = make_command("yes | head -n 200000");
    struct slice output;
    struct dsn dsn;

    (void)state;
    assert_int_equal(run(&command, &message, &output, &dsn), 0);
    assert_true(output.len > 1000 && output.len <= 2048);
    assert_true(slice_starts_with(output, "y y y "));
}

/* It ends without reading a message that no pipe holds: that is its business. */
static void test_does_not_read(void **state)
{
    CLEANUP(buf_release) struct buf content = BUF_INIT;
    CLEANUP(test_message_release) struct test_message message;
    struct command command = make_command("true");
    struct mail_copy copy = {
        .delivery = &message.delivery, .recipient = &message.recipient, .end_of_line = "\n"};
    struct slice output;
    struct dsn dsn;

    (void)state;
    buf_add_repeated(&content, 'x', 1 << 20);
    test_message_init(&message, buf_slice(&content));
    assert_int_equal(command_run(&command, &copy, &message.delivery, &output, &dsn), 0);
}

/* No shell is between: blanks, quotes and the like are the argument's own. */
static void test_arguments(void **state)
{
    static const char *const arguments[] = {"echo", "a  b", "$WHO; exit 1", "", NULL};
    CLEANUP(test_message_release) struct test_message message;
    struct command command = make_command(NULL);
    struct slice output;
    struct dsn dsn;

    (void)state;
    command.argv = arguments;
    command.directory = "/";
    assert_int_equal(run(&command, &message, &output, &dsn), 0);
    assert_slice_equal(output, "a  b $WHO; exit 1");
}

static void test_directory(void **state)
{
    CLEANUP(test_message_release) struct test_message message;
    CLEANUP(test_message_release) struct test_message another = {0};
    struct command command = make_command("pwd");
    struct slice output;
    struct dsn dsn;

    (void)state;
    command.directory = "/usr";
    assert_int_equal(run(&command, &message, &output, &dsn), 0);
    assert_slice_equal(output, "/usr");
    command.directory = "/does/not/exist";
    assert_int_equal(run(&command, &another, &output, &dsn), -1);
    assert_string_equal(dsn.status, "4.3.0");
}

static void test_own_shell(void **state)
{
    CLEANUP(test_message_release) struct test_message message;
    struct command command = make_command("plain words");
    struct slice output;
    struct dsn dsn;

    (void)state;
    command.shell = "/bin/echo shell:";
    assert_int_equal(run(&command, &message, &output, &dsn), 0);
    assert_slice_equal(output, "shell: plain words");
}

static void test_environment(void **state)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    size_t count;

    (void)state;
    assert_int_equal(setenv("TEST_SET", "value", 1), 0);
    assert_int_equal(unsetenv("TEST_UNSET"), 0);
    const char **list =
        command_environment(&arena, "TEST_SET TEST_UNSET, TEST_GIVEN=own", 1, &count);
    assert_int_equal(count, 3);
    assert_string_equal(list[0], "PATH=/usr/bin:/bin");
    assert_string_equal(list[1], "TEST_SET=value");
    assert_string_equal(list[2], "TEST_GIVEN=own");
    assert_null(list[3]);
    list[count++] = "MORE=yes";
    assert_null(list[4]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_success),
        cmocka_unit_test(test_failure),
        cmocka_unit_test(test_diagnostic),
        cmocka_unit_test(test_time_limit),
        cmocka_unit_test(test_time_limit_after_output),
        cmocka_unit_test(test_much_output),
        cmocka_unit_test(test_does_not_read),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_directory),
        cmocka_unit_test(test_own_shell),
        cmocka_unit_test(test_environment),
    };

    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "delivery/user.h"

#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conf/params.h"
#include "conf/test.h"

/* Users that every system has. */
enum { DAEMON = 1, NOBODY = 65534 };

static void test_parse(void **state)
{
    const struct {
        const char *text;
        uid_t uid;
        gid_t gid;
        const char *trouble; /* as root; NULL: good */
    } rows[] = {
        {"daemon", DAEMON, DAEMON, NULL},
        {"daemon:12345", DAEMON, 12345, NULL},
        {"nobody:daemon", NOBODY, DAEMON, NULL},
        {"no-such-user", 0, 0, "unknown user name: no-such-user"},
        {"", 0, 0, "unknown user name: "},
        {"daemon:no-such-group", 0, 0, "unknown group name: no-such-group"},
        {"daemon:-1", 0, 0, "unknown group name: -1"},
        {"root", 0, 0, "user= command-line attribute specifies root privileges"},
        {"daemon:root", 0, 0, "user= command-line attribute specifies root privileges"},
        {"daemon:0", 0, 0, "unknown group name: 0"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct user user = {.uid = 7, .gid = 7};
        struct error error;

        test_case(rows[i].text);
        assert_int_equal(user_parse(&user, rows[i].text, &error), rows[i].trouble ? -1 : 0);
        if (rows[i].trouble) {
            assert_string_equal(error.text, rows[i].trouble);
            assert_int_equal(error.kind, ERROR_PERMANENT);
        }
        assert_int_equal(user.uid, rows[i].trouble ? 7 : rows[i].uid);
        assert_int_equal(user.gid, rows[i].trouble ? 7 : rows[i].gid);
    }
}

static void test_mail_owner_is_refused(void **state)
{
    struct user user = {.uid = 7};
    struct error error;

    (void)state;
    if (geteuid() != 0)
        skip();
    params.mail_owner = "nobody";
    assert_int_equal(user_parse(&user, "nobody:daemon", &error), -1);
    params.mail_owner = "daemon";
    assert_int_equal(user_parse(&user, "nobody:daemon", &error), 0);
}

/* -- in a child: rights are those of the process ----------------------------------------------
 */

static void in_child(int (*run)(void))
{
    int status;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0)
        _exit(run());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static bool is_now(uid_t uid, gid_t gid)
{
    gid_t group;

    return geteuid() == uid && getegid() == gid && getgroups(1, &group) == 1 && group == gid;
}

/* The number of the step that failed; 0: none. */
static int become_and_return(void)
{
    const struct user daemon = {.uid = DAEMON, .gid = DAEMON};
    const struct user nobody = {.uid = NOBODY, .gid = NOBODY};
    struct error error;

    /* As a worker: the mail owner's rights, and the right to change. */
    if (setgroups(0, NULL) < 0 || setegid(2) < 0 || seteuid(2) < 0)
        return 1;
    if (!user_can_change() || user_become(&daemon, &error) < 0 || !is_now(DAEMON, DAEMON))
        return 2;
    if (user_become(&nobody, &error) < 0 || !is_now(NOBODY, NOBODY))
        return 3;
    user_return();
    if (!is_now(2, 2))
        return 4;
    user_return(); /* once more does nothing */
    return is_now(2, 2) ? 0 : 5;
}

static int become_for_good(void)
{
    const struct user daemon = {.uid = DAEMON, .gid = DAEMON};
    uid_t real, effective, saved;
    struct error error;

    if (user_become_for_good(&daemon, &error) < 0 || !is_now(DAEMON, DAEMON))
        return 1;
    if (getresuid(&real, &effective, &saved) < 0 || real != DAEMON || saved != DAEMON)
        return 2;
    if (seteuid(0) == 0 || user_can_change())
        return 3;
    /* Who cannot change stays who he is, and that is no trouble. */
    if (user_become(&(struct user){.uid = NOBODY, .gid = NOBODY}, &error) < 0)
        return 4;
    return is_now(DAEMON, DAEMON) ? 0 : 5;
}

/* A group of its own that runs as another user and does nothing. */
static pid_t start_group(void)
{
    const struct user nobody = {.uid = NOBODY, .gid = NOBODY};
    struct error error;
    int ready[2];
    char byte;
    pid_t child;

    if (pipe(ready) < 0)
        return -1;
    child = fork();
    if (child == 0) {
        if (setpgid(0, 0) < 0 || user_become_for_good(&nobody, &error) < 0 ||
            write(ready[1], "", 1) != 1)
            _exit(1);
        for (;;)
            (void)pause();
    }
    return read(ready[0], &byte, 1) == 1 ? child : -1;
}

static int kill_group(void)
{
    pid_t child = start_group();
    int status;

    if (child < 0)
        return 1;
    if (seteuid(DAEMON) < 0 || kill(-child, SIGKILL) == 0 || errno != EPERM)
        return 2;
    if (user_kill_group(child, SIGKILL) < 0 || geteuid() != DAEMON)
        return 3;
    if (waitpid(child, &status, 0) != child || !WIFSIGNALED(status))
        return 4;
    return user_kill_group(child, SIGKILL) < 0 && errno == ESRCH ? 0 : 5;
}

static void test_become_and_return(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    in_child(become_and_return);
}

static void test_become_for_good(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    in_child(become_for_good);
}

static void test_kill_group(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    in_child(kill_group);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_mail_owner_is_refused),
        cmocka_unit_test(test_become_and_return),
        cmocka_unit_test(test_become_for_good),
        cmocka_unit_test(test_kill_group),
    };

    return cmocka_run_group_tests(tests, test_load_defaults, NULL);
}

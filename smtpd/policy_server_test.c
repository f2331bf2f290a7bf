#include "policy_server.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "conf/test.h"
#include "net/stream.h"

static int set_up(void **state)
{
    log_hook = log_discard;
    return test_load_defaults(state);
}

static const struct {
    const char *text, *name, *default_action, *context;
    const char *error;
} servers[] = {
    {"inet:127.0.0.1:9998", "inet:127.0.0.1:9998", "451 4.3.5 Server configuration problem", "",
     NULL},
    {"unix:private/policy", "unix:private/policy", "451 4.3.5 Server configuration problem", "",
     NULL},
    {"inet:[::1]:9998, timeout=5s default_action=DUNNO", "inet:[::1]:9998", "DUNNO", "", NULL},
    {"unix:p, { default_action = 450 4.7.0 later, please }, policy_context = in,"
     " request_limit=1, try_limit=1, max_idle=2m, max_ttl=1h, retry_delay=1s",
     "unix:p", "450 4.7.0 later, please", "in", NULL},
    {"nope", NULL, NULL, NULL, "need service transport:endpoint instead of \"nope\""},
    {"", NULL, NULL, NULL, "need service transport:endpoint instead of \"\""},
    {"tcp:127.0.0.1:9998", NULL, NULL, NULL,
     "policy server \"tcp:127.0.0.1:9998\": \"tcp:127.0.0.1:9998\" is neither inet:host:port nor unix:path"},
    {"unix:p, foo = 1s", NULL, NULL, NULL, "unknown option: \"foo = 1s\""},
    {"unix:p, timeout=soon", NULL, NULL, NULL, "bad value in \"timeout = soon\""},
    {"unix:p, timeout=0", NULL, NULL, NULL, "bad value in \"timeout = 0\""},
    {"unix:p, try_limit=0", NULL, NULL, NULL, "bad value in \"try_limit = 0\""},
};

static void test_find(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(servers); i++) {
        struct error error = ERROR_INIT;
        struct slice text = slice_from(servers[i].text);
        struct policy_server *server = policy_server_find(text, &error);

        test_case(servers[i].text);
        if (servers[i].error) {
            assert_null(server);
            assert_string_equal(error.text, servers[i].error);
            continue;
        }
        assert_non_null(server);
        assert_string_equal(server->name, servers[i].name);
        assert_string_equal(server->default_action, servers[i].default_action);
        assert_string_equal(server->policy_context, servers[i].context);
        assert_ptr_equal(server, policy_server_find(text, &error));
    }
}

static const struct {
    const char *name, *sent, *action;
    int result;
} replies[] = {
    {"plain", "action=DUNNO\n\n", "DUNNO", 0},
    {"with CR", "action=REJECT no\r\n\r\n", "REJECT no", 0},
    {"others are passed over", "a=b\naction=OK\nc=d\n\n", "OK", 0},
    {"equals sign in the value", "action=REJECT a=b\n\n", "REJECT a=b", 0},
    {"an empty action is one", "action=\n\n", "", 0},
    {"no action", "foo=bar\n\n", NULL, 0},
    {"no value", "action\n\n", NULL, 0},
    {"the end comes too early", "action=OK\n", NULL, -1},
    {"nothing", "", NULL, -1},
};

static void test_read_reply(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(replies); i++) {
        CLEANUP(stream_release) struct stream stream = {.fd = -1};
        CLEANUP(buf_release) struct buf action = BUF_INIT;
        bool has_action;
        int ends[2];

        test_case(replies[i].name);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        size_t size = strlen(replies[i].sent);
        assert_int_equal(write(ends[1], replies[i].sent, size), size);
        assert_int_equal(close(ends[1]), 0);
        stream_init(&stream, ends[0]);
        stream_set_deadline(&stream, deadline_in(SECONDS(5)));
        assert_int_equal(policy_read_reply(&stream, "test", &action, &has_action),
                         replies[i].result);
        if (replies[i].result == 0)
            assert_int_equal(has_action, replies[i].action != NULL);
        if (replies[i].action)
            assert_string_equal(action.data, replies[i].action);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_read_reply),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}

#include "macros.h"

#include "conf/params.h"
#include "conf/test.h"
#include "delivery/test_message.h"

static const struct {
    const char *name;
    const char *argument;
    const char *expanded; /* arguments joined by "|" */
} rows[] = {
    {"no macro", "-x", "-x"},
    {"dollar", "$$5", "$5"},
    {"recipient", "${recipient}", "User+Ext@Dom.Test|b@y.test"},
    {"without braces", "$recipient", "User+Ext@Dom.Test|b@y.test"},
    {"in parentheses", "$(recipient)", "User+Ext@Dom.Test|b@y.test"},
    {"within a word", "to=${recipient}!", "to=User+Ext@Dom.Test!|to=b@y.test!"},
    {"user and extension", "${user} ${extension}", "User Ext|b "},
    {"mailbox", "${mailbox}", "User+Ext|b"},
    {"domain", "${domain}", "Dom.Test|y.test"},
    {"original recipient", "${original_recipient}", "alias@z.test|"},
    {"once for the delivery", "${sender} ${nexthop} ${queue_id} ${size}",
     "sender@example.test Next.Test TESTID 5"},
    {"client", "${client_address} ${client_hostname} ${client_helo} ${client_protocol}",
     "192.0.2.1 c.test h.test ESMTP"},
    {"sasl", "<${sasl_method}> <${sasl_username}> <${sasl_sender}>", "<PLAIN> <ada> <>"},
    {"envelope ID", "${envid}", "id 1"},
    {"conditions", "${sasl_sender?{yes}:{no}}", "no"},
    {"what looks like a macro in a value stays", "${client_port}", "$recipient"},
};

/* A delivery with two recipients. */
static void scene_init(struct test_message *message, struct recipient recipients[2])
{
    struct delivery_request *request = &message->delivery.request;

    test_message_init(message, SLICE("A: b\n"));
    recipients[0] = (struct recipient){.address = SLICE("User+Ext@Dom.Test"),
                                       .original = SLICE("alias@z.test")};
    recipients[1] = (struct recipient){.address = SLICE("b@y.test")};
    message->delivery.recipients = recipients;
    message->delivery.n_recipients = 2;
    request->nexthop = SLICE("Next.Test");
    request->log_client_address = SLICE("192.0.2.1");
    request->log_client_name = SLICE("c.test");
    request->log_client_helo = SLICE("h.test");
    request->log_client_protocol = SLICE("ESMTP");
    request->log_client_port = SLICE("$recipient");
    request->sasl_method = SLICE("PLAIN");
    request->sasl_username = SLICE("ada");
    request->envelope_id = SLICE("id 1");
}

static void expand(const struct attributes *attributes, struct test_message *message,
                   struct buf *joined)
{
    const char *const *argv;
    struct error error;

    assert_int_equal(macros_expand(attributes, &message->delivery, &argv, &error), 0);
    assert_string_equal(argv[0], "command");
    for (size_t i = 1; argv[i]; i++)
        buf_printf(joined, "%s%s", i > 1 ? "|" : "", argv[i]);
}

static void check(const struct attributes *flags, const char *argument, const char *expanded)
{
    const char *const argv[] = {"command", argument, NULL};
    struct attributes attributes = *flags;
    CLEANUP(test_message_release) struct test_message message;
    CLEANUP(buf_release) struct buf joined = BUF_INIT;
    struct recipient recipients[2];

    scene_init(&message, recipients);
    attributes.argv = argv;
    attributes.argc = 2;
    expand(&attributes, &message, &joined);
    assert_slice_equal(buf_slice(&joined), expanded);
}

static void test_macros(void **state)
{
    struct attributes attributes = {.null_sender = "MAILER-DAEMON"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        test_case(rows[i].name);
        check(&attributes, rows[i].argument, rows[i].expanded);
    }
}

static void test_flags(void **state)
{
    struct attributes host = {.fold_host = true}, user = {.fold_user = true};

    (void)state;
    check(&host, "${recipient} ${domain} ${nexthop}",
          "User+Ext@dom.test dom.test next.test|b@y.test y.test next.test");
    check(&user, "${recipient} ${user}", "user+ext@Dom.Test user|b@y.test b");
}

static void test_quotes(void **state)
{
    const char *const argv[] = {"command", "${recipient} ${sender}", NULL};
    struct attributes attributes = {.argv = argv, .argc = 2};
    CLEANUP(test_message_release) struct test_message message;
    CLEANUP(buf_release) struct buf plain = BUF_INIT;
    CLEANUP(buf_release) struct buf quoted = BUF_INIT;
    struct recipient recipients[2];

    (void)state;
    scene_init(&message, recipients);
    recipients[0].address = SLICE("a b@x.test");
    message.delivery.n_recipients = 1;
    message.delivery.request.sender = SLICE("c d@x.test");
    expand(&attributes, &message, &plain);
    assert_slice_equal(buf_slice(&plain), "a b@x.test c d@x.test");
    attributes.quote = true;
    expand(&attributes, &message, &quoted);
    assert_slice_equal(buf_slice(&quoted), "\"a b\"@x.test \"c d\"@x.test");
}

/* owner-list is no address extension. */
static void test_owner(void **state)
{
    const char *const argv[] = {"command", "${user} ${extension}", NULL};
    struct attributes attributes = {.argv = argv, .argc = 2};
    CLEANUP(test_message_release) struct test_message message;
    CLEANUP(buf_release) struct buf joined = BUF_INIT;
    struct recipient recipients[2];

    (void)state;
    scene_init(&message, recipients);
    recipients[0].address = SLICE("owner-list@x.test");
    recipients[1].address = SLICE("user-list@x.test");
    params.recipient_delimiter = "-";
    expand(&attributes, &message, &joined);
    params.recipient_delimiter = "+";
    assert_slice_equal(buf_slice(&joined), "owner-list |user list");
}

static void test_null_sender(void **state)
{
    const char *const argv[] = {"command", "${sender}", NULL};
    struct attributes attributes = {
        .argv = argv, .argc = 2, .null_sender = "MAILER-DAEMON", .quote = true};
    CLEANUP(test_message_release) struct test_message message;
    CLEANUP(buf_release) struct buf joined = BUF_INIT;
    struct recipient recipients[2];

    (void)state;
    scene_init(&message, recipients);
    message.delivery.request.sender = SLICE_EMPTY;
    expand(&attributes, &message, &joined);
    assert_slice_equal(buf_slice(&joined), "MAILER-DAEMON");
    attributes.null_sender = "";
    buf_reset(&joined);
    expand(&attributes, &message, &joined);
    assert_slice_equal(buf_slice(&joined), "");
}

static void test_too_many(void **state)
{
    enum { MANY = 20000 };

    const char *const command[] = {"command", "${recipient}", NULL};
    struct attributes attributes = {.argv = command, .argc = 2};
    CLEANUP(test_message_release) struct test_message message;
    const char *const *argv;
    struct recipient recipients[2];
    struct error error;

    (void)state;
    scene_init(&message, recipients);
    message.delivery.recipients = arena_array(&message.delivery.arena, struct recipient, MANY);
    message.delivery.n_recipients = MANY;
    assert_int_equal(macros_expand(&attributes, &message.delivery, &argv, &error), -1);
    assert_string_equal(error.text, "too many arguments for command");
}

/* A mistake in master.cf, which the mail waits out. */
static void test_unknown(void **state)
{
    static const char *const words[] = {"$recipients", "${0}", "echo $1 ${recipient}", "$"};
    static const char *const troubles[] = {"unknown macro name: \"recipients\"",
                                           "unknown macro name: \"0\"",
                                           "unknown macro name: \"1\"", NULL};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        const char *const command[] = {"command", words[i], NULL};
        struct attributes attributes = {.argv = command, .argc = 2};
        CLEANUP(test_message_release) struct test_message message;
        const char *const *argv;
        struct recipient recipients[2];
        struct error error;

        test_case(words[i]);
        scene_init(&message, recipients);
        assert_int_equal(macros_expand(&attributes, &message.delivery, &argv, &error), -1);
        if (troubles[i])
            assert_string_equal(error.text, troubles[i]);
    }
}

static int start(void **state)
{
    if (test_load_defaults(state) < 0)
        return -1;
    params.recipient_delimiter = "+";
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_macros),      cmocka_unit_test(test_flags),
        cmocka_unit_test(test_quotes),      cmocka_unit_test(test_owner),
        cmocka_unit_test(test_null_sender), cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_unknown),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}

#include "access.h"

#include "base/log.h"
#include "conf/test.h"
#include "dns/cache.h"
#include "restriction.h"
#include "route/resolve.h"
#include "settings.h"
#include "transaction.h"

static const char main_cf_text[] =
    "compatibility_level = 3.6\n"
    "myhostname = mx.example.test\n"
    "mydestination = example.test\n"
    "inet_interfaces = 127.0.0.1\n"
    "mynetworks = 192.0.2.0/24, 127.0.0.0/8\n"
    "relay_domains = relayed.test\n"
    "relay_recipient_maps = inline:{good@relayed.test=x}\n"
    "local_recipient_maps = inline:{alice=x, bob=x}\n"
    "virtual_alias_domains = alias.test\n"
    "virtual_alias_maps = inline:{x@alias.test=alice}\n"
    "alias_maps =\n"
    "recipient_delimiter = +\n"
    "rbl_reply_maps = inline:{{good.test=550 5.7.7 gone away}, "
    "{mapped.test=550 5.1.1 no such user}, {welcome.test=250 2.0.0 welcome}, "
    "nonsense.test=nonsense}\n"
    "smtpd_restriction_classes = fussy, endless, deep, deeper, lenient\n"
    "deep = permit_mynetworks, deeper\n"
    "deeper = deep, reject_unauth_destination\n"
    "lenient = warn_if_reject deep\n"
    "fussy = check_sender_access inline:{friend@client.test=OK}, reject\n"
    "endless = endless\n";

/* The last line that was logged, and all of them. */
static struct buf logged;

static void keep_line(enum log_level level, const char *line)
{
    (void)level;
    buf_add_text(&logged, line);
    buf_add_char(&logged, '\n');
}

static int set_up(void **state)
{
    (void)state;
    if (test_load_text(main_cf_text, "smtpd") < 0)
        return -1;
    buf_init(&logged);
    log_hook = keep_line;
    route_open();
    settings_open();
    return 0;
}

/* A client at 198.51.100.7 that said HELO and MAIL. */
static void begin(struct session *session, const char *sender)
{
    *session = (struct session){.protocol = "ESMTP",
                                .stage = "RCPT",
                                .helo = BUF_INIT,
                                .denied = BUF_INIT,
                                .deferred = BUF_INIT,
                                .transcript = BUF_INIT};
    peer_set_local(&session->peer, &session->arena);
    session->peer.text.name = SLICE("host.client.test");
    session->peer.text.address = SLICE("198.51.100.7");
    assert_int_equal(endpoint_parse(&session->peer.endpoint, SLICE("198.51.100.7"), 25), 0);
    session->peer.name_status = NAME_STATUS_FORGED;
    peer_update_full_name(&session->peer, &session->arena);
    buf_set_text(&session->helo, "helo.client.test");
    session->transaction = transaction_new();
    session->transaction->sender =
        arena_slice(&session->transaction->arena, slice_from(sender));
    buf_reset(&logged);
}

static void end(struct session *session)
{
    transaction_free(session->transaction);
    buf_release(&session->helo);
    arena_release(&session->scratch);
    arena_release(&session->arena);
}

static const struct {
    const char *list, *recipient;
    const char *reply; /* NULL: permitted; "": no opinion */
} rows[] = {
    {"permit, reject", "alice@example.test", NULL},
    {"", "alice@example.test", ""},
    {"reject", "alice@example.test",
     "554 5.7.1 <subject>: Recipient address rejected: Access denied"},
    {"defer", "alice@example.test",
     "450 4.3.2 <subject>: Recipient address rejected: Try again later"},
    {"warn_if_reject reject", "alice@example.test", ""},
    {"permit_mynetworks", "alice@example.test", ""},
    {"permit_sasl_authenticated", "alice@example.test", ""},
    {"reject_unauth_destination", "alice@example.test", ""},
    {"reject_unauth_destination", "x@relayed.test", ""},
    {"reject_unauth_destination", "x@alias.test", ""},
    {"reject_unauth_destination", "x@elsewhere.test",
     "554 5.7.1 <x@elsewhere.test>: Relay access denied"},
    {"defer_unauth_destination", "x@elsewhere.test",
     "454 4.7.1 <x@elsewhere.test>: Relay access denied"},
    {"reject_unauth_destination", "alice%elsewhere.test@example.test",
     "554 5.7.1 <alice%elsewhere.test@example.test>: Relay access denied"},
    {"permit_auth_destination, reject", "x@relayed.test", NULL},
    {"reject_unlisted_recipient", "alice@example.test", ""},
    {"reject_unlisted_recipient", "alice+x@example.test", ""},
    {"reject_unlisted_recipient", "x@alias.test", ""},
    {"reject_unlisted_recipient", "nobody@example.test",
     "550 5.1.1 <nobody@example.test>: Recipient address rejected: User unknown in local recipient table"},
    {"reject_unlisted_recipient", "bad@relayed.test",
     "550 5.1.1 <bad@relayed.test>: Recipient address rejected: User unknown in relay recipient table"},
    {"reject_unlisted_recipient", "y@alias.test",
     "550 5.1.1 <y@alias.test>: Recipient address rejected: User unknown in virtual alias table"},
    {"reject_non_fqdn_recipient", "a@short",
     "504 5.5.2 <a@short>: Recipient address rejected: need fully-qualified address"},
    {"reject_non_fqdn_recipient", "postmaster", ""},
    {"reject_non_fqdn_helo_hostname, reject_invalid_helo_hostname", "a@b.test", ""},
    {"reject_unknown_client_hostname", "a@b.test",
     "450 4.7.25 Client host rejected: cannot find your hostname, [198.51.100.7]"},
    {"frobnicate", "a@b.test", "451 4.3.5 Server configuration error"},
    {"check_client_access", "a@b.test", "451 4.3.5 Server configuration error"},
    {"warn_if_reject frobnicate", "a@b.test", "451 4.3.5 Server configuration error"},
    {"reject_rbl_client nodots", "a@b.test", ""},
    {"reject, reject_rbl_client", "a@b.test",
     "554 5.7.1 <subject>: Recipient address rejected: Access denied"},
    {"reject_rbl_client", "a@b.test", ""},
    {"endless", "a@b.test", "451 4.3.5 Server configuration error"},
    {"fussy", "a@b.test", "554 5.7.1 <subject>: Recipient address rejected: Access denied"},
    {"check_recipient_access inline:{a@b.test=REJECT}", "a@b.test",
     "554 5.7.1 <a@b.test>: Recipient address rejected: Access denied"},
    {"check_recipient_access inline:{a@b.test=RELAY}, reject", "a@b.test", NULL},
    {"check_recipient_access inline:{{a@b.test=REJECT 5.1.4 no}}", "a@b.test",
     "554 5.1.4 <a@b.test>: Recipient address rejected: no"},
    {"check_recipient_access inline:{{a@b.test=REJECT 5.1.12 no}}", "a@b.test",
     "554 5.1.0 <a@b.test>: Recipient address rejected: no"},
    {"check_sender_access inline:{{from@client.test=REJECT 5.1.4 no}}", "a@b.test",
     "554 5.1.7 <from@client.test>: Sender address rejected: no"},
    {"check_helo_access inline:{{helo.client.test=REJECT 5.1.9 no}}", "a@b.test",
     "554 5.0.0 <helo.client.test>: Helo command rejected: no"},
    {"check_recipient_access inline:{a@b.test=REJECT, x=y}", "A@B.test",
     "554 5.7.1 <A@B.test>: Recipient address rejected: Access denied"},
    {"check_recipient_access inline:{{b.test=REJECT 5.1.8 no}}", "a@b.test",
     "554 5.1.2 <a@b.test>: Recipient address rejected: no"},
    {"check_recipient_access inline:{{b.test=550 go}}", "a@sub.b.test",
     "550 5.7.1 <a@sub.b.test>: Recipient address rejected: go"},
    {"check_recipient_access inline:{{a@=450 4.2.1 go}}", "a+x@b.test",
     "450 4.2.1 <a+x@b.test>: Recipient address rejected: go"},
    {"check_recipient_access inline:{a@b.test=DUNNO, b.test=REJECT}", "a@b.test", ""},
    {"check_recipient_access inline:{a@b.test=12345}", "a@b.test", NULL},
    {"check_recipient_access inline:{a@b.test=fussy}", "a@b.test",
     "554 5.7.1 <a@b.test>: Recipient address rejected: Access denied"},
    {"check_recipient_access inline:{{a@b.test=check_sender_access static:OK}}", "a@b.test",
     "451 4.3.5 Server configuration error"},
    {"check_recipient_access inline:{a@b.test=55x}", "a@b.test",
     "451 4.3.5 Server configuration error"},
    {"check_recipient_access fail:x", "a@b.test",
     "451 4.3.5 <a@b.test>: Recipient address rejected: Server configuration error"},
    {"check_client_access inline:{{198.51.100=REJECT net}}", "a@b.test",
     "554 5.7.1 <host.client.test[198.51.100.7]>: Client host rejected: net"},
    {"check_client_access inline:{client.test=OK}, reject", "a@b.test", NULL},
    {"check_client_access inline:{.client.test=OK}", "a@b.test", ""},
    {"check_helo_access inline:{{helo.client.test=REJECT 5.1.1 liar}}", "a@b.test",
     "554 5.0.0 <helo.client.test>: Helo command rejected: liar"},
    {"check_sender_access inline:{{from@client.test=REJECT 5.1.1 who}}", "a@b.test",
     "554 5.1.7 <from@client.test>: Sender address rejected: who"},
    {"check_sender_access inline:{from@client.test=DEFER_IF_REJECT}, reject", "a@b.test",
     "450 4.7.1 <from@client.test>: Sender address rejected: Service unavailable"},
    {"defer_if_reject, defer", "a@b.test",
     "450 4.3.2 <subject>: Recipient address rejected: Try again later"},
    {"inline:{a@b.test=REJECT}", "a@b.test",
     "554 5.7.1 <a@b.test>: Recipient address rejected: Access denied"},
};

static void check_reply(const struct smtp_reply *reply, const char *expected)
{
    CLEANUP(buf_release) struct buf wire = BUF_INIT;

    smtp_reply_format(&wire, reply);
    buf_truncate(&wire, wire.len - 2);
    assert_slice_equal(buf_slice(&wire), expected);
}

static void test_restrictions(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct session session;
        struct check check = {.session = &session,
                              .recipient = slice_from(rows[i].recipient),
                              .has_recipient = true,
                              .subject = SLICE("subject"),
                              .class = CLASS_RECIPIENT};
        enum access_result result;

        test_case(rows[i].list);
        begin(&session, "from@client.test");
        result = restriction_list_run(&check, restriction_list_parse("test", rows[i].list));
        if (!rows[i].reply)
            assert_int_equal(result, ACCESS_PERMIT);
        else if (!*rows[i].reply)
            assert_int_equal(result, ACCESS_DUNNO);
        else {
            assert_int_equal(result, ACCESS_REJECT);
            check_reply(&check.reply, rows[i].reply);
            assert_non_null(strstr(logged.data, "NOQUEUE: reject: RCPT from "
                                                "host.client.test[198.51.100.7]: "));
        }
        end(&session);
    }
}

static const struct {
    const char *action;
    const char *log; /* part of what is logged */
} logs[] = {
    {"HOLD", "hold: RCPT from host.client.test[198.51.100.7]: <a@b.test>: Recipient address "
             "triggers HOLD action; from=<from@client.test> to=<a@b.test> proto=ESMTP "
             "helo=<helo.client.test>"},
    {"HOLD text", ": <a@b.test>: Recipient address text;"},
    {"DISCARD", "discard: RCPT from host.client.test[198.51.100.7]: <a@b.test>: Recipient "
                "address triggers DISCARD action;"},
    {"FILTER", "entry \"a@b.test\" has FILTER entry without value"},
    {"FILTER x", "entry \"a@b.test\" requires transport:destination"},
    {"FILTER x:y", "filter: RCPT from host.client.test[198.51.100.7]: <a@b.test>: Recipient "
                   "address triggers FILTER x:y;"},
    {"REDIRECT x", "entry \"a@b.test\" requires user@domain target"},
    {"REDIRECT x@y", "triggers REDIRECT x@y;"},
    {"BCC x@y", "bcc: RCPT from host.client.test[198.51.100.7]: <a@b.test>: Recipient address "
                "triggers BCC x@y;"},
    {"PREPEND x", "requires header: text"},
    {"WARN careful", "warn: RCPT from host.client.test[198.51.100.7]: careful; from="},
    {"INFO note", "info: RCPT from host.client.test[198.51.100.7]: note; from="},
};

static void test_actions(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(logs); i++) {
        CLEANUP(buf_release) struct buf list = BUF_INIT;
        struct session session;
        struct check check = {
            .session = &session, .recipient = SLICE("a@b.test"), .has_recipient = true};

        test_case(logs[i].action);
        begin(&session, "from@client.test");
        buf_printf(&list, "check_recipient_access inline:{{a@b.test=%s}}", logs[i].action);
        assert_int_not_equal(
            restriction_list_run(&check, restriction_list_parse("test", list.data)),
            ACCESS_REJECT);
        if (!strstr(logged.data, logs[i].log))
            fail_msg("%s", logged.data);
        end(&session);
    }
}

static void test_names_in_lists(void **state)
{
    const struct {
        const char *list;
        bool is_there, is_enforced;
    } lists[] = {
        {"", false, false},
        {"permit_mynetworks, reject", false, false},
        {"reject_unauth_destination", true, true},
        {"warn_if_reject reject_unauth_destination", true, false},
        {"warn_if_reject reject, reject_unauth_destination", true, true},
        {"permit_mynetworks deep", true, true},
        {"warn_if_reject deep", true, false},
        {"lenient", true, false},
        {"lenient deeper", true, true},
        {"endless", false, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        const struct restriction_list *list = restriction_list_parse("test", lists[i].list);

        test_case(lists[i].list);
        assert_int_equal(
            restriction_list_has(list, "reject_unauth_destination", RESTRICTION_ANY),
            lists[i].is_there);
        assert_int_equal(
            restriction_list_has(list, "reject_unauth_destination", RESTRICTION_ENFORCED),
            lists[i].is_enforced);
    }
}

static void test_message_actions(void **state)
{
    struct session session;
    struct check check = {
        .session = &session, .recipient = SLICE("a@b.test"), .has_recipient = true};

    (void)state;
    begin(&session, "");
    assert_int_equal(
        restriction_list_run(
            &check, restriction_list_parse(
                        "test", "check_recipient_access inline:{{a@b.test=PREPEND X-A: b}}, "
                                "check_sender_access inline:{{<>=FILTER f:n}}, "
                                "check_sender_access inline:{<>=DISCARD}, reject")),
        ACCESS_PERMIT);
    assert_slice_equal(buf_slice(&session.transaction->actions.prepended), "X-A: b\n");
    assert_slice_equal(session.transaction->actions.filter, "f:n");
    assert_true(session.transaction->actions.discard);
    end(&session);
}

/* -- replies that the administrator chose ----------------------------------------------------
 */

/* The client is on the list of that name. */
static void list_client(const char *list)
{
    CLEANUP(buf_release) struct buf name = BUF_INIT;
    struct dns_record record = {.type = DNS_A};
    struct dns_answer answer = {.records = &record, .n_records = 1};

    buf_printf(&name, "7.100.51.198.%s", list);
    record.name = answer.name = buf_slice(&name);
    assert_int_equal(endpoint_parse(&record.address, SLICE("127.0.0.2"), 0), 0);
    dns_cache_add(answer.name, DNS_A, DNS_OK, &answer, 50);
    dns_cache_add(answer.name, DNS_TXT, DNS_NO_DATA, NULL, 50);
}

/* Lists of the good let nobody relay, and are not asked about those who would. */
static void test_allowlists(void **state)
{
    const struct {
        const char *list, *recipient, *reply; /* NULL: permitted */
    } allowed[] = {
        {"permit_dnswl_client friends.test, reject", "alice@example.test", NULL},
        {"permit_dnswl_client friends.test, reject_unauth_destination", "a@elsewhere.test",
         "554 5.7.1 <a@elsewhere.test>: Relay access denied"},
        {"permit_dnswl_client lost.test, reject", "alice@example.test",
         "450 4.7.1 <198.51.100.7>: Client host rejected: Service unavailable"},
        {"permit_dnswl_client lost.test, reject_unauth_destination", "a@elsewhere.test",
         "554 5.7.1 <a@elsewhere.test>: Relay access denied"},
    };

    (void)state;
    list_client("friends.test");
    dns_cache_add(SLICE("7.100.51.198.lost.test"), DNS_A, DNS_TEMPORARY, NULL, 50);
    for (size_t i = 0; i < ARRAY_SIZE(allowed); i++) {
        CLEANUP(buf_release) struct buf line = BUF_INIT;
        struct session session;
        struct check check = {.session = &session,
                              .recipient = slice_from(allowed[i].recipient),
                              .has_recipient = true};

        test_case(allowed[i].list);
        begin(&session, "from@client.test");
        assert_int_equal(
            restriction_list_run(&check, restriction_list_parse("test", allowed[i].list)),
            allowed[i].reply ? ACCESS_REJECT : ACCESS_PERMIT);
        buf_printf(&line, "%d %s %.*s", check.reply.code, check.reply.dsn,
                   SLICE_ARG(check.reply.text));
        if (allowed[i].reply)
            assert_string_equal(line.data, allowed[i].reply);
        end(&session);
    }
}

static void test_reply_that_is_no_refusal(void **state)
{
    const struct {
        const char *list, *reply, *log;
    } refusals[] = {
        {"reject_rbl_client default.test",
         "554 5.7.1 Service unavailable; Client host [198.51.100.7] blocked using default.test",
         ""},
        {"reject_rbl_client good.test", "550 5.7.7 gone away", ""},
        {"reject_rbl_client mapped.test", "550 5.0.0 no such user",
         "mapping DSN status 5.1.1 into Client host status 5.0.0"},
        {"reject_rbl_client welcome.test", "450 4.7.1 Service unavailable",
         "rbl response code configuration error: 250 2.0.0 welcome"},
        {"reject_rbl_client nonsense.test", "450 4.7.1 Service unavailable",
         "rbl response code configuration error: nonsense"},
        {"reject_non_fqdn_recipient", "450 4.7.1 Service unavailable",
         "SMTP reply code configuration error: 250 "},
    };

    (void)state;
    params.non_fqdn_reject_code = 250;
    for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
        struct session session;
        struct check check = {
            .session = &session, .recipient = SLICE("a@short"), .has_recipient = true};

        test_case(refusals[i].list);
        if (strchr(refusals[i].list, ' '))
            list_client(strchr(refusals[i].list, ' ') + 1);
        begin(&session, "from@client.test");
        assert_int_equal(
            restriction_list_run(&check, restriction_list_parse("test", refusals[i].list)),
            ACCESS_REJECT);
        check_reply(&check.reply, refusals[i].reply);
        if (!strstr(logged.data, refusals[i].log))
            fail_msg("%s", logged.data);
        end(&session);
    }
}

/* Who is not known is nobody's friend. */
static void test_unknown_peer(void **state)
{
    struct session session;
    struct check check = {.session = &session};

    (void)state;
    begin(&session, "from@client.test");
    peer_set_unknown(&session.peer, &session.arena);
    assert_slice_equal(session.peer.full_name, "unknown[unknown]");
    assert_int_equal(
        restriction_list_run(&check, restriction_list_parse("test", "permit_mynetworks")),
        ACCESS_DUNNO);
    peer_set_local(&session.peer, &session.arena);
    assert_int_equal(
        restriction_list_run(&check, restriction_list_parse("test", "permit_mynetworks")),
        ACCESS_PERMIT);
    end(&session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_restrictions),   cmocka_unit_test(test_actions),
        cmocka_unit_test(test_names_in_lists), cmocka_unit_test(test_message_actions),
        cmocka_unit_test(test_allowlists),     cmocka_unit_test(test_reply_that_is_no_refusal),
        cmocka_unit_test(test_unknown_peer),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}

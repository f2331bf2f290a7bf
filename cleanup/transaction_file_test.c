/*
 * What a transaction writes into its queue file.
 */
#include "test_transaction.h"

#define HEAD "T 1700000000 5\nA rewrite_context=local\n"

static const struct {
    const char *name;
    struct test_input input;
    const char *expected;
} written[] = {
    {"plain",
     {"a@b.test", "x@s.test", "Subject: x\nFrom: a@b.test\nDate: then\n\ntext\n", ALL},
     HEAD "S a@b.test\nW      1700014400\nA dsn_orig_rcpt=rfc822;x@s.test\nO x@s.test\n"
          "R x@s.test\nM \nN Subject: x\nN From: a@b.test\nN Date: then\nN \nN text\nX \nA "
          "message_id=*\nE \n"},
    {"incomplete addresses",
     {"a", "x", "From: y, \"Q\" <z>\nDate: then\n\n", ALL},
     HEAD "S a@example.test\nW      1700014400\nA dsn_orig_rcpt=rfc822;x@example.test\nO x\n"
          "R x@example.test\nM \nN From: y@example.test, \"Q\" <z@example.test>\n"
          "N Date: then\nN \nX \nA message_id=*\nE \n"},
    {"null sender",
     {"", "x@s.test", "Date: then\n\n", ALL},
     HEAD "S \nA dsn_orig_rcpt=rfc822;x@s.test\nO x@s.test\nR x@s.test\nM \nN Date: then\n"
          "N From: MAILER-DAEMON\nN \nX \nA message_id=*\nE \n"},
    {"canonical",
     {"both@example.test", "both@example.test", "From: both@example.test\nDate: then\n\n", ALL},
     HEAD "S mapped@canon.test\nW      1700014400\n"
          "A dsn_orig_rcpt=rfc822;both@example.test\nO both@example.test\n"
          "R mapped@canon.test\nM \nN From: mapped@canon.test\nN Date: then\nN \nX \nA "
          "message_id=*\nE \n"},
    {"sender and recipient canonical",
     {"s@example.test", "r@example.test",
      "From: s@example.test\nTo: r@example.test, s@example.test\nDate: then\n\n", ALL},
     HEAD "S s2@canon.test\nW      1700014400\nA dsn_orig_rcpt=rfc822;r@example.test\n"
          "O r@example.test\nR r2@canon.test\nM \nN From: s2@canon.test\n"
          "N To: r2@canon.test, s@example.test\nN Date: then\nN \nX \nA message_id=*\nE \n"},
    {"masquerading",
     {"u@deep.host.masq.test", "x@s.test",
      "From: u@host.masq.test\nCc: root@host.masq.test\nDate: then\n\n", ALL},
     HEAD "S u@masq.test\nW      1700014400\nA dsn_orig_rcpt=rfc822;x@s.test\nO x@s.test\n"
          "R x@s.test\nM \nN From: u@masq.test\nN Cc: root@host.masq.test\nN Date: then\n"
          "N \nX \nA message_id=*\nE \n"},
    {"aliases",
     {"", "many@v.test", "From: a@b.test\nDate: then\n\n", ALL},
     HEAD "S \nA dsn_orig_rcpt=rfc822;many@v.test\nO many@v.test\nR a1@s.test\n"
          "A dsn_orig_rcpt=rfc822;many@v.test\nO many@v.test\nR a2@s.test\nM \n"
          "N From: a@b.test\nN Date: then\nN \nX \nA message_id=*\nE \n"},
    {"alias chain with extension",
     {"", "chain+x@v.test", "From: a@b.test\nDate: then\n\n", ALL},
     HEAD "S \nA dsn_orig_rcpt=rfc822;chain+x@v.test\nO chain+x@v.test\nR end+x@s.test\nM \n"
          "N From: a@b.test\nN Date: then\nN \nX \nA message_id=*\nE \n"},
    {"alias to itself",
     {"", "self@v.test", "From: a@b.test\nDate: then\n\n", ALL},
     HEAD "S \nA dsn_orig_rcpt=rfc822;self@v.test\nO self@v.test\nR self@v.test\n"
          "A dsn_orig_rcpt=rfc822;self@v.test\nO self@v.test\nR copy@s.test\nM \n"
          "N From: a@b.test\nN Date: then\nN \nX \nA message_id=*\nE \n"},
    {"no mapping",
     {"s@example.test", "many@v.test", "From: s@example.test\nDate: then\n\n", 0},
     HEAD "S s@example.test\nW      1700014400\nA dsn_orig_rcpt=rfc822;many@v.test\n"
          "O many@v.test\nR many@v.test\nM \nN From: s@example.test\nN Date: then\nN \nX \nA "
          "message_id=*\nE \n"},
    {"blind copies",
     {"audited@example.test", "watched@s.test", "From: a@b.test\nDate: then\n\n", ALL},
     HEAD "S audited@example.test\nA notify_flags=1\nO alice@example.test\n"
          "R alice@example.test\nW      1700014400\nA dsn_orig_rcpt=rfc822;watched@s.test\n"
          "O watched@s.test\nR watched@s.test\nA notify_flags=1\nO bob@example.test\n"
          "R bob@example.test\nM \nN From: a@b.test\nN Date: then\nN \nX \nA message_id=*\nE "
          "\n"},
    {"dropped headers",
     {"", "x@s.test",
      "Bcc: a@b.test\nReturn-Path: <q@r.test>\nContent-Length: 5\nFrom: a@b.test\nDate: then\n\n",
      ALL},
     HEAD "S \nA dsn_orig_rcpt=rfc822;x@s.test\nO x@s.test\nR x@s.test\nM \n"
          "N From: a@b.test\nN Date: then\nN \nX \nA message_id=*\nE \n"},
    {"resent",
     {"", "x@s.test", "Resent-To: a@b.test\nFrom: a@b.test\nMessage-ID: <1@2>\n\n", ALL},
     HEAD "S \nA dsn_orig_rcpt=rfc822;x@s.test\nO x@s.test\nR x@s.test\nM \n"
          "N Resent-To: a@b.test\nN From: a@b.test\nN Message-ID: <1@2>\n"
          "N Resent-Message-Id: *\nN Resent-Date: Tue, 14 Nov 2023 22:13:20 +0000 (UTC)\n"
          "N Resent-From: MAILER-DAEMON\nN \nX \nA message_id=<1@2>\nE \n"},
    {"no header at all",
     {"", "x@s.test", "text: not\nis text\n", ALL},
     HEAD "S \nA dsn_orig_rcpt=rfc822;x@s.test\nO x@s.test\nR x@s.test\nM \nN text: not\n"
          "N Date: Tue, 14 Nov 2023 22:13:20 +0000 (UTC)\nN From: MAILER-DAEMON\nN \n"
          "N is text\nX \nA message_id=*\nE \n"},
    {"header checks",
     {"", "x@s.test",
      "From: a@b.test\nDate: then\nX-Replace: a\n b\nX-Prepend: 1\nX-Ignore: 2\nX-Strip: 3\n"
      "X-Warn: 4\n\n",
      ALL},
     HEAD "S \nA dsn_orig_rcpt=rfc822;x@s.test\nO x@s.test\nR x@s.test\nM \n"
          "N From: a@b.test\nN Date: then\nN X-New: text\nN X-Before: text\nN X-Prepend: 1\n"
          "N X-Warn: 4\nN \nX \nA message_id=*\nE \n"},
    {"body checks",
     {"", "x@s.test", "From: a@b.test\nDate: then\n\nswap this\ndrop it\nahead\nrest\n", ALL},
     HEAD "S \nA dsn_orig_rcpt=rfc822;x@s.test\nO x@s.test\nR x@s.test\nM \n"
          "N From: a@b.test\nN Date: then\nN \nN swapped this\nN before\nN ahead\nN rest\nX \n"
          "A message_id=*\nE \n"},
    {"redirect",
     {"", "x@s.test", "Subject: redirect\nFrom: a@b.test\nDate: then\n\n", ALL},
     HEAD "S \nA dsn_orig_rcpt=rfc822;x@s.test\nO x@s.test\nR x@s.test\nM \n"
          "N Subject: redirect\nN From: a@b.test\nN Date: then\nN \nX \n> carol@example.test\n"
          "A message_id=*\nE \n"},
    {"filter",
     {"", "x@s.test", "Subject: filter\nFrom: a@b.test\nDate: then\n\n", ALL},
     HEAD "S \nA dsn_orig_rcpt=rfc822;x@s.test\nO x@s.test\nR x@s.test\nM \n"
          "N Subject: filter\nN From: a@b.test\nN Date: then\nN \nX \nL smtp:there\n"
          "A message_id=*\nE \n"},
    {"copy by check",
     {"", "x@s.test", "Subject: bcc\nFrom: a@b.test\nDate: then\n\n", ALL},
     HEAD "S \nA dsn_orig_rcpt=rfc822;x@s.test\nO x@s.test\nR x@s.test\nM \n"
          "N Subject: bcc\nN From: a@b.test\nN Date: then\nN \nX \nA message_id=*\n"
          "A notify_flags=1\nO bob@example.test\nR bob@example.test\nE \n"},
    {"stray line ends and stripped bytes",
     {"", "x@s.test", "From: a@b.test\nDate: then\n\na\rb\bc\n", ALL},
     HEAD "S \nA dsn_orig_rcpt=rfc822;x@s.test\nO x@s.test\nR x@s.test\nM \n"
          "N From: a@b.test\nN Date: then\nN \nN a bc\nX \nA message_id=*\nE \n"},
    {"encoding from the header",
     {"", "x@s.test", "Content-Transfer-Encoding: 8BIT\nFrom: a@b.test\nDate: then\n\n", ALL},
     HEAD "S \nA dsn_orig_rcpt=rfc822;x@s.test\nO x@s.test\nR x@s.test\nM \n"
          "N Content-Transfer-Encoding: 8BIT\nN From: a@b.test\nN Date: then\nN \nX \n"
          "A message_id=*\nA encoding=8bit\nE \n"},
};

/* "*" stands for what is not the same each time, up to the end of the line. */
static void assert_matches(struct slice text, struct slice expected)
{
    while (expected.len || text.len) {
        struct slice line = slice_split(&text, '\n'), wanted = slice_split(&expected, '\n');
        size_t star = slice_find(wanted, '*');

        if (star < wanted.len)
            line = slice_sub(line, 0, star);
        wanted = slice_sub(wanted, 0, star);
        if (!slice_same(line, wanted))
            fail_msg("\"%.*s\" is not \"%.*s\"", SLICE_ARG(line), SLICE_ARG(wanted));
    }
}

static void test_writes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(written); i++) {
        CLEANUP(buf_release) struct buf text = BUF_INIT;
        unsigned status;

        test_case(written[i].name);
        test_run(&written[i].input, &text, &status);
        assert_int_equal(status, 0);
        assert_matches(buf_slice(&text), slice_from(written[i].expected));
    }
}

static void test_places_the_queue_id(void **state)
{
    static const char records[] = "T\0031 1%\012Ax=\0 there"
                                  "S\1aR\5a@b.cM\0%\011N\tid \0; yN\0X\0E\0";
    CLEANUP(transaction_release) struct transaction transaction;
    CLEANUP(buf_release) struct buf file = BUF_INIT;
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    CLEANUP(buf_release) struct buf expected = BUF_INIT;
    struct error error;

    (void)state;
    assert_int_equal(transaction_init(&transaction, ALL, 0, &error), 0);
    transaction_feed(&transaction, slice_of(records, sizeof(records) - 1));
    assert_int_equal(transaction.segment, SEGMENT_END);
    assert_int_equal(transaction.status, CLEANUP_STATUS_OK);
    assert_int_equal(transaction_write_all(&transaction, &error), 0);
    assert_int_equal(file_read_all(transaction.file.path.data, &file, 1 << 20, &error), 0);
    test_show(&text, buf_slice(&file));
    buf_printf(&expected, "A x=%s there\n", transaction.file.id);
    assert_non_null(strstr(text.data, expected.data));
    buf_reset(&expected);
    buf_printf(&expected, "N \tid %s; y\n", transaction.file.id);
    assert_non_null(strstr(text.data, expected.data));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writes),
        cmocka_unit_test(test_places_the_queue_id),
    };

    log_hook = test_collect_log;
    return cmocka_run_group_tests(tests, test_set_up, test_tear_down);
}

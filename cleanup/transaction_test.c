#include "transaction.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "conf/test.h"
#include "tables.h"

static char directory[] = "/tmp/cleanup_test.XXXXXX";

static const char main_cf[] =
    "compatibility_level = 3.6\n"
    "myhostname = mx.example.test\n"
    "mydomain = example.test\n"
    "myorigin = $mydomain\n"
    "mydestination = $myhostname, localhost, $mydomain\n"
    "recipient_delimiter = +\n"
    "delay_warning_time = 4h\n"
    "hopcount_limit = 3\n"
    "header_size_limit = 400\n"
    "message_size_limit = 20000\n"
    "virtual_alias_recursion_limit = 5\n"
    "virtual_alias_expansion_limit = 3\n"
    "message_strip_characters = \\010\n"
    "masquerade_domains = masq.test\n"
    "masquerade_exceptions = root\n"
    "canonical_maps = inline:{both@example.test=mapped@canon.test}\n"
    "sender_canonical_maps = inline:{s@example.test=s2@canon.test}\n"
    "recipient_canonical_maps = inline:{r@example.test=r2@canon.test}\n"
    "virtual_alias_maps = inline:{ {many@v.test=a1@s.test, a2@s.test a1@s.test} "
    "{chain@v.test=chain2@v.test} {chain2@v.test=end@s.test} {loop@v.test=loop2@v.test} "
    "{loop2@v.test=loop@v.test} {big@v.test=1@s.test 2@s.test 3@s.test 4@s.test} "
    "{self@v.test=self@v.test,copy@s.test} }\n"
    "sender_bcc_maps = inline:{audited@example.test=alice}\n"
    "recipient_bcc_maps = inline:{watched@s.test=bob@example.test}\n"
    "header_checks = pcre:header\n"
    "body_checks = pcre:body\n";

static const char header_checks[] = "/^Subject: reject/ REJECT 5.7.66 not here\n"
                                    "/^Subject: later/ REJECT 4.7.9 come back\n"
                                    "/^Subject: discard/ DISCARD gone\n"
                                    "/^Subject: hold/ HOLD look\n"
                                    "/^Subject: bcc/ BCC bob@example.test\n"
                                    "/^Subject: redirect/ REDIRECT carol@example.test\n"
                                    "/^Subject: filter/ FILTER smtp:there\n"
                                    "/^X-Replace/ REPLACE X-New: text\n"
                                    "/^X-Prepend/ PREPEND X-Before: text\n"
                                    "/^X-Ignore/ IGNORE\n"
                                    "/^X-Strip/ STRIP why\n"
                                    "/^X-Warn/ WARN why\n";

static const char body_checks[] = "/^bad/ REJECT bad words\n"
                                  "/^swap (.*)/ REPLACE swapped $1\n"
                                  "/^drop/ IGNORE\n"
                                  "/^ahead/ PREPEND before\n";

static int put_file(const char *name, const char *text)
{
    struct error error;

    return file_replace(name, slice_from(text), 0644, &error);
}

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(directory) || chdir(directory) < 0 || mkdir("incoming", 0700) < 0 ||
        put_file("header", header_checks) < 0 || put_file("body", body_checks) < 0 ||
        test_load_text(main_cf, NULL) < 0)
        return -1;
    tables_open();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return test_remove_tree(directory);
}

static struct buf logged = {.data = buf_nothing};

static void collect_log(enum log_level level, const char *line)
{
    (void)level;
    buf_add_text(&logged, line);
    buf_add_char(&logged, '\n');
}

/* Records as lines "TYPE data", without those whose value changes from run to run. */
static void show(struct buf *text, struct slice records)
{
    while (records.len) {
        struct slice data;
        char type;
        ssize_t bytes = record_decode(records, &type, &data);

        assert_true(bytes > 0);
        records = slice_from_offset(records, (size_t)bytes);
        if (type == RECORD_SIZE || slice_starts_with(data, "create_time=") ||
            slice_starts_with(data, "Message-Id:"))
            continue;
        buf_printf(text, "%c %.*s\n", type, SLICE_ARG(data));
    }
}

struct input {
    const char *sender, *recipient, *content; /* lines end in \n */
    unsigned flags;
};

static void feed(struct transaction *transaction, const struct input *input)
{
    CLEANUP(buf_release) struct buf records = BUF_INIT;
    struct slice rest = slice_from(input->content);

    record_append(&records, RECORD_TIME, SLICE("1700000000 5"));
    record_append(&records, RECORD_ATTRIBUTE, SLICE("rewrite_context=local"));
    record_append(&records, RECORD_SENDER, slice_from(input->sender));
    record_append(&records, RECORD_RECIPIENT, slice_from(input->recipient));
    record_append(&records, RECORD_MESSAGE, SLICE_EMPTY);
    while (rest.len)
        record_append(&records, RECORD_LINE, slice_split(&rest, '\n'));
    record_append(&records, RECORD_EXTRACTED, SLICE_EMPTY);
    record_append(&records, RECORD_END, SLICE_EMPTY);
    transaction_feed(transaction, buf_slice(&records));
}

#define ALL (CLEANUP_FILTER | CLEANUP_BCC | CLEANUP_MAP)

/* What would stand in the queue file; *status says whether it would be kept. */
static void run(const struct input *input, struct buf *text, unsigned *status)
{
    CLEANUP(transaction_release) struct transaction transaction;
    struct error error;

    buf_reset(&logged);
    assert_int_equal(transaction_init(&transaction, input->flags, 0, &error), 0);
    feed(&transaction, input);
    assert_int_equal(transaction.segment, SEGMENT_END);
    assert_int_equal(transaction_write_all(&transaction, &error), 0);
    CLEANUP(buf_release) struct buf file = BUF_INIT;

    assert_int_equal(file_read_all(transaction.file.path.data, &file, 1 << 20, &error), 0);
    show(text, buf_slice(&file));
    *status = transaction.status;
}

#define HEAD "T 1700000000 5\nA rewrite_context=local\n"

static const struct {
    const char *name;
    struct input input;
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
        run(&written[i].input, &text, &status);
        assert_int_equal(status, 0);
        assert_matches(buf_slice(&text), slice_from(written[i].expected));
    }
}

#define MANY_RECEIVED "Received: 1\nReceived: 2\nReceived: 3\n"

static const struct {
    const char *name;
    struct input input;
    unsigned status;
    const char *logged; /* part of a line */
} refused[] = {
    {"reject",
     {"a@b.test", "x@s.test", "Subject: reject\n\n", ALL},
     CLEANUP_STATUS_CONTENT,
     ": reject: header Subject: reject from local; from=<a@b.test> to=<x@s.test>: 5.7.66 not "
     "here"},
    {"reject for now",
     {"", "x@s.test", "Subject: later\n\n", ALL},
     CLEANUP_STATUS_SERVICE,
     ": 4.7.9 come back"},
    {"reject body",
     {"", "x@s.test", "Subject: x\n\nbad\n", ALL},
     CLEANUP_STATUS_CONTENT,
     ": reject: body bad from local; from=<> to=<x@s.test>: 5.7.1 bad words"},
    {"no checks", {"", "x@s.test", "Subject: reject\n\nbad\n", 0}, 0, "message-id=<"},
    {"hops",
     {"", "x@s.test", MANY_RECEIVED "\n", ALL},
     CLEANUP_STATUS_HOPS,
     ": message rejected: hopcount exceeded"},
    {"alias loop",
     {"", "loop@v.test", "\n", ALL},
     CLEANUP_STATUS_SERVICE,
     ": unreasonable virtual_alias_maps map nesting for loop@v.test -- message not accepted, "
     "try again later"},
    {"alias size",
     {"", "big@v.test", "\n", ALL},
     CLEANUP_STATUS_SERVICE,
     ": unreasonable virtual_alias_maps map expansion size for big@v.test -- message not "
     "accepted, try again later"},
    {"held",
     {"", "x@s.test", "Subject: hold\n\n", ALL},
     0,
     ": hold: header Subject: hold from local; from=<> to=<x@s.test>: look"},
};

static void test_refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        CLEANUP(buf_release) struct buf text = BUF_INIT;
        unsigned status;

        test_case(refused[i].name);
        run(&refused[i].input, &text, &status);
        assert_int_equal(status, refused[i].status);
        if (slice_find_text(buf_slice(&logged), slice_from(refused[i].logged)) == logged.len)
            fail_msg("no \"%s\" in \"%s\"", refused[i].logged, logged.data);
    }
}

static size_t count_files(const char *queue)
{
    DIR *opened = opendir(queue);
    size_t n = 0;

    assert_non_null(opened);
    for (const struct dirent *entry = readdir(opened); entry; entry = readdir(opened))
        n += entry->d_name[0] != '.';
    closedir(opened);
    return n;
}

static void test_commits(void **state)
{
    struct input input = {"a@b.test", "x@s.test", "Subject: x\n\ntext\n", ALL};
    struct transaction transaction;
    struct stat status;
    struct error error;

    (void)state;
    assert_int_equal(transaction_init(&transaction, ALL, 0, &error), 0);
    feed(&transaction, &input);
    transaction_finish(&transaction);
    assert_int_equal(transaction.status, CLEANUP_STATUS_OK);
    assert_int_equal(stat(transaction.file.path.data, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    assert_int_equal(unlink(transaction.file.path.data), 0);
    transaction_release(&transaction);
    assert_int_equal(count_files("incoming"), 0);
}

static void test_keeps_nothing_of_what_it_refuses(void **state)
{
    static const struct input inputs[] = {
        {"a@b.test", "x@s.test", "Subject: reject\n\ntext\n", ALL},
        {"a@b.test", "x@s.test", "Subject: discard\n\ntext\n", ALL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(inputs); i++) {
        struct transaction transaction;
        struct error error;

        assert_int_equal(transaction_init(&transaction, ALL, 0, &error), 0);
        feed(&transaction, &inputs[i]);
        transaction_finish(&transaction);
        transaction_release(&transaction);
        assert_int_equal(count_files("incoming"), 0);
    }
}

static void test_size_limit(void **state)
{
    CLEANUP(buf_release) struct buf content = BUF_INIT;
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    struct input input = {"a@b.test", "x@s.test", "", ALL};
    unsigned status;

    (void)state;
    buf_add_text(&content, "Subject: x\n\n");
    for (int i = 0; i < 400; i++)
        buf_add_text(&content,
                     "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\n");
    input.content = content.data;
    run(&input, &text, &status);
    assert_int_equal(status, CLEANUP_STATUS_SIZE);
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
    show(&text, buf_slice(&file));
    buf_printf(&expected, "A x=%s there\n", transaction.file.id);
    assert_non_null(strstr(text.data, expected.data));
    buf_reset(&expected);
    buf_printf(&expected, "N \tid %s; y\n", transaction.file.id);
    assert_non_null(strstr(text.data, expected.data));
}

static const struct {
    const char *name, *records;
    size_t len;
} malformed[] = {

#define ROW(name, text)              \
    {                                \
        name, text, sizeof(text) - 1 \
    }
    ROW("unknown record", "Z\1a"),
    ROW("recipient before sender", "T\0031 1R\1a"),
    ROW("two senders", "T\0031 1S\1aS\1b"),
    ROW("cut off", "S\12a"),
    ROW("type 0", "\0\1a"),
    ROW("line end in the envelope", "S\3a\nb"),
    ROW("empty attribute value", "A\2a="),
    ROW("no sender", "T\0031 1M\0X\0E\0"),
    ROW("recipient in the content", "T\0031 1S\1aM\0R\1a"),
    ROW("end in the envelope", "E\0"),
    ROW("nothing for the ID", "%\0"),
    ROW("no place for the ID", "%\004Aa=b"),
    ROW("ID in a recipient", "T\0031 1S\1a%\2R\0"),
    ROW("ID in an ID", "%\5%A\0=b"),
};

static void test_malformed(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(malformed); i++) {
        CLEANUP(transaction_release) struct transaction transaction;
        struct error error;

        test_case(malformed[i].name);
        assert_int_equal(transaction_init(&transaction, ALL, 0, &error), 0);
        transaction_feed(&transaction, slice_of(malformed[i].records, malformed[i].len));
        assert_true(transaction.status & CLEANUP_STATUS_BAD);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writes),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_commits),
        cmocka_unit_test(test_keeps_nothing_of_what_it_refuses),
        cmocka_unit_test(test_size_limit),
        cmocka_unit_test(test_places_the_queue_id),
        cmocka_unit_test(test_malformed),
    };

    log_hook = collect_log;
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

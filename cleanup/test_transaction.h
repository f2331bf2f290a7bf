/*
 * A transaction of cleanup with tables and checks, for its unit tests.
 */
#pragma once

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "conf/test.h"
#include "tables.h"
#include "transaction.h"

static char test_directory[] = "/tmp/cleanup_test.XXXXXX";

static const char test_main_cf[] =
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

static const char test_header_checks[] = "/^Subject: reject/ REJECT 5.7.66 not here\n"
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

static const char test_body_checks[] = "/^bad/ REJECT bad words\n"
                                       "/^swap (.*)/ REPLACE swapped $1\n"
                                       "/^drop/ IGNORE\n"
                                       "/^ahead/ PREPEND before\n";

static inline int test_put_file(const char *name, const char *text)
{
    struct error error;

    return file_replace(name, slice_from(text), 0644, &error);
}

static inline int test_set_up(void **state)
{
    (void)state;
    if (!mkdtemp(test_directory) || chdir(test_directory) < 0 || mkdir("incoming", 0700) < 0 ||
        test_put_file("header", test_header_checks) < 0 ||
        test_put_file("body", test_body_checks) < 0 || test_load_text(test_main_cf, NULL) < 0)
        return -1;
    tables_open();
    return 0;
}

static inline int test_tear_down(void **state)
{
    (void)state;
    return test_remove_tree(test_directory);
}

static struct buf test_logged = {.data = buf_nothing};

static inline void test_collect_log(enum log_level level, const char *line)
{
    (void)level;
    buf_add_text(&test_logged, line);
    buf_add_char(&test_logged, '\n');
}

/* Records as lines "TYPE data", without those whose value changes from run to run. */
static inline void test_show(struct buf *text, struct slice records)
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

struct test_input {
    const char *sender, *recipient, *content; /* lines end in \n */
    unsigned flags;
};

static inline void test_feed(struct transaction *transaction, const struct test_input *input)
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
static inline void test_run(const struct test_input *input, struct buf *text, unsigned *status)
{
    CLEANUP(transaction_release) struct transaction transaction;
    struct error error;

    buf_reset(&test_logged);
    assert_int_equal(transaction_init(&transaction, input->flags, 0, &error), 0);
    test_feed(&transaction, input);
    assert_int_equal(transaction.segment, SEGMENT_END);
    assert_int_equal(transaction_write_all(&transaction, &error), 0);
    CLEANUP(buf_release) struct buf file = BUF_INIT;

    assert_int_equal(file_read_all(transaction.file.path.data, &file, 1 << 20, &error), 0);
    test_show(text, buf_slice(&file));
    *status = transaction.status;
}

/*
 * Records as smtpd and pickup send them to cleanup: the first byte chooses flags, the rest
 * comes in two frames. What is accepted must be a queue file that its readers can read.
 *
 * links: cleanup/
 */
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../cleanup/tables.h"
#include "../../cleanup/transaction.h"
#include "base/bug.h"
#include "base/fd.h"
#include "base/log.h"
#include "conf/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char main_cf[] =
    "compatibility_level = 3.6\n"
    "myhostname = mx.example.test\n"
    "mydomain = example.test\n"
    "myorigin = $mydomain\n"
    "mydestination = $myhostname, localhost, $mydomain\n"
    "inet_interfaces = 127.0.0.1\n"
    "recipient_delimiter = +\n"
    "hopcount_limit = 3\n"
    "header_size_limit = 300\n"
    "message_size_limit = 20000\n"
    "body_checks_size_limit = 500\n"
    "mime_nesting_limit = 3\n"
    "always_bcc = archive\n"
    "message_strip_characters = \\000\n"
    "masquerade_domains = masq.test\n"
    "canonical_maps = inline:{both@example.test=mapped@canon.test, loop@canon.test=a@b.test}\n"
    "virtual_alias_maps = inline:{ {many@v.test=a1@s.test, a2@s.test a1@s.test} "
    "{loop@v.test=loop@v.test, loop2@v.test} {loop2@v.test=loop@v.test, x} }\n"
    "virtual_alias_expansion_limit = 20\n"
    "virtual_alias_recursion_limit = 20\n"
    "sender_bcc_maps = inline:{audited@example.test=alice}\n"
    "recipient_bcc_maps = inline:{watched@s.test=bob@example.test}\n"
    "header_checks = pcre:{ {/^X-1/ PREPEND X-Q: a} {/^X-2/ REPLACE X-Q: b} {/^X-3/ IGNORE} "
    "{/^X-4/ BCC b@c.test} {/^X-5/ REDIRECT c@d.test} {/^X-6/ FILTER a:b} {/^X-7/ HOLD} }\n"
    "body_checks = pcre:{ {/1/ PREPEND b} {/2/ REPLACE c} {/3/ IGNORE} }\n";

static char directory[] = "/dev/shm/fuzz_cleanup.XXXXXX";

static void remove_directory(void)
{
    bug_if(unlink("main.cf") < 0 || rmdir("incoming") < 0 || rmdir("hold") < 0);
    bug_if(rmdir(directory) < 0);
}

static void prepare(void)
{
    struct conf_request request = {.directory = directory};
    struct error error = ERROR_INIT;

    log_hook = log_discard;
    bug_if(!mkdtemp(directory) || chdir(directory) < 0);
    bug_if(mkdir("incoming", 0700) < 0 || mkdir("hold", 0700) < 0);
    bug_if(file_replace("main.cf", slice_from(main_cf), 0600, &error) < 0);
    bug_if(conf_load(&request, &error) < 0);
    tables_open();
    bug_if(atexit(remove_directory) != 0);
}

static void read_back(struct transaction *transaction)
{
    CLEANUP(message_release) struct message message = {0};
    CLEANUP(recipient_list_release) struct recipient_list list = {0};
    struct error error = ERROR_INIT;

    bug_if(transaction_write_all(transaction, &error) < 0);
    bug_if(message_read_envelope(&message, transaction->file.fd, &error) < 0);
    bug_if(message_read_recipients(&message, &transaction->arena, SIZE_MAX, &list, &error) < 0);
    bug_if((int64_t)list.count != transaction->n_recipients);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool is_prepared;
    CLEANUP(transaction_release) struct transaction transaction;
    struct slice records = slice_of(data, size);
    unsigned flags = size ? data[0] & (unsigned)~(CLEANUP_BOUNCE | CLEANUP_DISCARD) : 0;
    struct error error = ERROR_INIT;

    if (!is_prepared)
        prepare();
    is_prepared = true;
    bug_if(transaction_init(&transaction, flags, 0, &error) < 0);
    records = slice_from_offset(records, 1);
    transaction_feed(&transaction, slice_sub(records, 0, records.len / 2));
    /* Frames hold whole records, so a second one begins where one does. */
    if (transaction.status == CLEANUP_STATUS_OK && transaction.segment != SEGMENT_END)
        transaction_feed(&transaction, slice_from_offset(records, records.len / 2));
    if (transaction.status == CLEANUP_STATUS_OK && transaction.segment == SEGMENT_END)
        read_back(&transaction);
    return 0;
}

/* Status logs, and bounces made of them. */
#include "mail/status_log.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/fd.h"
#include "mail/bounce_report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct status_defaults defaults = {"4.0.0", "delayed"};

/* What was read is written in a form that reads the same. */
static void check_entry(const struct status_entry *entry, struct arena *arena)
{
    CLEANUP(fd_close) int fd = memfd_create("status_log", MFD_CLOEXEC);
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    struct status_log_reader *reader;
    struct status_entry again;
    struct error error;

    status_log_format(&text, entry, true);
    bug_if(fd < 0 || fd_write_all(fd, text.data, text.len) < 0 || lseek(fd, 0, SEEK_SET) != 0);
    reader = status_log_open_fd(dup(fd));
    bug_if(status_log_next(reader, arena, &defaults, &again, &error) != 1);
    bug_if(strcmp(entry->dsn.status, again.dsn.status) != 0);
    bug_if(status_log_next(reader, arena, &defaults, &again, &error) != 0);
    status_log_close(reader);
}

static void report_entry(const struct status_entry *entry)
{
    CLEANUP(bounce_templates_release) struct bounce_templates templates;
    CLEANUP(buf_release) struct buf buf = BUF_INIT;
    struct bounce_report report = {.kind = BOUNCE_FAILURE,
                                   .queue_id = SLICE("ID"),
                                   .sender = SLICE("a@x.test"),
                                   .recipient = SLICE("a@x.test"),
                                   .myhostname = "x.test",
                                   .mail_name = "Tassis"};

    bounce_templates_init(&templates);
    report.template = &templates.kinds[BOUNCE_FAILURE];
    bounce_report_recipient(&buf, &report, entry);
    bounce_report_status(&buf, &report, entry);
    bug_if(buf.len == 0 || buf.data[buf.len - 1] != '\n');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd = memfd_create("status_log", MFD_CLOEXEC);
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct status_log_reader *reader;
    struct status_entry entry;
    struct error error;

    bug_if(fd < 0 || fd_write_all(fd, data, size) < 0 || lseek(fd, 0, SEEK_SET) != 0);
    reader = status_log_open_fd(fd);
    while (status_log_next(reader, &arena, &defaults, &entry, &error) > 0) {
        check_entry(&entry, &arena);
        report_entry(&entry);
    }
    status_log_close(reader);
    return 0;
}

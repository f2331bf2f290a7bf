/* Writing the per-message status logs. */
#include "mail/status_log.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "co/co.h"
#include "mail/address.h"

#define HASH_DIR_MODE 0700

/* A value without the control bytes that would break the form of the log. */
static void add_printable(struct buf *buf, struct slice text)
{
    size_t from = buf->len;

    buf_add_slice(buf, text);
    for (size_t i = from; i < buf->len; i++) {
        unsigned char byte = (unsigned char)buf->data[i];

        if (byte < ' ' || byte == 0x7f)
            buf->data[i] = '?';
    }
}

static void add_field(struct buf *buf, const char *name, struct slice value)
{
    buf_printf(buf, "%s=", name);
    add_printable(buf, value);
    buf_add_char(buf, '\n');
}

static void add_address(struct buf *buf, struct slice address)
{
    CLEANUP(buf_release) struct buf quoted = BUF_INIT;

    if (address.len > 0)
        address_quote(&quoted, address);
    add_printable(buf, buf_slice(&quoted));
}

static void add_address_field(struct buf *buf, const char *name, struct slice address)
{
    buf_printf(buf, "%s=", name);
    if (address.len > 0)
        add_address(buf, address);
    else
        buf_add_text(buf, "<>");
    buf_add_char(buf, '\n');
}

void status_log_format(struct buf *buf, const struct status_entry *entry, bool old_style)
{
    const struct recipient *recipient = &entry->recipient;
    const struct dsn *dsn = &entry->dsn;

    buf_add_char(buf, '\n');
    if (old_style) {
        buf_add_char(buf, '<');
        add_address(buf, recipient->address);
        buf_add_text(buf, ">: ");
        add_printable(buf, dsn->reason);
        buf_add_char(buf, '\n');
    }
    add_address_field(buf, "recipient", recipient->address);
    if (recipient->original.len > 0 &&
        !slice_same_nocase(recipient->original, recipient->address))
        add_address_field(buf, "original_recipient", recipient->original);
    if (recipient->offset > 0)
        buf_printf(buf, "offset=%jd\n", (intmax_t)recipient->offset);
    if (recipient->dsn_original.len > 0)
        add_field(buf, "dsn_orig_rcpt", recipient->dsn_original);
    if (recipient->notify != 0)
        buf_printf(buf, "notify_flags=%d\n", recipient->notify);
    if (dsn->status[0])
        add_field(buf, "status", slice_from(dsn->status));
    if (dsn->action)
        add_field(buf, "action", slice_from(dsn->action));
    if (dsn->diagnostic_type && dsn->diagnostic.len > 0) {
        add_field(buf, "diag_type", slice_from(dsn->diagnostic_type));
        add_field(buf, "diag_text", dsn->diagnostic);
    }
    if (dsn->mta_type && dsn->mta.len > 0) {
        add_field(buf, "mta_type", slice_from(dsn->mta_type));
        add_field(buf, "mta_mname", dsn->mta);
    }
    if (dsn->reason.len > 0)
        add_field(buf, "reason", dsn->reason);
    buf_add_char(buf, '\n');
}

struct append {
    int fd;
    const char *path;
    struct slice text;
    const char *failed; /* what could not be done */
};

static void append_release(struct append *append)
{
    fd_close(&append->fd);
}

static int write_text(int fd, struct slice text)
{
    while (text.len > 0) {
        ssize_t n = write(fd, text.ptr, text.len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        text.ptr += n;
        text.len -= (size_t)n;
    }
    return 0;
}

/* Open and lock; whoever removed the file while we waited for the lock left us a dead one. */
static int open_locked(struct append *append, struct stat *status)
{
    for (;;) {
        append->failed = "open";
        append->fd = open(append->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
        if (append->fd < 0)
            return -1;
        append->failed = "lock";
        while (flock(append->fd, LOCK_EX) < 0) {
            if (errno != EINTR)
                return -1;
        }
        append->failed = "examine";
        if (fstat(append->fd, status) < 0)
            return -1;
        if (status->st_nlink > 0)
            return 0;
        close(append->fd);
    }
}

/* Runs in the helper pool: system calls only. */
static int append_text(void *arg)
{
    struct append *append = arg;
    struct stat status;
    int saved_errno;

    if (open_locked(append, &status) < 0)
        return -1;
    append->failed = "write";
    if (write_text(append->fd, append->text) == 0 && fsync(append->fd) == 0)
        return 0;
    saved_errno = errno;
    if (ftruncate(append->fd, status.st_size) < 0)
        append->failed = "write and truncate";
    errno = saved_errno;
    return -1;
}

int status_log_append(const char *path, const struct status_entry *entry, bool old_style,
                      struct error *error)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    CLEANUP(append_release) struct append append = {.path = path, .fd = -1};
    int result;

    status_log_format(&text, entry, old_style);
    append.text = buf_slice(&text);
    result = co_offload(append_text, &append);
    if (result < 0 && append.fd < 0 && errno == ENOENT &&
        path_make_parents(path, HASH_DIR_MODE) == 0)
        result = co_offload(append_text, &append);
    if (result < 0)
        return error_set(error, ERROR_TEMPORARY, "%s %s: %m", append.failed, path);
    return 0;
}

#include "delivery/mail_copy.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "co/co.h"
#include "conf/params.h"
#include "mail/address.h"
#include "mail/header.h"

enum { WRITE_BYTES = 65536 };

struct writer {
    const struct mail_copy *copy;
    int fd;
    struct buf out;
    int64_t written; /* bytes */
    int *write_errno;
};

/* A pipe whose reader may take its time. */
static int write_before(int fd, struct slice data, deadline_t deadline)
{
    while (data.len > 0) {
        ssize_t written = write(fd, data.ptr, data.len);
        if (written >= 0) {
            data = slice_from_offset(data, (size_t)written);
            continue;
        }
        if (errno != EAGAIN && errno != EINTR)
            return -1;
        if (errno == EAGAIN && co_wait_fd(fd, EPOLLOUT, deadline) != WAKE_READY) {
            errno = ETIMEDOUT;
            return -1;
        }
    }
    return 0;
}

static int write_out(struct writer *writer)
{
    int64_t room = writer->copy->room;

    writer->written += (int64_t)writer->out.len;
    if (room > 0 && writer->written > room) {
        *writer->write_errno = EFBIG;
        return -1;
    }
    int result = writer->copy->deadline
                     ? write_before(writer->fd, buf_slice(&writer->out), writer->copy->deadline)
                     : fd_write_all(writer->fd, writer->out.data, writer->out.len);

    if (result < 0)
        *writer->write_errno = errno;
    buf_reset(&writer->out);
    return result;
}

static void add_address_header(struct writer *writer, const char *name, struct slice address,
                               const char *before, const char *after)
{
    buf_printf(&writer->out, "%s: %s", name, before);
    address_quote(&writer->out, address);
    buf_printf(&writer->out, "%s%s", after, writer->copy->end_of_line);
}

static void add_from_line(struct writer *writer)
{
    time_t now = (time_t)time_wall_seconds();
    struct slice sender = writer->copy->delivery->request.sender;
    char date[64];
    struct tm local;

    if (!localtime_r(&now, &local) ||
        strftime(date, sizeof(date), "%a %b %e %H:%M:%S %Y", &local) == 0)
        date[0] = '\0';
    buf_add_text(&writer->out, "From ");
    if (sender.len == 0)
        buf_add_text(&writer->out, "MAILER-DAEMON");
    else
        address_quote(&writer->out, sender);
    buf_printf(&writer->out, "  %s%s", date, writer->copy->end_of_line);
}

static void add_trace_headers(struct writer *writer)
{
    const struct mail_copy *copy = writer->copy;

    if (copy->flags & MAIL_COPY_FROM_LINE)
        add_from_line(writer);
    if (copy->flags & MAIL_COPY_RETURN_PATH)
        add_address_header(writer, "Return-Path", copy->delivery->request.sender, "<", ">");
    if ((copy->flags & MAIL_COPY_ORIGINAL_TO) && params.enable_original_recipient &&
        copy->recipient->original.len > 0)
        add_address_header(writer, "X-Original-To", copy->recipient->original, "", "");
    if (copy->flags & MAIL_COPY_DELIVERED_TO)
        add_address_header(writer, "Delivered-To", copy->delivered_to, "", "");
}

static void add_line(struct writer *writer, struct slice line, bool is_start, bool is_end)
{
    unsigned flags = writer->copy->flags;

    if (is_start && (flags & MAIL_COPY_QUOTE_FROM) && slice_starts_with(line, "From "))
        buf_add_char(&writer->out, '>');
    if (is_start && (flags & MAIL_COPY_DOT_STUFF) && slice_starts_with(line, "."))
        buf_add_char(&writer->out, '.');
    buf_add_slice(&writer->out, line);
    if (is_end)
        buf_add_text(&writer->out, writer->copy->end_of_line);
}

int mail_copy_write(const struct mail_copy *copy, int fd, int *write_errno, struct error *error)
{
    struct writer writer = {
        .copy = copy, .fd = fd, .out = BUF_INIT, .write_errno = write_errno};
    struct content_reader reader;
    struct slice line;
    bool continues = false, is_start = true;
    int result;

    *write_errno = 0;
    add_trace_headers(&writer);
    content_open(&reader, &copy->delivery->message);
    while ((result = content_next_line(&reader, &line, &continues, error)) > 0) {
        add_line(&writer, line, is_start, !continues);
        is_start = !continues;
        if (writer.out.len >= WRITE_BYTES && write_out(&writer) < 0)
            break;
    }
    content_close(&reader);
    if (result == 0) {
        if (copy->flags & MAIL_COPY_BLANK_LINE)
            buf_add_text(&writer.out, copy->end_of_line);
        write_out(&writer);
    }
    buf_release(&writer.out);
    if (*write_errno) {
        errno = *write_errno;
        return error_set(error, ERROR_TEMPORARY, "error writing message: %m");
    }
    if (result < 0)
        return error_context(error, "queue file read error");
    return 0;
}

bool mail_copy_is_loop(const struct delivery *delivery, struct slice address)
{
    struct content_reader reader;
    struct arena arena = ARENA_INIT;
    struct error error;
    struct slice line;
    bool continues, found = false;

    content_open(&reader, &delivery->message);
    while (!found && content_next_line(&reader, &line, &continues, &error) > 0) {
        size_t name_len = header_name_length(line);
        if (name_len == 0 && !header_is_continuation(line))
            break; /* the body */
        if (slice_equals_nocase(slice_sub(line, 0, name_len), "delivered-to"))
            found = slice_same_nocase(address_unquoted(&arena, slice_trim(header_value(line))),
                                      address);
    }
    content_close(&reader);
    arena_release(&arena);
    return found;
}

const char *mail_copy_status(const struct mail_copy *copy, int mailbox_errno)
{
    switch (mailbox_errno) {
    case EAGAIN:
    case ESTALE:
    /* Postfix returns the mail here; but the mailbox is there, and its mode is mended in a
     * minute. */
    case EACCES:
    case EPERM:
    case EROFS:
        return "4.2.0";
    case 0:
    case ENOSPC:
    case EIO:
    case ENFILE:
    case EMFILE:
    case ENOMEM:
        return "4.3.0";
    case EDQUOT:
    case EFBIG:
        return "5.2.2";
    default: /* a place that takes no mail, until somebody mends it */
        return copy->returns_mail ? "5.2.0" : "4.2.0";
    }
}

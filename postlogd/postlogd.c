/*
 * Writes the lines of the other programs into maillog_file, or to standard output. The daemons'
 * lines wait in rings (rings.h), which are looked into every few milliseconds while there is
 * traffic; a command sends each line to public/postlog as a datagram, complete but for its end.
 * What has come together is written together.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/bug.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/time.h"
#include "conf/params.h"
#include "conf/words.h"
#include "rings.h"
#include "worker/worker.h"

#define LINE_BYTES  4096
#define BATCH       64
#define LOOK_MS     10 /* a ring has room for many times as long */
#define QUIET_LOOKS 2

static int file = -1;

/* Our own troubles cannot go where the log goes. */
static void log_to_syslog(void)
{
    const struct log_target target = {.sink = LOG_SINK_SYSLOG,
                                      .facility = params.syslog_facility};
    CLEANUP(buf_release) struct buf tag = BUF_INIT;

    buf_printf(&tag, "%s/postlogd", params.syslog_name);
    log_open(tag.data, &target);
}

/* The file must lie where the administrator allows logs: it is opened with root's rights. */
static void check_prefix(void)
{
    struct slice rest = slice_from(params.maillog_file_prefixes), prefix;

    while (words_next(&rest, WORDS_COMMA_SPACE, &prefix)) {
        if (strncmp(params.maillog_file, prefix.ptr, prefix.len) == 0)
            return;
    }
    fatal(1, "maillog_file '%s' does not match maillog_file_prefixes = %s", params.maillog_file,
          params.maillog_file_prefixes);
}

static int open_for_appending(const char *path)
{
    const int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    uint64_t mode;

    if (!slice_to_uint(slice_from(params.maillog_file_permissions), 8, 0777, &mode))
        fatal(1, "bad maillog_file_permissions: %s (expected octal digits like 0600)",
              params.maillog_file_permissions);
    /* O_EXCL tells a new file, whose mode is set, from an old one, which keeps its own. */
    int fd = open(path, flags | O_EXCL, (mode_t)mode);

    if (fd >= 0 && fchmod(fd, (mode_t)mode) < 0)
        fatal(1, "set permissions of %s: %m", path);
    return fd >= 0 || errno != EEXIST ? fd : open(path, flags, (mode_t)mode);
}

static void open_file(void)
{
    log_to_syslog();
    if (!*params.maillog_file)
        return; /* nobody should send to us; what comes is read and dropped */
    check_prefix();
    if (strcmp(params.maillog_file, "/dev/stdout") == 0)
        file = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    else
        file = open_for_appending(params.maillog_file);
    if (file < 0)
        fatal(1, "open log file %s: %m", params.maillog_file);
    if (fd_set_nonblocking(file, false) < 0)
        fatal(1, "open log file %s: %m", params.maillog_file);
}

/* Nobody may forge a second line. */
static void add_line(struct buf *lines, struct slice line)
{
    line = slice_trim_right(line);
    for (size_t i = 0; i < line.len; i++) {
        bool is_control = (unsigned char)line.ptr[i] < ' ' || line.ptr[i] == 0x7f;

        buf_add_char(lines, is_control ? '?' : line.ptr[i]);
    }
    buf_add_char(lines, '\n');
}

static void write_lines(struct slice lines, size_t n)
{
    static int64_t next_complaint;
    static size_t n_lost;

    if (file < 0 || fd_write_all(file, lines.ptr, lines.len) == 0)
        return;
    n_lost += n;
    if (time_now_ms() < next_complaint)
        return;
    next_complaint = time_now_ms() + MINUTES(1);
    log_error("write %s: %m: %zu log lines are lost", params.maillog_file, n_lost);
}

/* What is in the rings; the order is that in which the lines were logged. */
static bool write_ring_lines(void)
{
    static struct buf texts = BUF_INIT, lines = BUF_INIT, out = BUF_INIT;

    buf_reset(&texts);
    buf_reset(&lines);
    buf_reset(&out);
    size_t n = rings_look(&texts, &lines);
    const struct log_ring_line *found = (const struct log_ring_line *)(const void *)lines.data;

    for (size_t i = 0; i < n; i++)
        add_line(&out, slice_of(texts.data + found[i].offset, found[i].len));
    if (n > 0)
        write_lines(buf_slice(&out), n);
    rings_take();
    return n > 0;
}

/* A datagram: a line, or a bell with a ring. */
static void take_datagram(struct mmsghdr *message, struct slice text, struct buf *lines)
{
    struct ucred sender = {.pid = 0};
    int ring = -1;

    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message->msg_hdr); header;
         header = CMSG_NXTHDR(&message->msg_hdr, header)) {
        if (header->cmsg_level != SOL_SOCKET)
            continue;
        if (header->cmsg_type == SCM_RIGHTS)
            memcpy(&ring, CMSG_DATA(header), sizeof(ring)); /* there was room for one */
        else if (header->cmsg_type == SCM_CREDENTIALS)
            memcpy(&sender, CMSG_DATA(header), sizeof(sender));
    }
    if (ring >= 0)
        rings_add(ring, sender.pid);
    if (text.len > 0)
        add_line(lines, text);
}

union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(int))];
};

/* As many datagrams as have come, written at one go. Returns how many. */
static int copy_batch(int socket)
{
    static char texts[BATCH][LINE_BYTES];
    static union control controls[BATCH];
    static struct buf lines = BUF_INIT;
    struct iovec pieces[BATCH];
    struct mmsghdr messages[BATCH];

    for (int i = 0; i < BATCH; i++) {
        pieces[i] = (struct iovec){.iov_base = texts[i], .iov_len = LINE_BYTES};
        messages[i] =
            (struct mmsghdr){.msg_hdr = {.msg_iov = &pieces[i],
                                         .msg_iovlen = 1,
                                         .msg_control = controls[i].bytes,
                                         .msg_controllen = sizeof(controls[i].bytes)}};
    }
    int n = recvmmsg(socket, messages, BATCH, MSG_DONTWAIT | MSG_CMSG_CLOEXEC, NULL);

    buf_reset(&lines);
    for (int i = 0; i < n; i++)
        take_datagram(&messages[i], slice_of(texts[i], messages[i].msg_len), &lines);
    if (lines.len > 0) {
        (void)write_ring_lines(); /* they were logged before */
        write_lines(buf_slice(&lines), (size_t)n);
    }
    return n;
}

/* The kernel says who sent a datagram; of those sent before it was asked to, it does not know.
 */
static void ask_for_senders(int socket)
{
    static int asked = -1;

    if (asked == socket)
        return;
    asked = socket;
    if (setsockopt(socket, SOL_SOCKET, SO_PASSCRED, &(int){1}, sizeof(int)) < 0)
        log_warning("who sends log lines is not known: SO_PASSCRED: %m");
}

static void receive(int socket)
{
    ask_for_senders(socket);
    while (copy_batch(socket) == BATCH)
        continue;
}

/* Look into the rings as long as there is traffic; then wait for a bell. */
static void watch_rings(void)
{
    int n_quiet = 0;

    while (rings_wait()) {
        n_quiet = write_ring_lines() ? 0 : n_quiet + 1;
        if (n_quiet < QUIET_LOOKS) {
            (void)co_sleep_until(deadline_in(LOOK_MS));
        } else {
            rings_leave();
            /* What was added while we turned away has rung no bell. */
            if (write_ring_lines())
                rings_attend();
            n_quiet = 0;
        }
    }
    rings_leave();
    (void)write_ring_lines();
}

int main(int argc, char **argv)
{
    static const struct worker postlogd = {
        .name = "postlogd",
        .sessions_per_process = 2,
        .limits_processes = true,
        .stays = true,
        .watchdog_ms = &params.postlogd_watchdog_timeout,
        .before_jail = open_file,
        .started = watch_rings,
        .receive = receive,
        .draining = rings_finish,
    };

    return worker_main(&postlogd, argc, argv);
}

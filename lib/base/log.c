#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log_sink.h"
#include "base/mem.h"
#include "base/slice.h"
#include "base/time.h"

#define LINE_BYTES        2048
#define HEAD_BYTES        512
#define QUEUE_LIMIT_BYTES ((size_t)1024 * 1024)
#define FINISH_MS         SECONDS(1)

/* A line that could not be sent yet. */
struct line {
    struct line *next;
    enum log_level level;
    int64_t when;
    pid_t pid;
    const char *tag; /* NULL: the process's own; lies behind the text */
    size_t len;
    char text[];
};

int log_verbosity;
void (*log_hook)(enum log_level level, const char *line);

static struct {
    bool open;
    char *tag, *hostname, *postlog_path, *fallback_file;
    const char *other_tag; /* of the line that is being sent, where it is not tag */
    pid_t other_pid;       /* and whose it is; 0: ours */
    enum log_sink sink;
    bool stderr_too, never_stderr;
    int facility;
    pid_t pid;
    struct log_socket syslog, postlog;
    struct log_ring ring;
    struct line *first, **end;
    size_t queued_bytes, n_dropped;
} logger = {.pid = 0, .syslog = {.fd = -1}, .postlog = {.fd = -1}};

const char *log_tag(void)
{
    if (logger.other_tag)
        return logger.other_tag;
    return logger.tag ? logger.tag : program_invocation_short_name;
}

pid_t log_pid(void)
{
    return logger.pid ? logger.pid : getpid();
}

static pid_t sender_pid(void)
{
    return logger.other_pid ? logger.other_pid : logger.pid;
}

static const char *severity(enum log_level level)
{
    static const char *const texts[] = {
        [LOG_LEVEL_INFO] = "",         [LOG_LEVEL_WARNING] = "warning: ",
        [LOG_LEVEL_ERROR] = "error: ", [LOG_LEVEL_FATAL] = "fatal: ",
        [LOG_LEVEL_PANIC] = "panic: ",
    };

    return texts[level];
}

/* Replace what could move a terminal's cursor or forge a line; well-formed UTF-8 stays. */
static void make_printable(char *text, size_t len)
{
    struct slice rest = slice_of(text, len);

    while (rest.len) {
        size_t n = slice_utf8_len(rest);

        if (n < 2 && !ascii_is_print(*rest.ptr))
            text[len - rest.len] = '?';
        rest = slice_from_offset(rest, n ? n : 1);
    }
}

static void write_stderr(const char *text, size_t len)
{
    static char line[HEAD_BYTES + LINE_BYTES];
    /* On a terminal people expect the name that they typed, not "postfix/postmap". */
    const char *slash = strrchr(log_tag(), '/');
    int n = snprintf(line, sizeof(line), "%.256s: %.*s\n", slash ? slash + 1 : log_tag(),
                     (int)len, text);

    /* There is nobody left to tell when that fails. */
    if (n > 0)
        (void)!fd_write_all(STDERR_FILENO, line, (size_t)n);
}

static enum log_sent send_syslog(const char *text, size_t len, enum log_level level,
                                 int64_t when)
{
    static char line[HEAD_BYTES + LINE_BYTES];
    int n = snprintf(line, sizeof(line), "<%d>%s %.256s[%d]: %.*s",
                     log_priority(logger.facility, level), time_syslog(when), log_tag(),
                     sender_pid(), (int)len, text);

    return n > 0 ? log_socket_send(&logger.syslog, line, (size_t)n) : LOG_SENT;
}

/* A command's line while the suite is down. The line's NUL becomes its line end. */
static enum log_sent append_to_file(char *line, size_t len)
{
    if (!logger.fallback_file || !*logger.fallback_file)
        return LOG_GONE;
    int fd =
        open(logger.fallback_file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
    if (fd < 0)
        return LOG_GONE;
    line[len++] = '\n';
    ssize_t written = write(fd, line, len);
    close(fd);
    return written < 0 ? LOG_GONE : LOG_SENT;
}

static enum log_sent add_to_ring(const char *line, size_t len)
{
    if (!log_ring_add(&logger.ring, line, len))
        return LOG_BUSY;
    /* Where nobody can be told, the line goes elsewhere as well. */
    return log_ring_needs_bell(&logger.ring) &&
                   log_socket_ring(&logger.postlog, &logger.ring) == LOG_GONE
               ? LOG_GONE
               : LOG_SENT;
}

/* The reader was too busy to be told, or is another by now. True when it can't be told yet. */
static bool remind_reader(void)
{
    return logger.ring.memory && !log_ring_is_empty(&logger.ring) &&
           log_ring_needs_bell(&logger.ring) &&
           log_socket_ring(&logger.postlog, &logger.ring) == LOG_BUSY;
}

static enum log_sent send_postlog(const char *text, size_t len, int64_t when)
{
    static char line[HEAD_BYTES + LINE_BYTES];
    int n = snprintf(line, sizeof(line), "%s %.128s %.256s[%d]: %.*s", time_syslog(when),
                     logger.hostname, log_tag(), sender_pid(), (int)len, text);

    if (n <= 0)
        return LOG_SENT;
    enum log_sent sent = logger.ring.memory ? add_to_ring(line, (size_t)n)
                                            : log_socket_send(&logger.postlog, line, (size_t)n);
    return sent == LOG_GONE ? append_to_file(line, (size_t)n) : sent;
}

/* Send to the first sink that has an owner. False when the line must wait. */
static bool send_line(const char *text, size_t len, enum log_level level, int64_t when)
{
    enum log_sent sent = LOG_GONE;

    if (logger.sink == LOG_SINK_POSTLOG)
        sent = send_postlog(text, len, when);
    if (sent == LOG_GONE && logger.sink != LOG_SINK_STDERR)
        sent = send_syslog(text, len, level, when);
    if (sent == LOG_GONE && !logger.stderr_too && !logger.never_stderr)
        write_stderr(text, len);
    return sent != LOG_BUSY;
}

static void keep_line(const char *text, size_t len, enum log_level level, int64_t when)
{
    size_t tag_bytes = logger.other_tag ? strlen(logger.other_tag) + 1 : 0;
    /* Not mem_new: running out of memory is itself logged. */
    struct line *line = logger.queued_bytes + len > QUEUE_LIMIT_BYTES
                            ? NULL
                            : malloc(sizeof(*line) + len + tag_bytes);

    if (!line) {
        logger.n_dropped++;
        return;
    }
    *line = (struct line){.level = level, .when = when, .pid = logger.other_pid, .len = len};
    memcpy(line->text, text, len);
    if (tag_bytes)
        line->tag = memcpy(line->text + len, logger.other_tag, tag_bytes);
    *logger.end = line;
    logger.end = &line->next;
    logger.queued_bytes += len;
}

static void forget_first(void)
{
    struct line *line = logger.first;

    logger.first = line->next;
    if (!logger.first)
        logger.end = &logger.first;
    logger.queued_bytes -= line->len;
    free(line);
}

static bool send_kept_lines(void)
{
    while (logger.first) {
        struct line *line = logger.first;

        logger.other_tag = line->tag;
        logger.other_pid = line->pid;
        if (!send_line(line->text, line->len, line->level, line->when))
            return false;
        forget_first();
    }
    return true;
}

static bool report_dropped(void)
{
    char text[128];

    if (logger.n_dropped == 0)
        return true;
    int len = snprintf(text, sizeof(text), "warning: %zu log lines lost: the log was too slow",
                       logger.n_dropped);
    if (!send_line(text, (size_t)len, LOG_LEVEL_WARNING, time_wall_seconds()))
        return false;
    logger.n_dropped = 0;
    return true;
}

bool log_flush(void)
{
    if (!logger.first && logger.n_dropped == 0 && !logger.ring.memory)
        return false;
    int saved_errno = errno;
    const char *saved_tag = logger.other_tag;
    pid_t saved_pid = logger.other_pid;
    bool busy = !send_kept_lines();

    logger.other_tag = NULL;
    logger.other_pid = 0;
    busy = busy || !report_dropped();
    logger.other_tag = saved_tag;
    logger.other_pid = saved_pid;
    busy = remind_reader() || busy;
    errno = saved_errno;
    return busy;
}

void log_finish(void)
{
    deadline_t deadline = deadline_in(FINISH_MS);

    while (log_flush() && deadline_poll_ms(deadline) > 0) {
        const struct log_socket *slow =
            logger.postlog.fd >= 0 ? &logger.postlog : &logger.syslog;

        log_socket_wait(slow, deadline_poll_ms(deadline));
    }
}

void log_at(enum log_level level, const char *format, va_list arguments)
{
    static char text[LINE_BYTES];
    int saved_errno = errno;
    int head = snprintf(text, sizeof(text), "%s", severity(level));
    int n = vsnprintf(text + head, sizeof(text) - (size_t)head, format, arguments);
    size_t len = n < 0 ? (size_t)head : (size_t)(head + n);

    if (len >= sizeof(text))
        len = sizeof(text) - 1;
    make_printable(text, len);
    if (log_hook) {
        log_hook(level, text);
    } else {
        int64_t when = time_wall_seconds();

        if (!logger.open || logger.stderr_too)
            write_stderr(text, len);
        if (logger.open && (log_flush() || !send_line(text, len, level, when)))
            keep_line(text, len, level, when);
    }
    errno = saved_errno;
}

void log_discard(enum log_level level, const char *line)
{
    (void)level, (void)line;
}

void log_info(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    log_at(LOG_LEVEL_INFO, format, arguments);
    va_end(arguments);
}

static void log_other(const char *tag, pid_t pid, const char *format, va_list arguments)
    PRINTF_LIKE(3, 0);

static void log_other(const char *tag, pid_t pid, const char *format, va_list arguments)
{
    logger.other_tag = tag;
    logger.other_pid = pid;
    log_at(LOG_LEVEL_INFO, format, arguments);
    logger.other_tag = NULL;
    logger.other_pid = 0;
}

void log_info_as(const char *tag, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    log_other(tag, 0, format, arguments);
    va_end(arguments);
}

void log_info_for(const char *tag, pid_t pid, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    log_other(tag, pid, format, arguments);
    va_end(arguments);
}

void log_warning(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    log_at(LOG_LEVEL_WARNING, format, arguments);
    va_end(arguments);
}

void log_error(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    log_at(LOG_LEVEL_ERROR, format, arguments);
    va_end(arguments);
}

void log_debug(int level, const char *format, ...)
{
    va_list arguments;

    if (log_verbosity < level)
        return;
    va_start(arguments, format);
    log_at(LOG_LEVEL_INFO, format, arguments);
    va_end(arguments);
}

/* The lines kept are the parent's to send; the child's lines bear its own process ID. */
static void after_fork(void)
{
    while (logger.first)
        forget_first();
    logger.n_dropped = 0;
    logger.pid = getpid();
    log_ring_release(&logger.ring); /* it has one writer */
}

static void replace_text(char **text, const char *value)
{
    char *copy = value ? mem_dup_text(value) : NULL;

    mem_free(*text);
    *text = copy;
}

/* What lasts as long as the process. */
static void prepare_once(void)
{
    static bool prepared;

    if (prepared)
        return;
    prepared = true;
    logger.end = &logger.first;
    /* Without these the log works all the same, but for the number in a child's lines. */
    (void)pthread_atfork(NULL, NULL, after_fork);
    (void)atexit(log_finish);
}

static void open_sinks(const struct log_target *target)
{
    void (*open_socket)(struct log_socket *, const char *) =
        target->opens_late ? log_socket_open_late : log_socket_open;

    if (logger.sink == LOG_SINK_POSTLOG)
        open_socket(&logger.postlog, logger.postlog_path);
    /* Without a ring each line is a datagram. */
    if (logger.sink == LOG_SINK_POSTLOG && target->has_ring)
        (void)!log_ring_create(&logger.ring);
    if (logger.sink != LOG_SINK_STDERR)
        open_socket(&logger.syslog, "/dev/log");
    if (!target->opens_late)
        (void)time_syslog(time_wall_seconds()); /* loads the time zone while we can */
}

void log_open(const char *tag, const struct log_target *target)
{
    prepare_once();
    (void)log_flush();
    log_socket_close(&logger.syslog);
    log_socket_close(&logger.postlog);
    log_ring_release(&logger.ring);
    replace_text(&logger.tag, tag);
    replace_text(&logger.hostname, target->hostname ? target->hostname : "localhost");
    replace_text(&logger.postlog_path, target->postlog_path);
    replace_text(&logger.fallback_file, target->fallback_file);
    logger.sink = target->sink;
    logger.never_stderr = target->never_stderr;
    logger.stderr_too = target->stderr_too && target->sink != LOG_SINK_STDERR;
    logger.facility = log_facility(target->facility);
    logger.pid = getpid();
    open_sinks(target);
    logger.open = true;
}

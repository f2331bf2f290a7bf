/*
 * The log: Postfix's line format, to syslog, to postlogd (maillog_file) or to stderr. A call
 * never blocks a session and never fails; control bytes are replaced, long lines capped.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/compiler.h"

enum log_level {
    LOG_LEVEL_INFO,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_ERROR,
    LOG_LEVEL_FATAL,
    LOG_LEVEL_PANIC
};

/* Happened as designed. */
void log_info(const char *format, ...) PRINTF_LIKE(1, 2);
/* "warning: ": the administrator should look. */
void log_warning(const char *format, ...) PRINTF_LIKE(1, 2);
/* "error: ": mail is not moving. */
void log_error(const char *format, ...) PRINTF_LIKE(1, 2);
/*
 * At info level, under another tag than the process's own ("postfix/dnsblog"; copied): events
 * that people expect of a program whose work is done here.
 */
void log_info_as(const char *tag, const char *format, ...) PRINTF_LIKE(2, 3);
/*
 * At info level, in the name of another process, which left it to us to say so: its tag
 * (copied) and its number.
 */
void log_info_for(const char *tag, pid_t pid, const char *format, ...) PRINTF_LIKE(3, 4);
void log_at(enum log_level level, const char *format, va_list arguments) PRINTF_LIKE(2, 0);

/*
 * Verbosity: 0 without -v, one more for each -v. log_debug writes (at info level) when it is
 * at least `level`; the arguments are evaluated in any case, so keep them cheap.
 */
extern int log_verbosity;
void log_debug(int level, const char *format, ...) PRINTF_LIKE(2, 3);

/*
 * Where lines go. tag is "postfix/smtpd"; it is copied. Until log_open lines go to stderr as
 * "tag: text" (commands stay so).
 */
enum log_sink {
    LOG_SINK_STDERR, /* "tag: severity: text" */
    LOG_SINK_SYSLOG, /* facility of syslog_facility */
    LOG_SINK_POSTLOG /* datagrams to postlogd's socket; syslog while that does not answer */
};

struct log_target {
    enum log_sink sink;
    bool stderr_too;          /* commands: also say it on the terminal */
    bool never_stderr;        /* what no sink takes is lost, not written there */
    const char *facility;     /* "mail"; NULL: mail */
    const char *postlog_path; /* absolute or relative to the queue directory */
    bool has_ring; /* for a daemon: lines reach postlogd through memory (base/log_ring.h) */
    const char *hostname;      /* for postlogd's "Mmm dd hh:mm:ss host tag[pid]: text" */
    const char *fallback_file; /* where lines go while postlogd does not answer; NULL: syslog */
    bool opens_late;           /* with the first line: for a command that seldom has one */
};

void log_open(const char *tag, const struct log_target *target);
const char *log_tag(void);
pid_t log_pid(void); /* as lines have it; costs no system call once the log is open */

/*
 * Descriptor-based sinks (syslog, postlog) are opened by log_open, so they survive the jail,
 * unless opens_late.
 * Lines that could not be sent at once are kept (bounded) and sent by the next call; the event
 * loop calls this when it is idle. Returns true while some are left.
 */
bool log_flush(void);

/*
 * The process is about to end: wait up to a second until the lines kept have gone. Called by
 * fatal and bug_stop, and at exit(3) after log_open.
 */
void log_finish(void);

/*
 * Unless it is NULL (the start), each line goes to this function and nowhere else: to who
 * explains itself, and to tests. The line is printable, with its severity and without tag and
 * newline; it is valid for the call, which must not log.
 */
extern void (*log_hook)(enum log_level level, const char *line);

/* The hook for who wants to hear nothing. */
void log_discard(enum log_level level, const char *line);

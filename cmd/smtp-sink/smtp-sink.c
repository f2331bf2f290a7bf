/*
 * smtp-sink: a server that takes mail by SMTP or LMTP and throws it away.
 */
#include <grp.h>
#include <pwd.h>
#include <syslog.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/bug.h"
#include "base/log.h"
#include "base/time.h"
#include "net/socket.h"
#include "sink.h"

enum { NUMBER_MOST = 1000 * 1000 * 1000, SECONDS_MOST = 1000 * 1000, SESSIONS_MOST = 10000 };

/* What has to do with the process alone. */
struct start {
    int family;
    const char *root, *user;
};

static void usage(void)
{
    fatal(1, "usage: smtp-sink [-468acCeEFLNpPv] [-A abort_delay] [-b soft_bounce_reply] "
             "[-B hard_bounce_reply] [-d dump-template] [-D dump-template] [-f commands] "
             "[-h hostname] [-H delay] [-m max_concurrency] [-M message_quit_count] "
             "[-n quit_count] [-q commands] [-Q commands] [-r commands] [-R root-dir] "
             "[-s commands] [-S start-string] [-t timeout] [-T windowsize] [-u user_privs] "
             "[-w delay] [-W command:delay[:odds]] [host]:port|unix:path backlog");
}

/* -- values of options */

static int64_t number(const char *text, int64_t min, int64_t max, const char *what)
{
    int64_t value;

    if (!slice_to_int(slice_from(text), min, max, &value))
        fatal(1, "bad %s: %s", what, text);
    return value;
}

static int64_t delay(const char *text, int64_t min, const char *what)
{
    return SECONDS(number(text, min, SECONDS_MOST, what));
}

/* "450 4.3.0 text", without a line end: the first digit is what the clients go by. */
static const char *reply_text(const char *text, char class, const char *what)
{
    struct slice reply = slice_from(text);
    uint64_t code;

    if (reply.len < 3 || *text != class ||
        !slice_to_uint(slice_sub(reply, 0, 3), 10, 999, &code) ||
        (reply.len > 3 && text[3] != ' ') || slice_find_any(reply, "\r\n") < reply.len) {
        log_error("bad %s error reply: %s", what, text);
        usage();
    }
    return text;
}

/* Up to three octal digits, as in "\101". */
static size_t take_octal(struct slice rest, char *byte)
{
    size_t len = slice_skip_any(slice_sub(rest, 0, 3), "01234567");
    uint64_t value = 0;

    (void)!slice_to_uint(slice_sub(rest, 0, len), 8, UINT16_MAX, &value);
    *byte = (char)value;
    return len;
}

/* "From \101\n", with escapes as in C. */
static struct slice unescape(const char *text)
{
    static const char letters[] = "abfnrtv", bytes[] = "\a\b\f\n\r\t\v";
    struct slice rest = slice_from(text);
    struct buf result = BUF_INIT;
    size_t len;

    while (rest.len > 0) {
        char byte = *rest.ptr;
        rest = slice_from_offset(rest, 1);
        if (byte == '\\' && rest.len > 0) {
            size_t letter = slice_find(slice_from(letters), *rest.ptr);
            size_t taken = take_octal(rest, &byte);
            if (taken == 0) {
                byte = letter < sizeof(letters) - 1 ? bytes[letter] : *rest.ptr;
                taken = 1;
            }
            rest = slice_from_offset(rest, taken);
        }
        buf_add_char(&result, byte);
    }
    len = result.len;
    return slice_of(buf_take(&result), len); /* as long as the program runs */
}

/* -- options */

static void turn_off(struct rule *rule)
{
    rule->is_off = true;
}

static void disconnect(struct rule *rule)
{
    rule->disconnects = true;
}

static void close_politely(struct rule *rule)
{
    rule->closes = true;
}

static void fail_hard(struct rule *rule)
{
    rule->fails_hard = true;
}

static void fail_soft(struct rule *rule)
{
    rule->fails_soft = true;
}

static void make_logged(struct rule *rule)
{
    rule->is_logged = true;
}

/* Options that leave something out. */
static bool take_lack(int option)
{
    switch (option) {
    case '8':
        sink.lacks_8bitmime = true;
        return true;
    case 'a':
        sink.lacks_auth = true;
        return true;
    case 'C':
        turn_off(&sink.rules[COMMAND_XCLIENT]);
        return true;
    case 'e':
    case 'P':
        sink.lacks_esmtp = true;
        sink.is_pix |= option == 'P';
        return true;
    case 'E':
        sink.lacks_codes = true;
        return true;
    case 'F':
        turn_off(&sink.rules[COMMAND_XFORWARD]);
        return true;
    case 'N':
        sink.lacks_dsn = true;
        return true;
    case 'p':
        sink.lacks_pipelining = true;
        return true;
    default:
        return false;
    }
}

/* Options about commands and their replies. */
static bool take_rule(int option)
{
    switch (option) {
    case 'b':
        sink.soft_reply = reply_text(optarg, '4', "soft");
        return true;
    case 'B':
        sink.hard_reply = reply_text(optarg, '5', "hard");
        return true;
    case 'f':
        rules_mark(optarg, fail_hard);
        sink.lacks_pipelining = true;
        return true;
    case 'q':
        rules_mark(optarg, disconnect);
        return true;
    case 'Q':
        rules_mark(optarg, close_politely);
        return true;
    case 'r':
        rules_mark(optarg, fail_soft);
        sink.lacks_pipelining = true;
        return true;
    case 's':
        rules_mark(optarg, make_logged);
        return true;
    case 'w':
        sink.rules[COMMAND_DATA].delay_ms = delay(optarg, 0, "DATA delay");
        return true;
    case 'W':
        rules_delay(optarg);
        return true;
    default:
        return false;
    }
}

/* Options with a number. */
static bool take_number(int option)
{
    switch (option) {
    case 'A':
        sink.abort_delay_ms = delay(optarg, 0, "abort delay");
        return true;
    case 'H':
        sink.read_delay_ms = delay(optarg, 1, "data read delay");
        return true;
    case 'm':
        sink.load.sessions_most = number(optarg, 1, SESSIONS_MOST, "concurrency limit");
        return true;
    case 'M':
        sink.messages_most = number(optarg, 1, NUMBER_MOST, "message quit count");
        return true;
    case 'n':
        sink.sessions_total = number(optarg, 1, NUMBER_MOST, "quit count");
        return true;
    case 't':
        sink.timeout_ms = delay(optarg, 1, "timeout");
        return true;
    case 'T':
        socket_set_window((int)number(optarg, 1, NUMBER_MOST, "TCP window size"));
        return true;
    default:
        return false;
    }
}

static void take(struct start *start, int option)
{
    switch (option) {
    case '4':
        start->family = AF_INET;
        break;
    case '6':
        start->family = AF_INET6;
        break;
    case 'c':
        sink.shows_count = true;
        break;
    case 'd':
        sink.message_template = optarg;
        break;
    case 'D':
        sink.mailbox_template = optarg;
        break;
    case 'h':
        sink.host_name = optarg;
        break;
    case 'L':
        sink.is_lmtp = true;
        break;
    case 'R':
        start->root = optarg;
        break;
    case 'S':
        sink.dump_start = unescape(optarg);
        break;
    case 'u':
        start->user = optarg;
        break;
    case 'v':
        log_verbosity++;
        break;
    default:
        if (!take_lack(option) && !take_rule(option) && !take_number(option))
            usage();
        break;
    }
}

/* -- the start */

/* The user is looked up while /etc can be seen. */
static void give_up_rights(const struct start *start)
{
    const struct passwd *user = start->user ? getpwnam(start->user) : NULL;

    if (start->user && !user)
        fatal(1, "unknown user: %s", start->user);
    if (user && initgroups(start->user, user->pw_gid) < 0)
        fatal(1, "initgroups: %m");
    if (start->root && (chroot(start->root) < 0 || chdir("/") < 0))
        fatal(1, "chroot %s: %m", start->root);
    if (user && (setresgid(user->pw_gid, user->pw_gid, user->pw_gid) < 0 ||
                 setresuid(user->pw_uid, user->pw_uid, user->pw_uid) < 0))
        fatal(1, "become user %s: %m", start->user);
}

int main(int argc, char **argv)
{
    struct log_target terminal = {.sink = LOG_SINK_STDERR};
    struct start start = {.family = AF_UNSPEC};
    int option;

    log_open("smtp-sink", &terminal);
    while ((option = getopt(argc, argv,
                            "+468aA:b:B:cCd:D:eEf:Fh:H:Lm:M:n:NpPq:Q:r:R:s:S:t:T:u:vw:W:")) !=
           -1)
        take(&start, option);
    if (argc - optind != 2)
        usage();
    if (sink.message_template && sink.mailbox_template)
        fatal(1, "use only one of -d or -D, but not both");
    if (geteuid() == 0 && !start.user)
        fatal(1, "-u option is required if running as root");
    sink.rules[COMMAND_HELO].is_off = sink.is_lmtp;
    sink.rules[COMMAND_EHLO].is_off = sink.is_lmtp || sink.lacks_esmtp;
    sink.rules[COMMAND_LHLO].is_off = !sink.is_lmtp;
    openlog("smtp-sink", LOG_PID | LOG_NDELAY, LOG_MAIL); /* for -s */
    load_sink_listen(&sink.load, argv[optind], argv[optind + 1], start.family);
    give_up_rights(&start);
    load_sink_run(&sink.load);
    return 0;
}

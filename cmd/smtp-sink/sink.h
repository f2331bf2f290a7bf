/*
 * What smtp-sink was told to be like, and what its files do for one another.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "load/sink.h"

enum command {
    COMMAND_CONNECT,
    COMMAND_HELO,
    COMMAND_EHLO,
    COMMAND_LHLO,
    COMMAND_XCLIENT,
    COMMAND_XFORWARD,
    COMMAND_AUTH,
    COMMAND_MAIL,
    COMMAND_RCPT,
    COMMAND_DATA,
    COMMAND_DOT,
    COMMAND_RSET,
    COMMAND_NOOP,
    COMMAND_VRFY,
    COMMAND_QUIT,
    COMMAND_NONE, /* no such command */
};

/* What happens when a command comes; the first that holds. */
struct rule {
    const char *name;
    bool is_off; /* as if there were no such command */
    bool disconnects, closes, fails_hard, fails_soft;
    bool is_logged;
    int64_t delay_ms;
    int delay_odds; /* 1 to 99: the delay once more until a throw of 0 to 99 is at least this */
};

struct sink {
    struct load_sink load;
    bool lacks_8bitmime, lacks_auth, lacks_codes, lacks_dsn, lacks_esmtp, lacks_pipelining;
    bool is_lmtp, is_pix, shows_count;
    const char *host_name, *soft_reply, *hard_reply;
    int64_t timeout_ms, read_delay_ms;
    int64_t abort_delay_ms;                /* -1: no abort */
    int64_t messages_most, sessions_total; /* 0: no end */
    int64_t n_sessions, n_quits, n_messages;
    struct rule rules[COMMAND_NONE];
    /* Dumps: a template for strftime(3), or NULL. */
    const char *message_template, *mailbox_template;
    struct slice dump_start;
};

extern struct sink sink;

/* rules.c: COMMAND_NONE when the name is unknown. */
enum command command_find(struct slice name);

/* Mark all commands of a list such as "RCPT, DATA"; a name that is none ends the program. */
void rules_mark(const char *list, void (*mark)(struct rule *rule));
/* "command:seconds" or "command:seconds:odds"; what is no such thing ends the program. */
void rules_delay(const char *text);
/* How long it is to be this time. */
int64_t rule_delay_ms(const struct rule *rule);

/* session.c */
MAY_WAIT void session_run(int fd, const struct endpoint *client);

/*
 * One reply of the server: what a command handler returns and the session sends.
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/compiler.h"
#include "base/slice.h"
#include "mail/dsn.h"

struct smtp_reply {
    int code;                   /* 0: nothing is sent (the connection is gone) */
    char dsn[DSN_STATUS_BYTES]; /* RFC 3463; empty where the reply has none */
    struct slice text;          /* lines separated by LF */
    bool is_forgiven;           /* an error that does not count against the client */
};

/* text is a literal. */
struct smtp_reply smtp_reply(int code, const char *dsn, const char *text);
/* The text lies in the arena. */
struct smtp_reply smtp_reply_printf(struct arena *arena, int code, const char *dsn,
                                    const char *format, ...) PRINTF_LIKE(4, 5);
/* Take "550 5.7.1 text" apart; text is borrowed. What is no reply becomes a 451. */
struct smtp_reply smtp_reply_parse(struct slice whole);
/* Does the text begin with the code of a refusal, 4xx or 5xx, and a space? */
bool smtp_reply_refuses(struct slice whole);
/*
 * Add a line of a reply's text as clients read it, and the log. What they said is quoted there:
 * control bytes become blanks, so that a lone CR does not look like the end of a line.
 */
void smtp_reply_add_line(struct buf *out, struct slice text);
/* No reply at all. */
struct smtp_reply smtp_reply_none(void);

/* 5xx becomes 4xx (soft_bounce). */
void smtp_reply_soften(struct smtp_reply *reply);
/* True for the replies after which the server hangs up: 421 and 521. */
bool smtp_reply_ends_session(const struct smtp_reply *reply);

/*
 * Add smtpd_reject_footer (already expanded). "\c" at its start continues the last line, "\n"
 * separates lines (RFC 5321 section 4.2.1).
 */
void smtp_reply_add_footer(struct smtp_reply *reply, struct slice footer, struct arena *arena);

/* Append the reply as it goes over the wire: "250-text CRLF 250 text CRLF". */
void smtp_reply_format(struct buf *out, const struct smtp_reply *reply);

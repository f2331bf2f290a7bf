/*
 * The syntax of commands: verb and arguments, the path and the parameters of MAIL and RCPT, and
 * xtext. Pure functions on foreign bytes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "base/slice.h"
#include "mail/xtext.h"

/*
 * Cut off the next word of a command line as Postfix does: blanks separate words, except inside
 * <...> and "..."; "FROM:<a@b>" is two words, since a word ends behind its colon when < or a
 * path follows (see esmtp_split_path). False at the end.
 */
bool esmtp_next_word(struct slice *rest, struct slice *word);

/* Words of the line joined by single blanks, in the arena: the argument of HELO. */
struct slice esmtp_join_words(struct slice line, struct arena *arena);

enum path_result {
    PATH_OK,
    PATH_MISSING,    /* not "FROM:" (or "TO:") followed by something */
    PATH_UNBALANCED, /* a "<" or a quote is never closed */
};

/*
 * Split "FROM: <a@b> SIZE=3" into the path as written and what follows it. keyword is "FROM:"
 * or "TO:". RFC 5321 section 4.1.1.2 allows no blank in front of the path; the world sends one.
 */
MUST_USE enum path_result esmtp_split_path(struct slice arguments, const char *keyword,
                                           struct slice *path, struct slice *parameters);

/* BODY= of MAIL (RFC 6152). */
enum mail_body { MAIL_BODY_UNKNOWN, MAIL_BODY_7BIT, MAIL_BODY_8BIT };

struct mail_parameters {
    int64_t size_bytes; /* 0: not given */
    enum mail_body body;
    bool is_smtputf8;
    bool is_requiretls;       /* RFC 8689 */
    int ret;                  /* RET_FULL, RET_HEADERS (mail/message.h), 0 */
    struct slice envelope_id; /* decoded; empty: none */
    struct slice verp;        /* two delimiters; with has_verp and empty: the default ones */
    bool has_verp;
    bool has_auth;     /* AUTH= (RFC 4954 section 5) */
    struct slice auth; /* its value as sent: who submitted it elsewhere; empty for <> */
};

struct rcpt_parameters {
    int notify;                /* NOTIFY_ bits (mail/message.h), 0: not given */
    struct slice dsn_original; /* "type;address", decoded; empty: none */
};

/* What of the parameters the client may use. */
enum esmtp_allowed {
    ESMTP_ALLOW_SIZE = 1,
    ESMTP_ALLOW_8BITMIME = 2,
    ESMTP_ALLOW_DSN = 4,
    ESMTP_ALLOW_SMTPUTF8 = 8,
    ESMTP_ALLOW_VERP = 16,
    ESMTP_ALLOW_REQUIRETLS = 32,
};

/* What is wrong with a parameter, as a reply in the making. */
struct esmtp_error {
    int code; /* 0: nothing is wrong */
    const char *dsn;
    const char *text;    /* literal */
    struct slice detail; /* appended to the text */
};

/*
 * Parse the parameters of MAIL FROM (RFC 1870, 6152, 3461, 6531, XVERP). max_size is that of a
 * file offset.
 */
struct esmtp_error mail_parameters_parse(struct slice text, unsigned allowed,
                                         struct arena *arena, struct mail_parameters *parsed);
/* Those of RCPT TO (RFC 3461). */
struct esmtp_error rcpt_parameters_parse(struct slice text, unsigned allowed,
                                         struct arena *arena, struct rcpt_parameters *parsed);

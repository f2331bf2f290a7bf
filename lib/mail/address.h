/*
 * Mail addresses: the path of MAIL and RCPT, the quoted and the internal form.
 *
 * Inside the suite an address travels as text in internal form: unquoted, without <>, as queue
 * files and tables hold it ("john doe@example.com"). It is quoted again where it leaves: SMTP,
 * headers, log lines.
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"

/* How far from RFC 5321 a path may be: strict_rfc821_envelopes or what the world sends. */
enum address_strictness { ADDRESS_LENIENT, ADDRESS_STRICT };

/*
 * Parse the path behind "MAIL FROM:" or "RCPT TO:" and give its internal form, which lies in
 * the arena; *rest is what follows (ESMTP parameters). Source routes are dropped (RFC 5321
 * appendix C). Lenient also takes paths without <>, with blanks around, with a bare name.
 * The domain is a host name or a literal (a dot at its end stays); whether one with 8-bit bytes
 * will do is the caller's decision (SMTPUTF8). Null sender: the address is empty.
 * Returns 0, or -1 with a permanent error "5.1.3 Bad address syntax".
 */
MUST_USE int address_parse_path(struct slice text, enum address_strictness strictness,
                                struct arena *arena, struct slice *address, struct slice *rest,
                                struct error *error);

/* The same, whatever the domain is: for who may find a meaning in others. */
MUST_USE int address_split_path(struct slice text, enum address_strictness strictness,
                                struct arena *arena, struct slice *address, struct slice *rest,
                                struct error *error);
/* Is there no domain, or a host name or literal as address_parse_path wants it? */
bool address_has_valid_domain(struct slice address);

/* The parts around the last @ of an internal form; no @: the domain is empty. */
struct slice address_local_part(struct slice address);
struct slice address_domain(struct slice address);

/* Append the quoted form for SMTP and headers: the local part in "" where RFC 5321 wants it. */
void address_quote(struct buf *buf, struct slice address);
/* The same into an arena. */
struct slice address_quoted(struct arena *arena, struct slice address);
/* From the quoted to the internal form: quotes and backslashes removed, comments too. */
struct slice address_unquoted(struct arena *arena, struct slice quoted);

/*
 * Split user+extension; recipient_delimiter is a set of characters (recipient_delimiter), the
 * first of them found in the local part splits. owner- and -request lists, mailer-daemon and
 * double-bounce never split (as Postfix: see owner_request_special). False: no extension; *user
 * is all of it then, *extension empty.
 */
bool address_split_extension(struct slice local_part, const char *delimiters,
                             bool owner_request_special, struct slice *user,
                             struct slice *extension);

/* True for a syntactically valid DNS host name; an address literal is another question. */
/* A label may hold _ and 8-bit bytes (RFC 6531); all digits and dots is no name. */
bool hostname_is_valid(struct slice name);
bool hostname_is_valid_or_literal(struct slice name);

/*
 * A header's address list (RFC 5322 section 3.4, with the obsolete syntax and what the world
 * writes), so that cleanup can rewrite addresses and keep comments and phrases. Where an
 * address changes, the whole header is composed anew, with white space in the standard form;
 * otherwise the header stays as it was written.
 */
struct header_address {
    struct slice before;  /* text between the previous address and this one, to be kept */
    struct slice address; /* without <>, comments and blanks; quoted as it was written */
    bool in_brackets;     /* it stood in <> */
};

struct header_address_list {
    struct header_address *addresses;
    size_t n_addresses;
    struct slice after; /* what follows the last one */
};

/*
 * Never fails: nonsense becomes text to keep. What lies behind max_tokens tokens
 * (header_address_token_limit) is dropped. The list and its texts lie in the arena.
 */
void header_address_parse(struct slice value, struct arena *arena, size_t max_tokens,
                          struct header_address_list *list);
/*
 * Append the list as a header value, with the addresses that now stand in it (in quoted form).
 * It is folded ("\n\t") at commas; used_columns is the length of "Name: " on the first line.
 */
void header_address_compose(struct buf *buf, const struct header_address_list *list,
                            size_t used_columns);

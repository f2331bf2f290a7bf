/*
 * Command lines of SMTP: words, paths, parameters, the attributes of XCLIENT; and the filters
 * of DNS lists, which come from main.cf.
 *
 * links: smtpd/esmtp smtpd/xattribute smtpd/reply
 */
#include <stdint.h>

#include "../../smtpd/esmtp.h"
#include "../../smtpd/reply.h"
#include "../../smtpd/xattribute.h"
#include "base/bug.h"
#include "dns/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool lies_in(struct slice part, struct slice whole)
{
    return part.len == 0 ||
           (part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len);
}

/* Every word takes something off the line. */
static void check_words(struct slice line, struct arena *arena)
{
    struct slice rest = line, word;

    for (size_t left = line.len + 1; esmtp_next_word(&rest, &word); left = rest.len) {
        bug_if(rest.len >= left || word.len == 0);
        bug_if(!lies_in(word, line) || !lies_in(rest, line));
    }
    bug_if(esmtp_join_words(line, arena).len > line.len);
}

static void check_path(struct slice line, const char *keyword, struct arena *arena)
{
    struct slice path, parameters;
    struct mail_parameters mail;
    struct rcpt_parameters rcpt;

    if (esmtp_split_path(line, keyword, &path, &parameters) != PATH_OK)
        return;
    bug_if(path.len == 0 || !lies_in(path, line) || !lies_in(parameters, line));
    struct esmtp_error error = mail_parameters_parse(parameters, ~0U, arena, &mail);
    bug_if(error.code && (error.code < 500 || !error.text || !error.dsn));
    bug_if(!error.code && mail.size_bytes < 0);
    error = rcpt_parameters_parse(parameters, ~0U, arena, &rcpt);
    bug_if(error.code && (error.code < 500 || !error.text || !error.dsn));
}

static void check_attributes(struct slice line, struct arena *arena)
{
    struct xattribute attribute;

    while (xattribute_next(&line, arena, &attribute) == XATTRIBUTE_OK) {
        struct endpoint endpoint;
        struct slice text;

        bug_if(!attribute.name || attribute.value.len == 0);
        (void)!xattribute_address(attribute.value, &endpoint, arena, &text);
        (void)xattribute_is_port(attribute.value);
    }
}

static void check_reply(struct slice line)
{
    CLEANUP(buf_release) struct buf wire = BUF_INIT;
    struct smtp_reply reply = smtp_reply_parse(line);

    bug_if(reply.code < 200 || reply.code > 599);
    smtp_reply_soften(&reply);
    smtp_reply_format(&wire, &reply);
    bug_if(wire.len < 6 || wire.data[wire.len - 1] != '\n');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct slice line = slice_of(data, size);

    check_words(line, &arena);
    check_path(line, "FROM:", &arena);
    check_path(line, "TO:", &arena);
    check_attributes(line, &arena);
    check_reply(line);
    (void)dns_filter_matches(line, SLICE("127.0.0.2"));
    return 0;
}

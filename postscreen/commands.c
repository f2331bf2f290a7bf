/* What the commands answer. */
#include "commands.h"

#include <inttypes.h>

#include "base/log.h"
#include "conf/params.h"
#include "reply.h"
#include "route/ehlo_keywords.h"
#include "starttls.h"

#define UNAVAILABLE "450 4.3.2 Service currently unavailable"

static int say(struct dialogue *dialogue, const char *line)
{
    return reply_send(dialogue->session, line);
}

static const char *rcpt_reply(const struct dialogue *dialogue)
{
    return dialogue->session->rcpt_reply ? dialogue->session->rcpt_reply : UNAVAILABLE;
}

/* -- HELO, EHLO -----------------------------------------------------------------------------
 */

static bool offers_vrfy(const struct dialogue *dialogue)
{
    (void)dialogue;
    return !params.disable_vrfy_command; /* that of smtpd, as in Postfix */
}

static bool offers_smtputf8(const struct dialogue *dialogue)
{
    (void)dialogue;
    return params.smtputf8_enable;
}

static bool offers_starttls(const struct dialogue *dialogue)
{
    return starttls_is_offered() && !dialogue->is_encrypted;
}

/* In the order of smtpd; the others are not offered here. */
static const struct {
    enum ehlo_keyword keyword;
    bool (*is_offered)(const struct dialogue *dialogue); /* NULL: always */
} keywords[] = {
    {EHLO_SIZE, NULL},
    {EHLO_VRFY, offers_vrfy},
    {EHLO_ETRN, NULL},
    {EHLO_STARTTLS, offers_starttls},
    {EHLO_ENHANCEDSTATUSCODES, NULL},
    {EHLO_8BITMIME, NULL},
    {EHLO_DSN, NULL},
    {EHLO_SMTPUTF8, offers_smtputf8},
    {EHLO_CHUNKING, NULL},
};

static unsigned discarded_keywords(const struct session *session)
{
    CLEANUP(buf_release) struct buf names = BUF_INIT;
    char text[ENDPOINT_TEXT_BYTES];
    struct slice address = slice_from(endpoint_text(&session->connection->peer, text));
    unsigned discarded;

    /* When in doubt offer the least, as Postfix does. */
    if (ehlo_discards_find(&settings.ehlo_discards, address, &discarded) == TABLE_ERROR)
        discarded = ~(unsigned)EHLO_SILENT_DISCARD;
    if (discarded && !(discarded & EHLO_SILENT_DISCARD)) {
        ehlo_keywords_add_names(&names, discarded);
        log_info("%s: discarding EHLO keywords: %s", session->name, names.data);
    }
    return discarded;
}

/* Forget the transaction; the first word is the client's name. */
static void meet(struct dialogue *dialogue, const char *protocol, struct slice arguments)
{
    dialogue->protocol = protocol;
    dialogue->has_sender = false;
    buf_set(&dialogue->helo, slice_sub(arguments, 0, slice_find_any(arguments, " \t")));
}

static int helo(struct dialogue *dialogue, struct slice arguments)
{
    CLEANUP(buf_release) struct buf reply = BUF_INIT;

    if (arguments.len == 0)
        return say(dialogue, "501 Syntax: HELO hostname");
    meet(dialogue, "SMTP", arguments);
    buf_printf(&reply, "250 %s", params.myhostname);
    return say(dialogue, reply.data);
}

static void add_keywords(struct buf *reply, const struct dialogue *dialogue)
{
    unsigned discarded = discarded_keywords(dialogue->session);

    for (size_t i = 0; i < ARRAY_SIZE(keywords); i++) {
        if ((discarded & keywords[i].keyword) ||
            (keywords[i].is_offered && !keywords[i].is_offered(dialogue)))
            continue;
        buf_printf(reply, "\n%s", ehlo_keyword_name(keywords[i].keyword));
        if (keywords[i].keyword == EHLO_SIZE && params.message_size_limit > 0)
            buf_printf(reply, " %" PRId64, params.message_size_limit);
    }
}

static int ehlo(struct dialogue *dialogue, struct slice arguments)
{
    CLEANUP(buf_release) struct buf reply = BUF_INIT;
    CLEANUP(buf_release) struct buf out = BUF_INIT;

    if (arguments.len == 0)
        return say(dialogue, "501 Syntax: EHLO hostname");
    meet(dialogue, "ESMTP", arguments);
    buf_printf(&reply, "250 %s", params.myhostname);
    add_keywords(&reply, dialogue);
    reply_format(&out, buf_slice(&reply), SLICE_EMPTY);
    return reply_send_raw(dialogue->session, buf_slice(&out));
}

/* -- the transaction ------------------------------------------------------------------------
 */

/* Up to the byte that is not in quotes, or all of it. */
static struct slice until(struct slice text, const char *set)
{
    bool is_quoted = false;
    size_t i = 0;

    for (; i < text.len; i++) {
        if (text.ptr[i] == '\\' && i + 1 < text.len)
            i++;
        else if (text.ptr[i] == '"')
            is_quoted = !is_quoted;
        else if (!is_quoted && strchr(set, text.ptr[i]))
            break;
    }
    return slice_sub(text, 0, i);
}

bool command_address(struct slice arguments, struct slice *address)
{
    size_t colon = slice_find(arguments, ':');

    if (colon == arguments.len)
        return false;
    struct slice text = slice_trim(slice_from_offset(arguments, colon + 1));

    if (!slice_starts_with(text, "<")) {
        *address = until(text, " \t");
        return true;
    }
    text = until(slice_from_offset(text, 1), ">");
    if (slice_starts_with(text, "@") && slice_find(text, ':') < text.len)
        text = slice_from_offset(text, slice_find(text, ':') + 1);
    *address = text;
    return true;
}

static bool lacks_helo(const struct dialogue *dialogue)
{
    return params.postscreen_helo_required && dialogue->helo.len == 0;
}

static int mail(struct dialogue *dialogue, struct slice arguments)
{
    struct slice address;

    if (lacks_helo(dialogue))
        return say(dialogue, "503 5.5.1 Error: send HELO/EHLO first");
    if (dialogue->has_sender)
        return say(dialogue, "503 5.5.1 Error: nested MAIL command");
    if (!command_address(arguments, &address))
        return say(dialogue, "501 5.5.4 Syntax: MAIL FROM:<address>");
    buf_set(&dialogue->sender, address);
    dialogue->has_sender = true;
    return say(dialogue, "250 2.1.0 Ok");
}

static void log_reject(const struct dialogue *dialogue, struct slice recipient)
{
    CLEANUP(buf_release) struct buf reply = BUF_INIT;

    buf_set_text(&reply, rcpt_reply(dialogue));
    if (params.soft_bounce)
        reply_soften(&reply);
    log_info("NOQUEUE: reject: RCPT from %s: %s; from=<%s>, to=<%.*s>, proto=%s, helo=<%s>",
             dialogue->session->name, reply.data, dialogue->sender.data, SLICE_ARG(recipient),
             dialogue->protocol, dialogue->helo.data);
}

static int rcpt(struct dialogue *dialogue, struct slice arguments)
{
    struct slice recipient;

    if (!dialogue->has_sender)
        return say(dialogue, "503 5.5.1 Error: need MAIL command");
    if (!command_address(arguments, &recipient))
        return say(dialogue, "501 5.5.4 Syntax: RCPT TO:<address>");
    log_reject(dialogue, recipient);
    return say(dialogue, rcpt_reply(dialogue));
}

/* There was no valid recipient: whoever goes on all the same does not read replies. */
static int hang_up(struct dialogue *dialogue, const char *name, const char *without_sender)
{
    log_info("%s without valid RCPT from %s", name, dialogue->session->name);
    session_drop(dialogue->session, dialogue->has_sender
                                        ? "554 5.5.1 Error: no valid recipients"
                                        : without_sender);
    return 0;
}

static int data(struct dialogue *dialogue, struct slice arguments)
{
    (void)arguments;
    return hang_up(dialogue, "DATA", "503 5.5.1 Error: need RCPT command");
}

static int bdat(struct dialogue *dialogue, struct slice arguments)
{
    (void)arguments;
    return hang_up(dialogue, "BDAT", "554 5.5.1 Error: need MAIL command");
}

static int rset(struct dialogue *dialogue, struct slice arguments)
{
    (void)arguments;
    dialogue->has_sender = false;
    return say(dialogue, "250 2.0.0 Ok");
}

/* -- the others -----------------------------------------------------------------------------
 */

static int noop(struct dialogue *dialogue, struct slice arguments)
{
    (void)arguments;
    return say(dialogue, "250 2.0.0 Ok");
}

static int vrfy(struct dialogue *dialogue, struct slice arguments)
{
    if (settings.disables_vrfy)
        return say(dialogue, "502 5.5.1 VRFY command is disabled");
    if (arguments.len == 0)
        return say(dialogue, "501 5.5.4 Syntax: VRFY address");
    return say(dialogue, rcpt_reply(dialogue));
}

static int etrn(struct dialogue *dialogue, struct slice arguments)
{
    if (lacks_helo(dialogue))
        return say(dialogue, "503 5.5.1 Error: send HELO/EHLO first");
    if (arguments.len == 0)
        return say(dialogue, "500 Syntax: ETRN domain");
    return say(dialogue, "458 Unable to queue messages");
}

static int quit(struct dialogue *dialogue, struct slice arguments)
{
    (void)arguments;
    session_drop(dialogue->session, "221 2.0.0 Bye");
    return 0;
}

static const struct command commands[] = {
    {.name = "EHLO", .run = ehlo, .before_tls = true},
    {.name = "HELO", .run = helo, .before_tls = true},
    {.name = "MAIL", .run = mail},
    {.name = "RCPT", .run = rcpt, .shows_speech = true},
    {.name = "DATA", .run = data},
    {.name = "BDAT", .run = bdat, .has_payload = true},
    {.name = "RSET", .run = rset},
    {.name = "NOOP", .run = noop, .before_tls = true},
    {.name = "VRFY", .run = vrfy},
    {.name = "ETRN", .run = etrn},
    {.name = "STARTTLS", .run = starttls_run, .before_tls = true},
    {.name = "QUIT", .run = quit, .before_tls = true, .ends_session = true},
};

const struct command *command_find(struct slice verb)
{
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        if (slice_equals_nocase(verb, commands[i].name))
            return &commands[i];
    }
    return NULL;
}

bool command_needs_tls(const struct dialogue *dialogue, const struct command *command)
{
    return starttls_is_required() && !dialogue->is_encrypted && !command->before_tls;
}

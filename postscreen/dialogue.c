/* Command after command, and the tests of each. */
#include "dialogue.h"

#include <string.h>

#include "base/log.h"
#include "commands.h"
#include "conf/params.h"
#include "escape.h"
#include "mail/header.h"
#include "reply.h"

#define PROTOCOL_ERROR "5.5.1 Protocol error"

/* How much of what a client says is logged. */
#define LOGGED_BYTES 100

static void dialogue_init(struct dialogue *dialogue, struct session *session)
{
    *dialogue = (struct dialogue){.session = session,
                                  .watched = session->todo & DEEP_TESTS,
                                  .where = "CONNECT",
                                  .protocol = "SMTP",
                                  .line = BUF_INIT,
                                  .helo = BUF_INIT,
                                  .sender = BUF_INIT};
    /* Who won't get through is watched in all: what such clients do is of interest in the log.
     */
    if (session->failed || session->is_refused)
        dialogue->watched = DEEP_TESTS;
    session->stays_here = true;
    session_begin_tests(session, "tests after SMTP handshake");
}

static void dialogue_release(struct dialogue *dialogue)
{
    buf_release(&dialogue->line);
    buf_release(&dialogue->helo);
    buf_release(&dialogue->sender);
}

/* -- reading --------------------------------------------------------------------------------
 */

static void drop_for(struct dialogue *dialogue, const char *limit)
{
    log_info("COMMAND %s LIMIT from %s after %s", limit, dialogue->session->name,
             dialogue->where);
    struct buf *reply = &dialogue->session->limit_reply;

    buf_reset(reply);
    if (strcmp(limit, "TIME") == 0)
        buf_printf(reply, "421 4.4.2 %s Error: timeout exceeded", params.myhostname);
    else
        buf_printf(reply, "421 %s Service unavailable - try again later", params.myhostname);
    session_drop(dialogue->session, reply->data);
}

/* False when there is no command any more. */
static bool read_line(struct dialogue *dialogue)
{
    struct stream *stream = dialogue->session->stream;
    struct slice line;

    if (stream_pending(stream) == 0)
        stream_shrink(stream);
    stream_set_deadline(stream, deadline_in(params.postscreen_command_time_limit));
    switch (stream_read_line(stream, &line, (size_t)params.line_length_limit)) {
    case LINE_OK:
        buf_set(&dialogue->line, line);
        return true;
    case LINE_TOO_LONG:
        drop_for(dialogue, "LENGTH");
        return false;
    case LINE_TIMEOUT:
        drop_for(dialogue, "TIME");
        return false;
    case LINE_END:
    case LINE_FAILED:
        break;
    }
    session_note_hangup(dialogue->session);
    return false;
}

/* -- the tests ------------------------------------------------------------------------------
 */

static bool watches(const struct dialogue *dialogue, enum test test)
{
    return dialogue->watched & TEST_BIT(test);
}

static void violate(struct dialogue *dialogue, enum test test, const char *dropped)
{
    struct session *session = dialogue->session;

    dialogue->watched &= ~TEST_BIT(test); /* once is enough */
    /* Otherwise the client would see 450 replies to no end. */
    if ((session->todo & TEST_BIT(test)) && settings.tests[test].action == ACTION_IGNORE)
        session_pass(session, test, settings.least_ttl_seconds);
    else
        session_fail(session, test, "550 " PROTOCOL_ERROR, dropped);
}

static void escape_some(struct buf *out, struct slice bytes)
{
    escape(out, slice_sub(bytes, 0, LOGGED_BYTES));
    if (out->len > LOGGED_BYTES)
        buf_truncate(out, LOGGED_BYTES);
}

/* Take the line end off. */
static void test_newline(struct dialogue *dialogue)
{
    CLEANUP(buf_release) struct buf escaped = BUF_INIT;
    struct buf *line = &dialogue->line;

    if (line->len && line->data[line->len - 1] == '\r') {
        buf_truncate(line, line->len - 1);
        return;
    }
    if (!watches(dialogue, TEST_BARE_NEWLINE))
        return;
    escape_some(&escaped, buf_slice(line));
    log_info("BARE NEWLINE from %s after %s", dialogue->session->name, escaped.data);
    violate(dialogue, TEST_BARE_NEWLINE, "521 " PROTOCOL_ERROR);
}

/* With trouble in the list the test is neither passed nor failed: the client will come again.
 */
static bool is_forbidden(struct dialogue *dialogue, struct slice verb)
{
    struct error error;

    if (header_name_length(verb) > 0)
        return true;
    if (match_list_is_empty(settings.forbidden_commands))
        return false;
    switch (match_list_name(settings.forbidden_commands, verb, &error)) {
    case TABLE_FOUND:
        return true;
    case TABLE_NOT_FOUND:
        break;
    case TABLE_ERROR:
        log_warning("%s", error.text);
        dialogue->watched &= ~TEST_BIT(TEST_NON_SMTP);
        break;
    }
    return false;
}

static void test_command(struct dialogue *dialogue, struct slice verb, struct slice arguments)
{
    if (!watches(dialogue, TEST_NON_SMTP) || !is_forbidden(dialogue, verb))
        return;
    log_info("NON-SMTP COMMAND from %s after %s: %.*s %.*s", dialogue->session->name,
             dialogue->where, SLICE_ARG(slice_sub(verb, 0, LOGGED_BYTES)),
             SLICE_ARG(slice_sub(arguments, 0, LOGGED_BYTES)));
    violate(dialogue, TEST_NON_SMTP, "521 5.7.0 Error: I can break rules, too. Goodbye.");
}

/* We have not offered PIPELINING: nothing may follow before our reply. */
static void test_pipelining(struct dialogue *dialogue, struct slice verb)
{
    CLEANUP(buf_release) struct buf name = BUF_INIT;
    CLEANUP(buf_release) struct buf escaped = BUF_INIT;
    struct stream *stream = dialogue->session->stream;
    struct slice ahead;

    if (!watches(dialogue, TEST_PIPELINING) || stream_pending(stream) == 0 ||
        stream_fill(stream, &ahead) < 0)
        return;
    escape_some(&name, verb);
    escape_some(&escaped, ahead);
    log_info("COMMAND PIPELINING from %s after %s: %s", dialogue->session->name, name.data,
             escaped.data);
    violate(dialogue, TEST_PIPELINING, "521 " PROTOCOL_ERROR);
}

/* -- one command ----------------------------------------------------------------------------
 */

static void apply_filter(struct dialogue *dialogue)
{
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    struct buf *line = &dialogue->line;
    struct error error;

    if (maps_is_empty(settings.command_filter))
        return;
    switch (maps_find(settings.command_filter, buf_slice(line), &value, &error)) {
    case TABLE_FOUND:
        log_info("%s: replacing command \"%.100s\" with \"%.100s\"", dialogue->session->name,
                 line->data, value.data);
        buf_set(line, buf_slice(&value));
        break;
    case TABLE_NOT_FOUND:
        break;
    case TABLE_ERROR:
        log_warning("%s: postscreen_command_filter: %s", dialogue->session->name, error.text);
        break;
    }
}

static void pass_deep_tests(struct dialogue *dialogue)
{
    struct session *session = dialogue->session;
    unsigned tests = dialogue->watched & session->todo & ~session->passed;

    for (int i = 0; i < N_TESTS; i++) {
        if (tests & TEST_BIT(i))
            session_pass(session, (enum test)i, 0);
    }
}

/* Run it unless a test or a limit has ended the session. */
static int run_command(struct dialogue *dialogue, struct slice verb, struct slice arguments)
{
    const struct command *command = command_find(verb);

    if (!command)
        test_command(dialogue, verb, arguments);
    if (!dialogue->session->is_over && !(command && command->has_payload))
        test_pipelining(dialogue, verb);
    if (dialogue->session->is_over)
        return 0;
    if (++dialogue->n_commands > params.postscreen_command_count_limit &&
        !(command && command->ends_session)) {
        drop_for(dialogue, "COUNT");
        return 0;
    }
    dialogue->where = command ? command->name : "UNIMPLEMENTED";
    if (!command)
        return reply_send(dialogue->session, "502 5.5.2 Error: command not recognized");
    if (command->shows_speech)
        pass_deep_tests(dialogue);
    if (command_needs_tls(dialogue, command))
        return reply_send(dialogue->session, "530 5.7.0 Must issue a STARTTLS command first");
    return command->run(dialogue, slice_trim(arguments));
}

static void take_command(struct dialogue *dialogue)
{
    struct slice rest, verb;

    test_newline(dialogue);
    if (dialogue->session->is_over)
        return;
    /* What is behind a NUL is nobody's command. */
    buf_truncate(&dialogue->line, strlen(dialogue->line.data));
    apply_filter(dialogue);
    rest = buf_slice(&dialogue->line);
    rest = slice_from_offset(rest, slice_skip_any(rest, " \t"));
    verb = slice_sub(rest, 0, slice_find_any(rest, " \t"));
    if (run_command(dialogue, verb, slice_from_offset(rest, verb.len + 1)) < 0)
        session_note_hangup(dialogue->session);
}

/* Who did not wait for the end of the greeting has taken its first line for all of it. */
static int greet(struct session *session)
{
    CLEANUP(buf_release) struct buf line = BUF_INIT;

    if (session->failed & TEST_BIT(TEST_PREGREET))
        return 0;
    buf_printf(&line, "220 %s\r\n", params.smtpd_banner);
    session->is_greeted = true;
    return reply_send_raw(session, buf_slice(&line));
}

static void converse(struct dialogue *dialogue)
{
    struct session *session = dialogue->session;

    stream_set_deadline(session->stream, deadline_in(params.postscreen_command_time_limit));
    if (greet(session) < 0)
        session_note_hangup(session);
    while (!session->is_over && read_line(dialogue))
        take_command(dialogue);
}

void dialogue_run(struct session *session)
{
    CLEANUP(dialogue_release) struct dialogue dialogue;

    dialogue_init(&dialogue, session);
    converse(&dialogue);
}

void dialogue_refuse(struct session *session, const char *reply)
{
    CLEANUP(dialogue_release) struct dialogue dialogue;

    dialogue_init(&dialogue, session);
    stream_set_deadline(session->stream, deadline_in(params.postscreen_command_time_limit));
    if (greet(session) < 0)
        session_note_hangup(session);
    else if (read_line(&dialogue))
        session_drop(session, reply);
}

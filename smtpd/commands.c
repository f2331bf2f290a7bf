/* Finding a command's handler, and what holds for every command. */
#include "commands.h"

#include "access.h"
#include "auth.h"
#include "base/log.h"
#include "conf/params.h"
#include "esmtp.h"
#include "mail/header.h"
#include "milter.h"
#include "settings.h"
#include "starttls.h"
#include "transaction.h"

const char *const command_count_names[N_COMMANDS] = {
    [COMMAND_HELO] = "helo",         [COMMAND_EHLO] = "ehlo",
    [COMMAND_XCLIENT] = "xclient",   [COMMAND_XFORWARD] = "xforward",
    [COMMAND_STARTTLS] = "starttls", [COMMAND_AUTH] = "auth",
    [COMMAND_MAIL] = "mail",         [COMMAND_RCPT] = "rcpt",
    [COMMAND_DATA] = "data",         [COMMAND_BDAT] = "bdat",
    [COMMAND_RSET] = "rset",         [COMMAND_NOOP] = "noop",
    [COMMAND_VRFY] = "vrfy",         [COMMAND_ETRN] = "etrn",
    [COMMAND_QUIT] = "quit",         [COMMAND_UNKNOWN] = "unknown",
};

static bool has_words(struct slice arguments)
{
    struct slice word;

    return esmtp_next_word(&arguments, &word);
}

static struct smtp_reply rset(struct session *session, struct slice arguments)
{
    if (has_words(arguments))
        return smtp_reply(501, "5.5.4", "Syntax: RSET");
    session_end_transaction(session);
    session_forget_forwarded(session);
    session->after_bdat_error = false;
    return smtp_reply(250, "2.0.0", "Ok");
}

static struct smtp_reply noop(struct session *session, struct slice arguments)
{
    (void)session;
    (void)arguments;
    return smtp_reply(250, "2.0.0", "Ok");
}

static struct smtp_reply quit(struct session *session, struct slice arguments)
{
    (void)arguments;
    session->end = SESSION_CLOSING;
    return smtp_reply(221, "2.0.0", "Bye");
}

/* The most frequent ones first. */
static const struct command commands[] = {
    {"RCPT", rcpt_to, COMMAND_RCPT, false, false},
    {"MAIL", mail_from, COMMAND_MAIL, false, false},
    {"DATA", data_data, COMMAND_DATA, false, true},
    {"BDAT", data_bdat, COMMAND_BDAT, false, false},
    {"EHLO", hello_ehlo, COMMAND_EHLO, true, true},
    {"HELO", hello_helo, COMMAND_HELO, true, false},
    {"QUIT", quit, COMMAND_QUIT, false, false},
    {"RSET", rset, COMMAND_RSET, true, false},
    {"NOOP", noop, COMMAND_NOOP, true, true},
    {"VRFY", query_vrfy, COMMAND_VRFY, true, true},
    {"ETRN", query_etrn, COMMAND_ETRN, true, false},
    {"XCLIENT", xclient_xclient, COMMAND_XCLIENT, false, true},
    {"XFORWARD", xclient_xforward, COMMAND_XFORWARD, false, false},
    {"STARTTLS", starttls_command, COMMAND_STARTTLS, false, true},
    {"AUTH", auth_command, COMMAND_AUTH, false, false},
};

static const struct command *find(struct slice name)
{
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        if (slice_equals_nocase(name, commands[i].name))
            return &commands[i];
    }
    return NULL;
}

/* Trouble with the list is no reason to do anything special. */
static bool is_listed(struct match_list *list, struct slice word)
{
    struct error error;

    return !match_list_is_empty(list) && match_list_name(list, word, &error) == TABLE_FOUND;
}

/* A web browser, or a message header where a command should be: no SMTP client. */
static bool is_forbidden(struct slice verb)
{
    return header_name_length(verb) > 0 || is_listed(settings.forbidden_commands, verb);
}

static struct smtp_reply run_unknown(struct session *session, struct slice verb,
                                     struct slice line)
{
    struct smtp_reply reply;

    session->stage = "UNKNOWN";
    session->counts[COMMAND_UNKNOWN].total++;
    if (is_forbidden(verb)) {
        log_warning("non-SMTP command from %s: %.*s", session_client(session),
                    SLICE_ARG(slice_sub(line, 0, 100)));
        session->end = SESSION_CLOSING;
        return smtp_reply(221, "2.7.0", "Error: I can break rules, too. Goodbye.");
    }
    if (session->denied.len)
        return access_denied_reply(session);
    session->notices |= NOTICE_PROTOCOL;
    if (!milter_unknown(session, line, &reply))
        return reply;
    return smtp_reply(500, "5.5.2", "Error: command not recognized");
}

/* Bytes that should not be there yet, escaped for the log. */
static void log_pipelining(struct session *session)
{
    CLEANUP(buf_release) struct buf shown = BUF_INIT;
    struct slice pending;

    if (stream_fill(session->stream, &pending) < 0)
        return;
    pending = slice_sub(pending, 0, 100);
    for (size_t i = 0; i < pending.len; i++) {
        char c = pending.ptr[i];

        if (c == '\r')
            buf_add_text(&shown, "\\r");
        else if (c == '\n')
            buf_add_text(&shown, "\\n");
        else if (ascii_is_print(c) && c != '\\')
            buf_add_char(&shown, c);
        else
            buf_printf(&shown, "\\%03o", (unsigned char)c);
    }
    log_info("improper command pipelining after %s from %s: %s", session->stage,
             session_client(session), shown.data);
}

bool session_pipelines_wrongly(struct session *session, bool ends_batch)
{
    bool is_esmtp = strcmp(session->protocol, "ESMTP") == 0;

    if (session->is_standalone || session->has_pipelined || (is_esmtp && !ends_batch) ||
        stream_pending(session->stream) == 0)
        return false;
    session->has_pipelined = true;
    log_pipelining(session);
    return true;
}

struct smtp_reply session_out_of_step(struct session *session)
{
    session->notices |= NOTICE_PROTOCOL;
    session->end = SESSION_CLOSING;
    return smtp_reply(554, "5.5.0", "Error: SMTP protocol synchronization");
}

/* What a client may say before the STARTTLS that is demanded of it. */
static bool works_without_tls(enum session_command command)
{
    return command == COMMAND_HELO || command == COMMAND_EHLO || command == COMMAND_NOOP ||
           command == COMMAND_QUIT || command == COMMAND_STARTTLS || command == COMMAND_XCLIENT;
}

static struct smtp_reply run_known(struct session *session, const struct command *command,
                                   struct slice arguments)
{
    struct smtp_reply reply;

    session->stage = command->name;
    session->counts[command->count].total++;
    if (session->denied.len && command->count != COMMAND_QUIT)
        return access_denied_reply(session);
    if (session_pipelines_wrongly(session, command->ends_batch) &&
        params.smtpd_forbid_unauth_pipelining &&
        command->count != COMMAND_STARTTLS && /* what follows that in the open is dropped */
        !(command->count == COMMAND_DATA && access_data_checks_pipelining()))
        return session_out_of_step(session);
    if (starttls_is_missing(session) && !works_without_tls(command->count))
        return smtp_reply(530, "5.7.0", "Must issue a STARTTLS command first");
    reply = command->run(session, arguments);
    /* XCLIENT begins the session anew, and Postfix does not count it as done either. */
    if (reply.code && (reply.code < 400 || reply.is_forgiven) &&
        command->count != COMMAND_XCLIENT)
        session->counts[command->count].succeeded++;
    if (command->is_junk && session->n_junk++ > (unsigned)params.smtpd_junk_command_limit)
        session->n_errors++;
    return reply;
}

/* smtpd_command_filter repairs what broken clients send. False when it cannot be asked. */
static bool filter_line(struct session *session, struct slice *line)
{
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    struct error error;

    if (maps_is_empty(settings.command_filter))
        return true;
    switch (maps_find(settings.command_filter, *line, &value, &error)) {
    case TABLE_FOUND:
        log_info("%s: replacing command \"%.*s\" with \"%s\"", session_client(session),
                 SLICE_ARG(slice_sub(*line, 0, 100)), value.data);
        *line = arena_slice(&session->scratch, buf_slice(&value));
        return true;
    case TABLE_NOT_FOUND:
        return true;
    case TABLE_ERROR:
    default:
        log_warning("%s", error.text);
        return false;
    }
}

struct smtp_reply command_data_error(struct session *session)
{
    struct smtp_reply reply = smtp_reply_printf(
        &session->scratch, 421, "4.3.0", "%s Server local data error", params.myhostname);

    log_info("%s: reject: %s from %s: 421 4.3.0 %.*s", session_queue_id(session),
             session->stage, session_client(session), SLICE_ARG(reply.text));
    session->notices |= NOTICE_DATA;
    session->end = SESSION_CLOSING;
    return reply;
}

struct smtp_reply command_run(struct session *session, struct slice line)
{
    const struct command *command;
    struct slice verb;
    struct slice rest;
    struct smtp_reply reply;

    if (!filter_line(session, &line))
        return command_data_error(session);
    rest = session->command = line;
    if (params.smtputf8_enable && !slice_is_utf8(line)) {
        session->notices |= NOTICE_PROTOCOL;
        reply = smtp_reply(500, "5.5.2", "Error: bad UTF-8 syntax");
    } else if (!esmtp_next_word(&rest, &verb)) {
        session->notices |= NOTICE_PROTOCOL;
        reply = smtp_reply(500, "5.5.2", "Error: bad syntax");
    } else if (is_listed(settings.noop_commands, verb)) {
        if (session->n_junk++ > (unsigned)params.smtpd_junk_command_limit)
            session->n_errors++;
        return smtp_reply(250, "2.0.0", "Ok");
    } else if ((command = find(verb))) {
        reply = run_known(session, command, rest);
    } else {
        reply = run_unknown(session, verb, line);
    }
    if (reply.code >= 400 && !reply.is_forgiven)
        session->n_errors++;
    return reply;
}

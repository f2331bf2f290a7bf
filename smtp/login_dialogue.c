#include "login_dialogue.h"

#include <string.h>

#include "conf/params.h"
#include "ipc/sasl_client.h"
#include "login_cache.h"
#include "notice.h"
#include "options.h"
#include "session.h"

#define OPTION(name) (options.is_lmtp ? params.lmtp_##name : params.smtp_##name)

/* No mechanism needs so many challenges. */
#define ROUNDS_MAX 30

#define STEP_LIMIT SECONDS(30)

/* Authentication credentials invalid (RFC 4954 section 6). */
enum { CODE_WRONG_PASSWORD = 535 };

/* -- what may come of it ---------------------------------------------------------------------
 */

int login_fail(struct opening *opening, const char *status, const char *format, ...)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    va_list arguments;

    va_start(arguments, format);
    buf_vprintf(&text, format, arguments);
    va_end(arguments);
    opening->failure = OPENING_FAILED;
    opening->dsn = (struct dsn){.action = *status == '5' ? "failed" : "delayed",
                                .reason = arena_slice(opening->arena, buf_slice(&text))};
    memcpy(opening->dsn.status, status, strlen(status) + 1);
    return -1;
}

int login_no_mechanism(const struct session *session, struct opening *opening)
{
    return login_fail(opening, "4.7.0",
                      "SASL authentication failed: server %s offered no compatible "
                      "authentication mechanisms for this type of connection security",
                      session->label.data);
}

int login_cannot(const struct session *session, struct opening *opening, struct slice why)
{
    return login_fail(opening, "4.7.0",
                      "SASL authentication failed; cannot authenticate to server %s: %.*s",
                      session->label.data, SLICE_ARG(why));
}

int login_loops(const struct session *session, struct opening *opening)
{
    return login_fail(opening, "4.7.0",
                      "SASL authentication failed; authentication protocol loop with server %s",
                      session->label.data);
}

int login_broke(struct session *session, struct opening *opening)
{
    session_broke(session, "performing SASL authentication", opening->arena, &opening->dsn);
    opening->failure = OPENING_FAILED;
    return -1;
}

/* A wrong password is the administrator's mistake: the mail can wait until it is mended. */
static int add_refusal(const struct session *session, struct opening *opening,
                       struct slice reply)
{
    if (OPTION(sasl_auth_soft_bounce) && slice_starts_with(reply, "5") &&
        opening->dsn.status[0] == '5') {
        opening->dsn.status[0] = '4';
        opening->dsn.action = "delayed";
    }
    opening->dsn.diagnostic_type = "smtp";
    opening->dsn.diagnostic = arena_slice(opening->arena, reply);
    opening->dsn.mta_type = "dns";
    opening->dsn.mta = arena_slice(opening->arena, buf_slice(&session->host));
    return -1;
}

int login_refused(struct session *session, struct opening *opening)
{
    notice_note_refusal(session);
    login_fail(opening, session->status, "SASL authentication failed; server %s said: %s",
               session->label.data, session->reply.data);
    return add_refusal(session, opening, buf_slice(&session->reply));
}

/* Postfix names the host alone here. */
static int refused_before(const struct session *session, struct opening *opening,
                          const struct login_refusal *refusal)
{
    login_fail(opening, refusal->status,
               "SASL [CACHED] authentication failed; server %s said: %s", session->host.data,
               refusal->reply.data);
    return add_refusal(session, opening, buf_slice(&refusal->reply));
}

/* -- the dialogue ----------------------------------------------------------------------------
 */

/* Answer challenges until the server has its say. */
static int answer_challenges(struct session *session, struct opening *opening,
                             struct sasl_dialogue *dialogue, struct sasl_result *result)
{
    struct error error;

    for (int round = 0; round < ROUNDS_MAX; round++) {
        enum step step = session_reply_or_more(session, options.helo_timeout);

        if (step == STEP_BROKEN)
            return login_broke(session, opening);
        if (step == STEP_REFUSED)
            return login_refused(session, opening);
        if (session->code / 100 == 2)
            return 0;
        if (result->status != SASL_STATUS_MORE)
            break;
        if (sasl_dialogue_step(dialogue,
                               slice_trim(slice_from_offset(buf_slice(&session->reply), 4)),
                               deadline_in(STEP_LIMIT), result, &error) < 0)
            return login_cannot(session, opening, slice_from(error.text));
        if (result->status > SASL_STATUS_MORE) {
            /* The server waits for an answer: "*" gives up (RFC 4954 section 4). */
            session_command(session, "*");
            return login_cannot(session, opening, result->text);
        }
        session_secret(session, result->text);
    }
    return login_loops(session, opening);
}

static int authenticate(struct session *session, struct opening *opening,
                        const struct credentials *credentials, unsigned demands)
{
    CLEANUP(sasl_dialogue_release) struct sasl_dialogue dialogue = {.is_over = false};
    const struct sasl_client_begin begin = {
        .path = slice_from(OPTION(sasl_path)),
        .service = slice_from(options.is_lmtp ? "lmtp" : "smtp"),
        .host = opening->host->name,
        .demands = demands,
        .mechanisms = buf_slice(&session->mechanisms),
        .user = credentials->user,
        .password = credentials->password,
        .sends_authzid = params.send_cyrus_sasl_authzid,
    };
    CLEANUP(buf_release) struct buf command = BUF_SECRET_INIT;
    struct sasl_result result;
    struct error error;

    if (sasl_dialogue_begin(&dialogue, MESSAGE_sasl_client_begin, &begin,
                            deadline_in(STEP_LIMIT), &result, &error) < 0)
        return login_cannot(session, opening, slice_from(error.text));
    if (result.status > SASL_STATUS_MORE)
        return login_cannot(session, opening, result.text);
    buf_printf(&command, "AUTH %.*s%s%.*s", SLICE_ARG(result.mechanism),
               result.text.len ? " " : "", SLICE_ARG(result.text));
    session_secret(session, buf_slice(&command));
    return answer_challenges(session, opening, &dialogue, &result);
}

int login_by_password(struct session *session, struct opening *opening,
                      const struct credentials *credentials, unsigned demands)
{
    CLEANUP(login_refusal_release) struct login_refusal refusal = {.reply = BUF_INIT};
    const struct login_attempt attempt = {.host = buf_slice(&session->host),
                                          .user = credentials->user,
                                          .password = credentials->password};

    if (login_cache_find(&attempt, &refusal))
        return refused_before(session, opening, &refusal);
    session->code = 0;
    if (authenticate(session, opening, credentials, demands) == 0) {
        session->is_logged_in = true;
        return 0;
    }
    if (session->code == CODE_WRONG_PASSWORD)
        login_cache_add(&attempt, session->status, buf_slice(&session->reply));
    return -1;
}

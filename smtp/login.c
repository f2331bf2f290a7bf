#include "login.h"

#include <string.h>
#include <sysexits.h>

#include "auth/sasl_security.h"
#include "base/bug.h"
#include "base/log.h"
#include "conf/params.h"
#include "ipc/sasl_client.h"
#include "options.h"
#include "session.h"
#include "table/match_list.h"

#define OPTION(name) (options.is_lmtp ? params.lmtp_##name : params.smtp_##name)

/* No mechanism needs so many challenges. */
#define ROUNDS_MAX 30

/* All mechanisms of one server. */
#define MECHANISMS_MAX_BYTES 2000

#define STEP_LIMIT SECONDS(30)

static struct {
    bool is_enabled;
    struct maps *passwords;
    struct match_list *mechanisms; /* empty: all */
    unsigned demands, tls_demands, verified_demands;
} login;

static unsigned parse_demands(const char *name, const char *list)
{
    unsigned demands = 0;
    struct error error;

    if (sasl_security_parse(list, &demands, &error) < 0)
        fatal(EX_CONFIG, "%s: %s", name, error.text);
    return demands;
}

void login_open(void)
{
    struct error error = ERROR_INIT;

    login.is_enabled = OPTION(sasl_auth_enable);
    if (!login.is_enabled)
        return;
    if (strcmp(OPTION(sasl_type), "cyrus") != 0)
        fatal(EX_CONFIG, "smtp_sasl_type: unsupported type \"%s\": expected cyrus",
              OPTION(sasl_type));
    if (!*OPTION(sasl_password_maps))
        fatal(EX_CONFIG, "specify a password table via the `%s' configuration parameter",
              options.is_lmtp ? "lmtp_sasl_password_maps" : "smtp_sasl_password_maps");
    login.passwords = maps_open("smtp_sasl_password_maps", OPTION(sasl_password_maps), &error);
    if (error.kind != ERROR_NONE)
        log_error("%s", error.text);
    error = ERROR_INIT;
    login.mechanisms =
        match_list_open("smtp_sasl_mechanism_filter", OPTION(sasl_mechanism_filter),
                        MATCH_PARENTS_NEVER, &error);
    if (error.kind != ERROR_NONE)
        log_error("%s", error.text);
    login.demands = parse_demands("smtp_sasl_security_options", OPTION(sasl_security_options));
    login.tls_demands =
        parse_demands("smtp_sasl_tls_security_options", OPTION(sasl_tls_security_options));
    login.verified_demands = parse_demands("smtp_sasl_tls_verified_security_options",
                                           OPTION(sasl_tls_verified_security_options));
}

bool login_depends_on_sender(void)
{
    return login.is_enabled && OPTION(sender_dependent_authentication);
}

/* -- what the server offers -----------------------------------------------------------------
 */

static bool passes_filter(struct slice mechanism)
{
    struct error error;
    enum table_result found;

    if (match_list_is_empty(login.mechanisms))
        return true;
    found = match_list_name(login.mechanisms, mechanism, &error);
    if (found == TABLE_ERROR)
        log_warning("smtp_sasl_mechanism_filter: %s", error.text);
    return found == TABLE_FOUND;
}

void login_take_mechanisms(struct session *session, struct slice words)
{
    struct slice word;

    if (!login.is_enabled)
        return;
    session->features |= FEATURE_AUTH;
    while ((word = slice_word(&words, " \t")).ptr) {
        if (session->mechanisms.len + word.len < MECHANISMS_MAX_BYTES && passes_filter(word))
            buf_printf(&session->mechanisms, "%s%.*s", session->mechanisms.len ? " " : "",
                       SLICE_ARG(word));
    }
}

/* -- user and password ------------------------------------------------------------------------
 */

struct credentials {
    struct buf value; /* "user:password" */
    struct slice user, password;
};

static void credentials_release(struct credentials *credentials)
{
    explicit_bzero(credentials->value.data, credentials->value.len);
    buf_release(&credentials->value);
}

/* By the sender, then the host's name, then the next hop as it is written. */
static enum table_result find_credentials(const struct opening *opening,
                                          struct credentials *credentials, struct error *error)
{
    const char *delimiter = OPTION(sasl_password_result_delimiter);
    enum table_result result = TABLE_NOT_FOUND;
    struct maps_address query = {
        .address = opening->sender,
        .delimiters = params.recipient_delimiter,
        .forms = MAPS_FULL | MAPS_NO_EXT | MAPS_AT_DOMAIN,
    };
    size_t end;

    if (login_depends_on_sender() && opening->sender.len)
        result = maps_find_address(login.passwords, &query, &credentials->value, error);
    if (result == TABLE_NOT_FOUND)
        result = maps_find(login.passwords, opening->host->name, &credentials->value, error);
    if (result == TABLE_NOT_FOUND)
        result = maps_find(login.passwords, opening->nexthop, &credentials->value, error);
    if (result != TABLE_FOUND)
        return result;
    credentials->user = buf_slice(&credentials->value);
    end = slice_find_text(credentials->user, slice_from(delimiter));
    credentials->password = slice_from_offset(credentials->user, end + strlen(delimiter));
    credentials->user = slice_sub(credentials->user, 0, end);
    return TABLE_FOUND;
}

bool login_has_password(const struct opening *opening)
{
    CLEANUP(credentials_release) struct credentials credentials = {.value = BUF_INIT};
    struct error error;

    /* A table that cannot say counts as one that has it. */
    return login.is_enabled &&
           find_credentials(opening, &credentials, &error) != TABLE_NOT_FOUND;
}

/* -- the dialogue ----------------------------------------------------------------------------
 */

PRINTF_LIKE(3, 4)

static int fail(struct opening *opening, const char *status, const char *format, ...)
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

/* A wrong password is the administrator's mistake: the mail can wait until it is mended. */
static int refused(const struct session *session, struct opening *opening)
{
    fail(opening, session->status, "SASL authentication failed; server %s said: %s",
         session->label.data, session->reply.data);
    if (OPTION(sasl_auth_soft_bounce) && opening->dsn.status[0] == '5') {
        opening->dsn.status[0] = '4';
        opening->dsn.action = "delayed";
    }
    opening->dsn.diagnostic_type = "smtp";
    opening->dsn.diagnostic = arena_slice(opening->arena, buf_slice(&session->reply));
    opening->dsn.mta_type = "dns";
    opening->dsn.mta = arena_slice(opening->arena, buf_slice(&session->host));
    return -1;
}

static unsigned demands_for(const struct session *session)
{
    if (!session->tls.is_active)
        return login.demands;
    return session->tls.peer.trust >= TLS_VERIFIED ? login.verified_demands : login.tls_demands;
}

static int cannot(const struct session *session, struct opening *opening, struct slice why)
{
    return fail(opening, "4.7.0",
                "SASL authentication failed; cannot authenticate to server "
                "%s: %.*s",
                session->label.data, SLICE_ARG(why));
}

/* Answer challenges until the server has its say. */
static int answer_challenges(struct session *session, struct opening *opening,
                             struct sasl_dialogue *dialogue, struct sasl_result *result)
{
    struct error error;

    for (int round = 0; round < ROUNDS_MAX; round++) {
        enum step step = session_reply(session, options.helo_timeout);

        if (step == STEP_BROKEN) {
            session_broke(session, "performing SASL authentication", opening->arena,
                          &opening->dsn);
            opening->failure = OPENING_FAILED;
            return -1;
        }
        if (step == STEP_REFUSED)
            return refused(session, opening);
        if (session->code / 100 == 2)
            return 0;
        if (result->status != SASL_STATUS_MORE)
            break;
        if (sasl_dialogue_step(dialogue,
                               slice_trim(slice_from_offset(buf_slice(&session->reply), 4)),
                               deadline_in(STEP_LIMIT), result, &error) < 0)
            return cannot(session, opening, slice_from(error.text));
        if (result->status > SASL_STATUS_MORE) {
            /* The server waits for an answer: "*" gives up (RFC 4954 section 4). */
            session_command(session, "*");
            return cannot(session, opening, result->text);
        }
        session_secret(session, result->text);
    }
    return fail(opening, "4.7.0",
                "SASL authentication failed; authentication protocol loop with server %s",
                session->label.data);
}

static int authenticate(struct session *session, struct opening *opening,
                        const struct credentials *credentials)
{
    CLEANUP(sasl_dialogue_release) struct sasl_dialogue dialogue = {.is_open = false};
    const struct sasl_client_begin begin = {
        .path = slice_from(OPTION(sasl_path)),
        .service = slice_from(options.is_lmtp ? "lmtp" : "smtp"),
        .host = opening->host->name,
        .demands = demands_for(session),
        .mechanisms = buf_slice(&session->mechanisms),
        .user = credentials->user,
        .password = credentials->password,
        .sends_authzid = params.send_cyrus_sasl_authzid,
    };
    CLEANUP(buf_release) struct buf command = BUF_INIT;
    struct sasl_result result;
    struct error error;

    if (sasl_dialogue_begin(&dialogue, MESSAGE_sasl_client_begin, &begin,
                            deadline_in(STEP_LIMIT), &result, &error) < 0)
        return cannot(session, opening, slice_from(error.text));
    if (result.status > SASL_STATUS_MORE)
        return cannot(session, opening, result.text);
    buf_printf(&command, "AUTH %.*s%s%.*s", SLICE_ARG(result.mechanism),
               result.text.len ? " " : "", SLICE_ARG(result.text));
    session_secret(session, buf_slice(&command));
    explicit_bzero(command.data, command.len);
    return answer_challenges(session, opening, &dialogue, &result);
}

int login_run(struct session *session, struct opening *opening)
{
    CLEANUP(credentials_release) struct credentials credentials = {.value = BUF_INIT};
    struct error error;

    if (!login.is_enabled || !(session->features & FEATURE_AUTH))
        return 0;
    switch (find_credentials(opening, &credentials, &error)) {
    case TABLE_FOUND:
        break;
    case TABLE_NOT_FOUND:
        return 0;
    case TABLE_ERROR:
        log_warning("%s", error.text);
        return fail(opening, "4.3.0", "SASL password table lookup error");
    }
    if (session->mechanisms.len == 0) {
        return fail(opening, "4.7.0",
                    "SASL authentication failed: server %s offered no compatible "
                    "authentication mechanisms for this type of connection security",
                    session->label.data);
    }
    if (authenticate(session, opening, &credentials) < 0)
        return -1;
    session->is_logged_in = true;
    return 0;
}

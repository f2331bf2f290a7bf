#include "login_token.h"

#include <string.h>

#include "base/base64.h"
#include "ipc/sasl_client.h"
#include "login_dialogue.h"
#include "options.h"
#include "session.h"

/* More than sasltoken gives a command. */
#define TOKEN_LIMIT SECONDS(70)

/* What goes beyond a command line's limit waits for the server's 334 (RFC 4954 section 4). */
#define COMMAND_MAX_BYTES 510

enum { CODE_CHALLENGE = 334, CODE_WRONG_TOKEN = 535 };

enum mechanism { MECHANISM_NONE, MECHANISM_OAUTHBEARER, MECHANISM_XOAUTH2 };

static const char *const mechanism_names[] = {
    [MECHANISM_OAUTHBEARER] = "OAUTHBEARER",
    [MECHANISM_XOAUTH2] = "XOAUTH2",
};

/* What the client says after the server told in a challenge what is wrong with the token. */
static const char *const acknowledgements[] = {
    [MECHANISM_OAUTHBEARER] = "AQ==", /* ^A: RFC 7628 section 3.2.3 */
    [MECHANISM_XOAUTH2] = "",
};

/* The standard before its forerunner. A token that others can read is theirs. */
static enum mechanism choose(const struct session *session)
{
    struct slice rest = buf_slice(&session->mechanisms), word;
    enum mechanism found = MECHANISM_NONE;

    if (!session->tls.is_active)
        return MECHANISM_NONE;
    while ((word = slice_word(&rest, " ")).ptr) {
        if (slice_equals_nocase(word, "OAUTHBEARER"))
            return MECHANISM_OAUTHBEARER;
        if (slice_equals_nocase(word, "XOAUTH2"))
            found = MECHANISM_XOAUTH2;
    }
    return found;
}

/* RFC 5801 section 4: "=" and "," mean something in the header. */
static void add_name(struct buf *text, struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '=')
            buf_add_text(text, "=3D");
        else if (name.ptr[i] == ',')
            buf_add_text(text, "=2C");
        else
            buf_add_char(text, name.ptr[i]);
    }
}

static void encode(enum mechanism mechanism, const struct opening *opening, struct slice user,
                   struct slice token, struct buf *encoded)
{
    CLEANUP(buf_release) struct buf text = BUF_SECRET_INIT;

    if (mechanism == MECHANISM_OAUTHBEARER) {
        buf_add_text(&text, "n,a=");
        add_name(&text, user);
        buf_printf(&text, ",\001host=%.*s\001port=%u", SLICE_ARG(opening->host->name),
                   (unsigned)endpoint_port(&opening->host->address));
    } else {
        buf_printf(&text, "user=%.*s", SLICE_ARG(user));
    }
    buf_printf(&text, "\001auth=Bearer %.*s\001\001", SLICE_ARG(token));
    base64_encode(encoded, buf_slice(&text));
}

/* Commands and replies up to the server's verdict. OK for 2xx; 3xx if it does not end. */
static enum step offer(struct session *session, enum mechanism mechanism, struct slice encoded)
{
    CLEANUP(buf_release) struct buf command = BUF_SECRET_INIT;
    enum step step;

    buf_printf(&command, "AUTH %s", mechanism_names[mechanism]);
    if (command.len + 1 + encoded.len <= COMMAND_MAX_BYTES) {
        buf_printf(&command, " %.*s", SLICE_ARG(encoded));
        session_secret(session, buf_slice(&command));
    } else {
        session_secret(session, buf_slice(&command));
        step = session_reply_or_more(session, options.helo_timeout);
        if (step != STEP_OK || session->code != CODE_CHALLENGE)
            return step;
        session_secret(session, encoded);
    }
    step = session_reply_or_more(session, options.helo_timeout);
    if (step != STEP_OK || session->code != CODE_CHALLENGE)
        return step;
    session_secret(session, slice_from(acknowledgements[mechanism]));
    return session_reply(session, options.helo_timeout);
}

static int get_token(const struct credentials *credentials, const struct opening *opening,
                     struct slice refused, struct buf *token, struct error *error)
{
    const struct sasl_token_request request = {.source = credentials->password,
                                               .user = credentials->user,
                                               .host = opening->host->name,
                                               .refused = refused};

    return sasl_token_get(&request, deadline_in(TOKEN_LIMIT), token, error);
}

/* Another one in place of *token, which the server refused. False: there is none. */
static bool renew(const struct credentials *credentials, const struct opening *opening,
                  struct buf *token)
{
    CLEANUP(buf_release) struct buf fresh = BUF_SECRET_INIT;

    if (get_token(credentials, opening, buf_slice(token), &fresh, NULL) < 0 ||
        slice_same(buf_slice(&fresh), buf_slice(token)))
        return false;
    buf_set(token, buf_slice(&fresh));
    return true;
}

static enum step try_token(struct session *session, struct opening *opening,
                           enum mechanism mechanism, const struct credentials *credentials,
                           struct slice token)
{
    CLEANUP(buf_release) struct buf encoded = BUF_SECRET_INIT;

    encode(mechanism, opening, credentials->user, token, &encoded);
    return offer(session, mechanism, buf_slice(&encoded));
}

static bool is_name(struct slice user)
{
    for (size_t i = 0; i < user.len; i++)
        if ((unsigned char)user.ptr[i] < ' ')
            return false;
    return user.len > 0;
}

int login_by_token(struct session *session, struct opening *opening,
                   const struct credentials *credentials)
{
    CLEANUP(buf_release) struct buf token = BUF_SECRET_INIT;
    enum mechanism mechanism = choose(session);
    struct error error;

    if (mechanism == MECHANISM_NONE)
        return login_no_mechanism(session, opening);
    if (!is_name(credentials->user))
        return login_cannot(session, opening, SLICE("no user in smtp_sasl_token_maps"));
    if (get_token(credentials, opening, SLICE_EMPTY, &token, &error) < 0)
        return login_cannot(session, opening, slice_from(error.text));
    enum step step = try_token(session, opening, mechanism, credentials, buf_slice(&token));
    if (step == STEP_REFUSED && session->code == CODE_WRONG_TOKEN &&
        renew(credentials, opening, &token))
        step = try_token(session, opening, mechanism, credentials, buf_slice(&token));
    if (step == STEP_BROKEN)
        return login_broke(session, opening);
    if (step == STEP_REFUSED)
        return login_refused(session, opening);
    if (session->code / 100 != 2)
        return login_loops(session, opening);
    session->is_logged_in = true;
    return 0;
}

#include "login.h"

#include <string.h>
#include <sysexits.h>

#include "auth/sasl_security.h"
#include "base/bug.h"
#include "base/log.h"
#include "conf/params.h"
#include "login_cache.h"
#include "login_dialogue.h"
#include "login_token.h"
#include "options.h"
#include "route/open_maps.h"
#include "session.h"
#include "table/match_list.h"

#define OPTION(name) (options.is_lmtp ? params.lmtp_##name : params.smtp_##name)

/* All mechanisms of one server. */
#define MECHANISMS_MAX_BYTES 2000

static struct {
    bool is_enabled;
    struct maps *passwords, *tokens;
    struct match_list *mechanisms; /* empty: all */
    unsigned demands, tls_demands, verified_demands;
} login;

static void open_tables(void)
{
    if (!*OPTION(sasl_password_maps) && !*OPTION(sasl_token_maps))
        fatal(EX_CONFIG, "specify a password table via the `%s' configuration parameter",
              options.is_lmtp ? "lmtp_sasl_password_maps" : "smtp_sasl_password_maps");
    login.passwords =
        open_maps(maps_open, "smtp_sasl_password_maps", OPTION(sasl_password_maps));
    login.tokens = open_maps(maps_open, "smtp_sasl_token_maps", OPTION(sasl_token_maps));
    login.mechanisms = open_list("smtp_sasl_mechanism_filter", OPTION(sasl_mechanism_filter),
                                 MATCH_PARENTS_NEVER);
    login_cache_open(OPTION(sasl_auth_cache_name), OPTION(sasl_auth_cache_time));
}

void login_open(void)
{
    login.is_enabled = OPTION(sasl_auth_enable);
    if (!login.is_enabled)
        return;
    if (strcmp(OPTION(sasl_type), "cyrus") != 0)
        fatal(EX_CONFIG, "smtp_sasl_type: unsupported type \"%s\": expected cyrus",
              OPTION(sasl_type));
    open_tables();
    login.demands =
        open_sasl_demands("smtp_sasl_security_options", OPTION(sasl_security_options));
    login.tls_demands =
        open_sasl_demands("smtp_sasl_tls_security_options", OPTION(sasl_tls_security_options));
    login.verified_demands = open_sasl_demands("smtp_sasl_tls_verified_security_options",
                                               OPTION(sasl_tls_verified_security_options));
}

bool login_is_enabled(void)
{
    return login.is_enabled;
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
    const struct slice offered = slice_trim(words);
    while ((word = slice_word(&words, " \t")).ptr) {
        if (session->mechanisms.len + word.len < MECHANISMS_MAX_BYTES && passes_filter(word))
            buf_printf(&session->mechanisms, "%s%.*s", session->mechanisms.len ? " " : "",
                       SLICE_ARG(word));
    }
    if (offered.len == 0)
        log_warning("%s offered null AUTH mechanism list", session->relay.data);
    else if (session->mechanisms.len == 0)
        log_warning("%s offered no supported AUTH mechanisms: '%.*s'", session->relay.data,
                    SLICE_ARG(offered));
}

/* -- user and password ------------------------------------------------------------------------
 */

static void credentials_release(struct credentials *credentials)
{
    buf_release(&credentials->value);
}

static enum table_result find_in(struct maps *maps, const struct opening *opening,
                                 struct buf *value, struct error *error)
{
    enum table_result result = TABLE_NOT_FOUND;
    struct maps_address query = {
        .address = opening->sender,
        .delimiters = params.recipient_delimiter,
        .forms = MAPS_FULL | MAPS_NO_EXT | MAPS_AT_DOMAIN,
    };

    if (maps_is_empty(maps))
        return TABLE_NOT_FOUND;
    /* By the sender, then the host's name, then the next hop as it is written. */
    if (login_depends_on_sender() && opening->sender.len)
        result = maps_find_address(maps, &query, value, error);
    if (result == TABLE_NOT_FOUND)
        result = maps_find(maps, opening->host->name, value, error);
    if (result == TABLE_NOT_FOUND)
        result = maps_find(maps, opening->nexthop, value, error);
    return result;
}

static enum table_result find_credentials(const struct opening *opening,
                                          struct credentials *credentials, struct error *error)
{
    const char *delimiter = OPTION(sasl_password_result_delimiter);
    enum table_result result = find_in(login.tokens, opening, &credentials->value, error);
    size_t end;

    credentials->is_token = result == TABLE_FOUND;
    if (result == TABLE_NOT_FOUND)
        result = find_in(login.passwords, opening, &credentials->value, error);
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
    CLEANUP(credentials_release) struct credentials credentials = {.value = BUF_SECRET_INIT};
    struct error error;

    /* A table that cannot say counts as one that has it. */
    return login.is_enabled &&
           find_credentials(opening, &credentials, &error) != TABLE_NOT_FOUND;
}

/* -- logging in ------------------------------------------------------------------------------
 */

static unsigned demands_for(const struct session *session)
{
    if (!session->tls.is_active)
        return login.demands;
    return session->tls.peer.trust >= TLS_VERIFIED ? login.verified_demands : login.tls_demands;
}

int login_run(struct session *session, struct opening *opening)
{
    CLEANUP(credentials_release) struct credentials credentials = {.value = BUF_SECRET_INIT};
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
        log_warning("%.*s: %s_sasl_password_maps lookup error", SLICE_ARG(opening->queue_id),
                    options.is_lmtp ? "lmtp" : "smtp");
        opening->failure = OPENING_FAILED;
        session_data_trouble(session, opening->arena, &opening->dsn);
        return -1;
    }
    if (session->mechanisms.len == 0)
        return login_no_mechanism(session, opening);
    if (credentials.is_token)
        return login_by_token(session, opening, &credentials);
    return login_by_password(session, opening, &credentials, demands_for(session));
}

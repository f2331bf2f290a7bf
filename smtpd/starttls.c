/* STARTTLS and wrapper mode. */
#include "starttls.h"

#include <errno.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/log.h"
#include "commands.h"
#include "conf/params.h"
#include "ehlo.h"
#include "esmtp.h"
#include "limits.h"
#include "milter.h"
#include "route/ehlo_keywords.h"
#include "session.h"
#include "settings.h"
#include "tls/context.h"
#include "tls/engine.h"
#include "tls/handshake.h"
#include "tls/log_level.h"
#include "tls/openssl.h"

static struct {
    enum { LEVEL_NONE, LEVEL_MAY, LEVEL_ENCRYPT } level;
    struct tls_context *context; /* NULL: TLS does not work, the log says why */
    bool requires_certificate;
    int log_level;
} tls;

/* -- the parameters ---------------------------------------------------------------------- */

static void read_level(void)
{
    /* Levels of a client: a server has nothing beyond "encrypt". */
    static const char *const higher[] = {"dane",        "dane-only", "half-dane",
                                         "fingerprint", "verify",    "secure"};
    const char *level = params.smtpd_tls_security_level;

    if (!*level) {
        tls.level = params.smtpd_enforce_tls ? LEVEL_ENCRYPT
                    : params.smtpd_use_tls   ? LEVEL_MAY
                                             : LEVEL_NONE;
    } else if (strcasecmp(level, "none") == 0) {
        tls.level = LEVEL_NONE;
    } else if (strcasecmp(level, "may") == 0) {
        tls.level = LEVEL_MAY;
    } else {
        tls.level = LEVEL_ENCRYPT;
    }
    if (tls.level != LEVEL_ENCRYPT || !*level || strcasecmp(level, "encrypt") == 0)
        return;
    for (size_t i = 0; i < ARRAY_SIZE(higher); i++) {
        if (strcasecmp(level, higher[i]) != 0)
            continue;
        log_warning("smtpd_tls_security_level: unsupported TLS level \"%s\", using \"encrypt\"",
                    level);
        return;
    }
    fatal(EX_CONFIG, "Invalid TLS level \"%s\"", level);
}

static int parse_log_level(const char *text)
{
    int level = tls_log_level_parse(text);

    if (level >= 0)
        return level;
    log_warning("smtpd_tls_loglevel: bad value \"%s\": a number from 0 to 4 was expected",
                text);
    return 0;
}

/* Where TLS is demanded there may be stricter terms; who asks for a certificate wants one. */
static const char *excluded_ciphers(bool asks_certificate)
{
    struct buf text = BUF_INIT; /* as long as the process */

    buf_add_text(&text, params.smtpd_tls_exclude_ciphers);
    if (tls.level == LEVEL_ENCRYPT)
        buf_printf(&text, " %s", params.smtpd_tls_mandatory_exclude_ciphers);
    if (asks_certificate)
        buf_add_text(&text, " aNULL");
    return buf_take(&text);
}

static struct tls_settings make_settings(void)
{
    bool is_strict = tls.level == LEVEL_ENCRYPT;
    bool asks = params.smtpd_tls_ask_ccert || tls.requires_certificate;

    return (struct tls_settings){
        .role = TLS_SERVER,
        .pairs = {.chain_files = params.smtpd_tls_chain_files,
                  .cert_file = params.smtpd_tls_cert_file,
                  .key_file = params.smtpd_tls_key_file,
                  .dcert_file = params.smtpd_tls_dcert_file,
                  .dkey_file = params.smtpd_tls_dkey_file,
                  .eccert_file = params.smtpd_tls_eccert_file,
                  .eckey_file = params.smtpd_tls_eckey_file},
        .sni_maps = params.tls_server_sni_maps,
        .ca_file = params.smtpd_tls_CAfile,
        .ca_path = params.smtpd_tls_CApath,
        .verify_depth = params.smtpd_tls_ccert_verifydepth,
        .terms = {.protocols = is_strict ? params.smtpd_tls_mandatory_protocols
                                         : params.smtpd_tls_protocols,
                  .cipher_grade =
                      is_strict ? params.smtpd_tls_mandatory_ciphers : params.smtpd_tls_ciphers,
                  .exclude_ciphers = excluded_ciphers(asks)},
        .fingerprint_digest = params.smtpd_tls_fingerprint_digest,
        .session_cache = *params.smtpd_tls_session_cache_database ? "smtpd" : "",
        .session_timeout_ms = params.smtpd_tls_session_cache_timeout,
        .asks_certificate = asks,
        .logs_distrust = tls.requires_certificate,
        .eecdh_grade = params.smtpd_tls_eecdh_grade,
        .dh_file = params.smtpd_tls_dh1024_param_file,
        .always_issue_session_ids = params.smtpd_tls_always_issue_session_ids,
    };
}

/* Postfix's words, at start: each STARTTLS says it again, and begins when the file has come. */
static void warn_of_missing_pair(const char *type, const char *cert_file, const char *key_file)
{
    if (!*cert_file || strcmp(cert_file, "none") == 0)
        return;
    if (access(cert_file, F_OK) < 0 && errno == ENOENT)
        log_warning("cannot get %s certificate from file \"%s\": disabling TLS support", type,
                    cert_file);
    else if (*key_file && access(key_file, F_OK) < 0 && errno == ENOENT)
        log_warning("cannot get %s private key from file \"%s\": disabling TLS support", type,
                    key_file);
}

static void warn_of_missing_pairs(const struct tls_pair_files *pairs)
{
    if (*pairs->chain_files)
        return;
    warn_of_missing_pair("RSA", pairs->cert_file, pairs->key_file);
    warn_of_missing_pair("DSA", pairs->dcert_file, pairs->dkey_file);
    warn_of_missing_pair("ECDSA", pairs->eccert_file, pairs->eckey_file);
}

void starttls_open(void)
{
    struct tls_settings wanted;

    read_level();
    if (worker_is_standalone() || (tls.level == LEVEL_NONE && !params.smtpd_tls_wrappermode))
        return;
    tls.requires_certificate = params.smtpd_tls_req_ccert && tls.level == LEVEL_ENCRYPT;
    if (params.smtpd_tls_req_ccert && !tls.requires_certificate)
        log_warning("Can't require client certs unless TLS is required");
    tls.log_level = parse_log_level(params.smtpd_tls_loglevel);
    wanted = make_settings();
    if (!tls_pair_files_name_any(&wanted.pairs)) {
        log_warning("No server certs available. TLS won't be enabled");
        return;
    }
    if (tls.log_level >= 2)
        log_info("initializing the server-side TLS engine");
    warn_of_missing_pairs(&wanted.pairs);
    tls.context = tls_engine_start(&wanted);
}

bool session_is_encrypted(const struct session *session)
{
    return session->tls != NULL;
}

static bool is_on(const struct session *session)
{
    return tls.level != LEVEL_NONE && !session->is_standalone;
}

bool starttls_is_offered(struct session *session)
{
    return is_on(session) && !session_is_encrypted(session);
}

bool starttls_is_missing(const struct session *session)
{
    return tls.level == LEVEL_ENCRYPT && !session->is_standalone && !session->is_rehearsal &&
           !session_is_encrypted(session);
}

bool starttls_before_auth(void)
{
    return params.smtpd_tls_auth_only || tls.level == LEVEL_ENCRYPT;
}

/* -- the handshake ----------------------------------------------------------------------- */

/* smtpd_tls_loglevel_maps has exceptions by client. */
static int log_level_for(struct session *session)
{
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    struct error error;

    if (maps_is_empty(settings.tls_loglevel_maps))
        return tls.log_level;
    switch (maps_find(settings.tls_loglevel_maps, session->peer.text.address, &value, &error)) {
    case TABLE_FOUND:
        return parse_log_level(value.data);
    case TABLE_NOT_FOUND:
        break;
    case TABLE_ERROR:
        log_warning("smtpd_tls_loglevel_maps: %s", error.text);
        break;
    }
    return tls.log_level;
}

/* Whoever must show a certificate and has not is told so, in TLS. */
static bool has_wanted_certificate(struct session *session)
{
    const char *trouble;

    if (!tls.requires_certificate || session->tls->trust >= TLS_TRUSTED)
        return true;
    trouble = session->tls->trust == TLS_ANONYMOUS ? "No client certificate presented"
                                                   : "Client certificate not trusted";
    log_info("NOQUEUE: abort: TLS from %s: %s", session_client(session), trouble);
    session->notices |= NOTICE_POLICY;
    session_send(session, smtp_reply_printf(&session->scratch, 421, "4.7.1", "%s Error: %s",
                                            params.myhostname, trouble));
    return false;
}

static bool is_within_rate(struct session *session)
{
    struct smtp_reply reply;

    if (session->tls->is_resumed || limits_allow_new_tls(session, &reply))
        return true;
    session_send(session, reply);
    return false;
}

/* False: the session is over. */
static bool start(struct session *session)
{
    const struct tls_log log = {.name = session_client(session),
                                .level = log_level_for(session),
                                .trace_limit_bytes = params.smtpd_tls_trace_size_limit};
    struct tls_peer *peer = arena_new(&session->arena, struct tls_peer);
    struct error error;

    stream_set_deadline(session->stream, deadline_in(params.smtpd_starttls_timeout));
    if (tls_accept(session->stream, tls.context, &log, &session->arena, peer, &error) < 0) {
        session->end =
            session->stream->state == STREAM_CANCELLED ? SESSION_CLOSING : SESSION_LOST;
        return false;
    }
    session->tls = peer;
    return has_wanted_certificate(session) && is_within_rate(session);
}

static struct smtp_reply no_tls(struct session *session)
{
    struct error error = ERROR_INIT;

    if (!tls.context ||
        tls_context_renew(tls.context, deadline_in(params.smtpd_starttls_timeout), &error) <
            0) {
        if (tls.context)
            log_warning("STARTTLS from %s: %s", session_client(session), error.text);
        session->notices |= NOTICE_SOFTWARE;
        return smtp_reply(454, "4.7.0", "TLS not available due to local problem");
    }
    return (struct smtp_reply){.code = 0};
}

struct smtp_reply starttls_command(struct session *session, struct slice arguments)
{
    struct smtp_reply reply;
    struct slice word;

    if (esmtp_next_word(&arguments, &word))
        return smtp_reply(501, "5.5.4", "Syntax: STARTTLS");
    if (!milter_security(session, &reply))
        return reply;
    if (session_is_encrypted(session))
        return smtp_reply(554, "5.5.1", "Error: TLS already active");
    if (!is_on(session) || (session->discarded_keywords & EHLO_STARTTLS))
        return smtp_reply(502, "5.5.1", "Error: command not implemented");
    reply = no_tls(session);
    if (reply.code || !limits_may_start_tls(session, &reply)) {
        if (reply.code != 454)
            session->notices |= NOTICE_POLICY;
        return reply;
    }
    session_send(session, smtp_reply(220, "2.0.0", "Ready to start TLS"));
    /* RFC 3207 section 4.2: what was said in the open is forgotten. */
    if (session->end == SESSION_OPEN && start(session)) {
        session->counts[COMMAND_STARTTLS].succeeded++;
        session_restart(session);
        /* Who it was is to be said again (RFC 3207 section 4.2). */
        session->sasl_method = session->sasl_username = SLICE_EMPTY;
    }
    return (struct smtp_reply){.code = 0};
}

bool starttls_wrap(struct session *session)
{
    struct smtp_reply reply;

    if (!params.smtpd_tls_wrappermode || session->is_standalone || session->is_rehearsal)
        return true;
    if (no_tls(session).code) {
        log_warning("Wrapper-mode request dropped from %s for service %s. TLS context "
                    "initialization failed. For details see earlier warnings in your logs.",
                    session_client(session), worker_service());
        return false;
    }
    if (!limits_may_start_tls(session, &reply))
        return false;
    return start(session);
}

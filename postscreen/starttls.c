/* The server's side of TLS, for clients that are to be refused over it. */
#include "starttls.h"

#include <sysexits.h>

#include "base/bug.h"
#include "base/log.h"
#include "conf/params.h"
#include "reply.h"
#include "route/open_maps.h"
#include "tls/context.h"
#include "tls/engine.h"
#include "tls/handshake.h"
#include "tls/level.h"
#include "tls/log_level.h"

static struct tls_context *context; /* NULL: no TLS */
static bool is_required;
static int log_level;
static struct maps *log_level_maps; /* postscreen_tls_loglevel_maps */

static enum tls_level find_level(void)
{
    const char *name = params.postscreen_tls_security_level;
    enum tls_level level;

    if (!*name) {
        if (params.postscreen_enforce_tls)
            return TLS_LEVEL_ENCRYPT;
        return params.postscreen_use_tls ? TLS_LEVEL_MAY : TLS_LEVEL_NONE;
    }
    level = tls_level_parse(slice_from(name));
    if (level < TLS_LEVEL_NONE)
        fatal(EX_CONFIG, "Invalid TLS level \"%s\"", name);
    return level;
}

/* Where TLS is required, more may be required of it. */
static struct tls_terms find_terms(void)
{
    struct buf excluded = BUF_INIT; /* as long as the process */

    buf_add_text(&excluded, params.postscreen_tls_exclude_ciphers);
    if (!is_required)
        return (struct tls_terms){params.postscreen_tls_protocols,
                                  params.postscreen_tls_ciphers, buf_take(&excluded)};
    buf_printf(&excluded, " %s", params.postscreen_tls_mandatory_exclude_ciphers);
    return (struct tls_terms){params.postscreen_tls_mandatory_protocols,
                              params.postscreen_tls_mandatory_ciphers, buf_take(&excluded)};
}

void starttls_open(void)
{
    enum tls_level level = find_level();

    if (level == TLS_LEVEL_NONE)
        return;
    is_required = tls_level_is_mandatory(level);
    log_level = tls_log_level_parse(params.postscreen_tls_loglevel);
    if (log_level < 0) {
        log_warning(
            "postscreen_tls_loglevel: bad value \"%s\": a number from 0 to 4 was expected",
            params.postscreen_tls_loglevel);
        log_level = 0;
    }
    log_level_maps = open_maps(maps_open, "postscreen_tls_loglevel_maps",
                               params.postscreen_tls_loglevel_maps);
    const struct tls_settings wanted = {
        .role = TLS_SERVER,
        .pairs = {.chain_files = params.postscreen_tls_chain_files,
                  .cert_file = params.postscreen_tls_cert_file,
                  .key_file = params.postscreen_tls_key_file,
                  .dcert_file = params.postscreen_tls_dcert_file,
                  .dkey_file = params.postscreen_tls_dkey_file,
                  .eccert_file = params.postscreen_tls_eccert_file,
                  .eckey_file = params.postscreen_tls_eckey_file},
        .sni_maps = params.tls_server_sni_maps,
        .ca_file = params.postscreen_tls_CAfile,
        .ca_path = params.postscreen_tls_CApath,
        .verify_depth = params.postscreen_tls_ccert_verifydepth,
        .terms = find_terms(),
        .fingerprint_digest = params.postscreen_tls_fingerprint_digest,
        .session_cache = *params.smtpd_tls_session_cache_database ? "smtpd" : "",
        .session_timeout_ms = params.smtpd_tls_session_cache_timeout,
        .asks_certificate = params.postscreen_tls_ask_ccert || params.postscreen_tls_req_ccert,
        .eecdh_grade = params.postscreen_tls_eecdh_grade,
        .dh_file = params.postscreen_tls_dh1024_param_file,
        .always_issue_session_ids = params.postscreen_tls_always_issue_session_ids,
    };

    if (!tls_pair_files_name_any(&wanted.pairs)) {
        log_warning("No server certs available. TLS won't be enabled");
        return;
    }
    if (log_level >= 2)
        log_info("initializing the server-side TLS engine");
    context = tls_engine_start(&wanted);
}

bool starttls_is_offered(void)
{
    return context != NULL;
}

bool starttls_is_required(void)
{
    return is_required;
}

/* Everything said in the clear is forgotten (RFC 3207 section 4.2). */
static void forget(struct dialogue *dialogue)
{
    dialogue->protocol = "SMTP";
    dialogue->has_sender = false;
    dialogue->is_encrypted = true;
    buf_reset(&dialogue->helo);
}

/* Some clients have a level of their own. */
static int log_level_for(const struct session *session)
{
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    char text[ENDPOINT_TEXT_BYTES];
    struct slice address = slice_from(endpoint_text(&session->connection->peer, text));
    struct error error;

    if (maps_is_empty(log_level_maps))
        return log_level;
    switch (maps_find(log_level_maps, address, &value, &error)) {
    case TABLE_FOUND:
        return tls_log_level_parse(value.data);
    case TABLE_NOT_FOUND:
        break;
    case TABLE_ERROR:
        log_warning("postscreen_tls_loglevel_maps: %s", error.text);
        break;
    }
    return log_level;
}

static int shake_hands(struct dialogue *dialogue)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct session *session = dialogue->session;
    const struct tls_log log = {.name = session->name,
                                .level = log_level_for(session),
                                .trace_limit_bytes = params.postscreen_tls_trace_size_limit};
    struct tls_peer peer;
    struct error error;

    stream_set_deadline(session->stream, deadline_in(params.postscreen_starttls_timeout));
    if (tls_accept(session->stream, context, &log, &arena, &peer, &error) < 0)
        return -1;
    forget(dialogue);
    return 0;
}

int starttls_run(struct dialogue *dialogue, struct slice arguments)
{
    struct session *session = dialogue->session;
    struct error error;

    if (!context)
        return reply_send(session, "502 5.5.1 Error: command not implemented");
    if (arguments.len)
        return reply_send(session, "501 5.5.4 Syntax: STARTTLS");
    if (dialogue->is_encrypted)
        return reply_send(session, "554 5.5.1 Error: TLS already active");
    if (tls_context_renew(context, deadline_in(params.postscreen_starttls_timeout), &error) <
        0) {
        log_warning("TLS is not available: %s", error.text);
        return reply_send(session, "454 4.7.0 TLS not available due to local problem");
    }
    if (reply_send(session, "220 2.0.0 Ready to start TLS") < 0)
        return -1;
    return shake_hands(dialogue);
}

#include "tls_session.h"

#include <string.h>

#include "base/log.h"
#include "conf/params.h"
#include "login.h"
#include "options.h"
#include "session.h"
#include "tls/engine.h"
#include "tls/handshake.h"
#include "tls/log_level.h"
#include "tls_options.h"
#include "tls_report.h"

enum { PORT_SMTPS = 465 };

static struct tls_context *context;

#define OPTION(name) (options.is_lmtp ? params.lmtp_##name : params.smtp_##name)

void tls_session_open(void)
{
    struct tls_settings settings = {
        .role = TLS_CLIENT,
        .pairs = {.chain_files = OPTION(tls_chain_files),
                  .cert_file = OPTION(tls_cert_file),
                  .key_file = OPTION(tls_key_file),
                  .dcert_file = OPTION(tls_dcert_file),
                  .dkey_file = OPTION(tls_dkey_file),
                  .eccert_file = OPTION(tls_eccert_file),
                  .eckey_file = OPTION(tls_eckey_file)},
        .ca_file = OPTION(tls_CAfile),
        .ca_path = OPTION(tls_CApath),
        .terms = {.protocols = tls_options.protocols,
                  .cipher_grade = tls_options.ciphers,
                  .exclude_ciphers = tls_options.exclude_ciphers},
        .verify_depth = OPTION(tls_scert_verifydepth),
        .fingerprint_digest = OPTION(tls_fingerprint_digest),
        .session_cache =
            *OPTION(tls_session_cache_database) ? (options.is_lmtp ? "lmtp" : "smtp") : "",
        .session_timeout_ms = OPTION(tls_session_cache_timeout),
    };

    if (tls_log_level_parse(tls_options.log_level) >= 2)
        log_info("initializing the client-side TLS engine");
    context = tls_engine_start(&settings);
}

void tls_session_release(struct session_tls *tls)
{
    buf_release(&tls->key);
    arena_release(&tls->arena);
}

/* Each fault once, and again when there was another meanwhile. */
static void say_faults(struct slice faults)
{
    static struct buf said = {.data = buf_nothing};
    struct slice line;

    if (slice_same(faults, buf_slice(&said)))
        return;
    buf_set(&said, faults);
    faults = buf_slice(&said);
    while ((line = slice_split(&faults, '\n')).len > 0)
        log_warning("%.*s", SLICE_ARG(line));
}

/*
 * Can we do TLS? Not without our key pairs, of which tlskey tells only now. If it cannot be
 * asked we try all the same: then the handshake fails, which is no reason to go without.
 */
MAY_WAIT static bool has_engine(void)
{
    struct error error = ERROR_INIT;

    if (!context)
        return false;
    int status = tls_context_renew(context, deadline_in(tls_options.starttls_timeout), &error);

    say_faults(tls_context_faults(context));
    return status == 0 || error.kind == ERROR_TEMPORARY;
}

/* -- what goes wrong
 * -------------------------------------------------------------------------------- */

static int fail(struct opening *opening, const char *status, const char *reason)
{
    opening->failure = OPENING_FAILED;
    opening->dsn = (struct dsn){.action = "delayed", .reason = slice_from(reason)};
    memcpy(opening->dsn.status, status, strlen(status) + 1);
    return -1;
}

static int handshake_failed(struct session *session, struct opening *opening)
{
    /* The peer is in no known state: not another word. */
    tls_report_failure(opening, session, TLSRPT_VALIDATION_FAILURE, "tls-handshake-failure");
    session->stream.state = STREAM_FAILED;
    fail(opening, "4.7.5", "Cannot start TLS: handshake failure");
    if (opening->policy->level == TLS_LEVEL_MAY)
        opening->failure = opening->may_go_plain && !login_has_password(opening)
                               ? OPENING_GO_PLAIN
                               : OPENING_NO_HANDSHAKE;
    return -1;
}

/* -- what is asked of the handshake
 * ----------------------------------------------------------------- */

struct slice tls_nexthop_domain(struct slice nexthop)
{
    if (slice_starts_with(nexthop, "inet:"))
        nexthop = slice_from_offset(nexthop, strlen("inet:"));
    if (slice_starts_with(nexthop, "["))
        return slice_sub(nexthop, 1, slice_find(nexthop, ']') - 1);
    return slice_sub(nexthop, 0, slice_find(nexthop, ':'));
}

/* "hostname", "nexthop", "dot-nexthop" stand for names; others are names. */
static const char *match_name(const struct opening *opening, struct slice match)
{
    struct slice nexthop = tls_nexthop_domain(opening->nexthop);

    if (slice_equals_nocase(match, "hostname"))
        return arena_text(opening->arena, opening->host->name);
    if (slice_equals_nocase(match, "nexthop"))
        return arena_text(opening->arena, nexthop);
    if (slice_equals_nocase(match, "dot-nexthop"))
        return arena_printf(opening->arena, ".%.*s", SLICE_ARG(nexthop));
    return arena_text(opening->arena, match);
}

static void set_matches(struct tls_connect *connect, const struct opening *opening)
{
    const struct tls_policy *policy = opening->policy;
    const char **matches = arena_array(opening->arena, const char *, policy->n_matches + 2);
    size_t n = 0;

    for (size_t i = 0; i < policy->n_matches; i++)
        matches[n++] = policy->level == TLS_LEVEL_FINGERPRINT
                           ? arena_text(opening->arena, policy->matches[i])
                           : match_name(opening, policy->matches[i]);
    if (tls_level_is_dane(policy->level)) {
        /* RFC 7672 section 3.2.2; the next hop only counts where it led here securely. */
        matches[n++] = arena_text(opening->arena, policy->dane.base_domain);
        if (policy->level != TLS_LEVEL_HALF_DANE)
            matches[n++] = arena_text(opening->arena, tls_nexthop_domain(opening->nexthop));
    }
    connect->matches = matches;
    connect->n_matches = n;
}

static void set_tlsa(struct tls_connect *connect, const struct tlsa *records, size_t n,
                     struct arena *arena)
{
    struct tls_tlsa *tlsa = arena_array(arena, struct tls_tlsa, n + 1);

    for (size_t i = 0; i < n; i++) {
        tlsa[i] = (struct tls_tlsa){.usage = records[i].usage,
                                    .selector = records[i].selector,
                                    .matching = records[i].matching,
                                    .data = records[i].data};
    }
    connect->check = TLS_CHECK_TLSA;
    connect->tlsa = tlsa;
    connect->n_tlsa = n;
}

/* By what the server is known. */
static void set_check(struct tls_connect *connect, const struct opening *opening)
{
    const struct tls_policy *policy = opening->policy;

    if (tls_level_is_dane(policy->level)) {
        set_tlsa(connect, policy->dane.records, policy->dane.n_records, opening->arena);
        connect->server_name = arena_text(opening->arena, policy->dane.base_domain);
    } else if (policy->level == TLS_LEVEL_FINGERPRINT) {
        connect->check = TLS_CHECK_FINGERPRINTS;
    } else if (tls_level_is_pkix(policy->level) && policy->anchor_files) {
        set_tlsa(connect, policy->anchors.records, policy->anchors.n_records, opening->arena);
    } else if (tls_level_is_pkix(policy->level)) {
        connect->check = TLS_CHECK_NAMES;
    }
    set_matches(connect, opening);
}

/* Sessions are resumed with the same server under the same conditions alone. */
static struct slice session_id(const struct session *session, const struct opening *opening)
{
    CLEANUP(buf_release) struct buf id = BUF_INIT;

    /* Nothing is checked against TLSA records when a session is resumed. */
    if (tls_level_is_dane(opening->policy->level) || opening->policy->anchor_files)
        return SLICE_EMPTY;
    buf_printf(&id, "%s %s %.*s ", params.service_name, session->relay.data,
               SLICE_ARG(opening->nexthop));
    tls_policy_key(opening->policy, &id);
    return arena_slice(opening->arena, buf_slice(&id));
}

/* smtp_tls_loglevel_maps knows some hosts by name or next hop. */
static int log_level(const struct opening *opening)
{
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    const struct slice keys[] = {opening->nexthop, opening->host->name};
    struct error error;

    for (size_t i = 0; i < ARRAY_SIZE(keys) && !maps_is_empty(tls_options.log_level_maps); i++)
        if (maps_find(tls_options.log_level_maps, keys[i], &value, &error) == TABLE_FOUND)
            return tls_log_level_parse(value.data);
    return tls_log_level_parse(tls_options.log_level);
}

/* -- the handshake
 * ---------------------------------------------------------------------------------- */

/* The server must be the one that we want. */
static int check_server(struct session *session, struct opening *opening)
{
    const struct tls_policy *policy = opening->policy;
    bool is_wanted =
        !tls_level_must_match(policy->level) ||
        (session->tls.peer.trust == TLS_VERIFIED && policy->failure == TLSRPT_SUCCESS);

    tls_report_handshake(opening, session, is_wanted);
    if (is_wanted)
        return 0;
    return fail(opening, "4.7.5", "Server certificate not verified");
}

static int handshake(struct session *session, struct opening *opening)
{
    const struct tls_policy *policy = opening->policy;
    struct tls_connect connect = {.log = {.name = session->relay.data,
                                          .level = log_level(opening),
                                          .trace_limit_bytes = tls_options.trace_limit_bytes},
                                  .server_name = policy->server_name,
                                  .terms = {.protocols = policy->protocols,
                                            .cipher_grade = policy->ciphers,
                                            .exclude_ciphers = policy->exclude_ciphers},
                                  .session_id = session_id(session, opening)};
    struct error error;

    stream_set_deadline(&session->stream, deadline_in(tls_options.starttls_timeout));
    set_check(&connect, opening);
    if (tls_connect(&session->stream, context, &connect, &session->tls.arena,
                    &session->tls.peer, &error) < 0)
        return handshake_failed(session, opening);
    session->tls.is_active = true;
    session->tls.level = policy->level;
    session->tls.may_be_kept = policy->reuse_connection;
    return check_server(session, opening);
}

int tls_session_wrap(struct session *session, struct opening *opening)
{
    if (!tls_options.wrappermode) {
        if (endpoint_port(&opening->host->address) == PORT_SMTPS) {
            log_warning("SMTPS wrappermode (TCP port 465) requires setting \"%s = yes\", and "
                        "\"%s = encrypt\" (or stronger)",
                        tls_option_name("tls_wrappermode"),
                        tls_option_name("tls_security_level"));
        }
        return 0;
    }
    if (opening->policy->level < TLS_LEVEL_ENCRYPT)
        log_warning("%s requires \"%s = encrypt\" (or stronger)",
                    tls_option_name("tls_wrappermode"), tls_option_name("tls_security_level"));
    if (!has_engine())
        return fail(opening, "4.7.5", "TLS is required, but our TLS engine is unavailable");
    return handshake(session, opening);
}

/* STARTTLS, the handshake, and EHLO again: what was said before counts no more (RFC 3207). */
static int start(struct session *session, struct opening *opening)
{
    const char *activity = "receiving the STARTTLS response";

    session_command(session, "STARTTLS");
    switch (session_reply(session, tls_options.starttls_timeout)) {
    case STEP_BROKEN:
        opening->failure = OPENING_FAILED;
        session_broke(session, activity, opening->arena, &opening->dsn);
        return -1;
    case STEP_REFUSED:
        session->features &= ~(unsigned)FEATURE_STARTTLS;
        tls_report_failure(opening, session, TLSRPT_STARTTLS_NOT_SUPPORTED,
                           session->reply.data);
        if (!tls_level_is_mandatory(opening->policy->level))
            return 0;
        fail(opening, session->status,
             arena_printf(opening->arena,
                          "TLS is required, but host %s refused to start TLS: %s",
                          session->label.data, session->reply.data));
        return -1;
    case STEP_OK:
        break;
    }
    if (handshake(session, opening) < 0)
        return -1;
    switch (session_hello(session, &activity)) {
    case STEP_OK:
        return 0;
    case STEP_REFUSED:
        session_refused_to_talk(session, opening->arena, &opening->dsn);
        break;
    case STEP_BROKEN:
        session_broke(session, activity, opening->arena, &opening->dsn);
        break;
    }
    opening->failure = OPENING_FAILED;
    return -1;
}

int tls_session_negotiate(struct session *session, struct opening *opening)
{
    enum tls_level level = opening->policy->level;
    bool is_offered = session->features & FEATURE_STARTTLS;

    if (session->tls.is_active)
        return 0;
    if (is_offered && tls_options.note_offer && level == TLS_LEVEL_NONE)
        log_info("Host offered STARTTLS: [%s]", session->host.data);
    if (is_offered && level >= TLS_LEVEL_MAY && has_engine())
        return start(session, opening);
    if (!is_offered && level >= TLS_LEVEL_MAY)
        tls_report_failure(opening, session, TLSRPT_STARTTLS_NOT_SUPPORTED, NULL);
    if (!tls_level_is_mandatory(level))
        return 0;
    if (!is_offered) {
        return fail(opening, "4.7.4",
                    arena_printf(opening->arena,
                                 "TLS is required, but was not offered by host %s",
                                 session->label.data));
    }
    return fail(opening, "4.7.5", "TLS is required, but our TLS engine is unavailable");
}

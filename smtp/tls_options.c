#include "tls_options.h"

#include <string.h>
#include <sysexits.h>

#include "base/bug.h"
#include "base/log.h"
#include "conf/params.h"
#include "options.h"
#include "route/open_maps.h"
#include "tls/dane.h"
#include "tls_anchors.h"

struct tls_options tls_options;

/* smtp_tls_X or lmtp_tls_X */
#define OPTION(name) (options.is_lmtp ? params.lmtp_##name : params.smtp_##name)

/* The words of old stand where smtp_tls_security_level is not set. */
static enum tls_level global_level(void)
{
    const char *text = OPTION(tls_security_level);
    enum tls_level level = tls_level_parse(slice_from(text));

    if (*text && level == TLS_LEVEL_INVALID)
        fatal(EX_CONFIG, "Invalid TLS level \"%s\"", text);
    if (*text)
        return level;
    if (OPTION(enforce_tls))
        return OPTION(tls_enforce_peername) ? TLS_LEVEL_VERIFY : TLS_LEVEL_ENCRYPT;
    return OPTION(use_tls) ? TLS_LEVEL_MAY : TLS_LEVEL_NONE;
}

static enum tls_level insecure_mx_level(void)
{
    const char *text = params.smtp_tls_dane_insecure_mx_policy;
    enum tls_level level = tls_level_parse(slice_from(text));

    if (level != TLS_LEVEL_MAY && level != TLS_LEVEL_ENCRYPT && level != TLS_LEVEL_DANE)
        fatal(EX_CONFIG, "invalid smtp_tls_dane_insecure_mx_policy: \"%s\"", text);
    return level;
}

static void open_tables(void)
{
    tls_options.policy_maps =
        open_maps(maps_open, tls_option_name("tls_policy_maps"), OPTION(tls_policy_maps));
    tls_options.per_site =
        open_maps(maps_open, tls_option_name("tls_per_site"), OPTION(tls_per_site));
    tls_options.log_level_maps =
        open_maps(maps_open, tls_option_name("tls_loglevel_maps"), OPTION(tls_loglevel_maps));
    if (!maps_is_empty(tls_options.policy_maps) && !maps_is_empty(tls_options.per_site))
        log_warning("%s ignored when %s is not empty.", tls_option_name("tls_per_site"),
                    tls_option_name("tls_policy_maps"));
}

static void load_levels_and_switches(void)
{
    tls_options.level = global_level();
    tls_options.insecure_mx_level = insecure_mx_level();
    tls_options.wrappermode = OPTION(tls_wrappermode);
    tls_options.connection_reuse = OPTION(tls_connection_reuse);
    tls_options.enable_rpk = OPTION(tls_enable_rpk);
    tls_options.note_offer = OPTION(tls_note_starttls_offer);
    tls_options.force_tlsa_lookup = OPTION(tls_force_insecure_host_tlsa_lookup);
    tls_options.enforce_sts_patterns = OPTION(tls_enforce_sts_mx_patterns);
    tls_options.log_status = OPTION(log_tls_feature_status);
    tls_options.log_level = OPTION(tls_loglevel);
    tls_options.trace_limit_bytes = OPTION(tls_trace_size_limit);
    tls_options.starttls_timeout = OPTION(starttls_timeout);
}

static void load_words(void)
{
    tls_options.protocols = OPTION(tls_protocols);
    tls_options.mandatory_protocols = OPTION(tls_mandatory_protocols);
    tls_options.ciphers = OPTION(tls_ciphers);
    tls_options.mandatory_ciphers = OPTION(tls_mandatory_ciphers);
    tls_options.exclude_ciphers = OPTION(tls_exclude_ciphers);
    tls_options.mandatory_exclude_ciphers = OPTION(tls_mandatory_exclude_ciphers);
    tls_options.fingerprint_match = OPTION(tls_fingerprint_cert_match);
    tls_options.verify_match = OPTION(tls_verify_cert_match);
    tls_options.secure_match = OPTION(tls_secure_cert_match);
    tls_options.server_name = OPTION(tls_servername);
    tls_options.trust_anchor_file = OPTION(tls_trust_anchor_file);
}

void tls_options_load(void)
{
    struct tls_anchors anchors;
    struct error error;

    load_levels_and_switches();
    load_words();
    open_tables();
    /* In a jail they could not be read; what is wrong with them is logged and counts later. */
    if (*tls_options.trust_anchor_file &&
        tls_anchors_find(&anchors, tls_options.trust_anchor_file) < 0)
        log_warning("%s = %s cannot be used", tls_option_name("tls_trust_anchor_file"),
                    tls_options.trust_anchor_file);
    if (dane_set_digests(params.tls_dane_digests, &error) < 0)
        log_warning("tls_dane_digests: %s", error.text);
}

const char *tls_option_name(const char *name)
{
    static struct arena arena; /* a handful of names */

    return arena_printf(&arena, "%s_%s", options.is_lmtp ? "lmtp" : "smtp", name);
}

/* Opening what main.cf names. */
#include "settings.h"

#include <sysexits.h>

#include "base/arena.h"
#include "base/bug.h"
#include "base/log.h"
#include "conf/interfaces.h"
#include "conf/params.h"
#include "conf/unescape.h"
#include "conf/words.h"
#include "route/dns_reply_filter.h"
#include "route/domains.h"
#include "route/open_maps.h"
#include "session.h"

struct settings settings;

static struct match_list *open_own_list(const char *name, const char *patterns)
{
    return open_list(name, patterns, domains_parents(name));
}

/* A set of bits from a list of words; an unknown word ends the start. */
struct word_bit {
    const char *word;
    unsigned bit;
};

static unsigned parse_words(const char *name, const char *list, const struct word_bit *known)
{
    struct slice rest = slice_from(list);
    struct slice word;
    unsigned bits = 0;

    while (words_next(&rest, WORDS_COMMA_SPACE, &word)) {
        size_t i = 0;

        while (known[i].word && !slice_equals_nocase(word, known[i].word))
            i++;
        if (!known[i].word)
            fatal(EX_CONFIG, "unknown %s value \"%.*s\" in \"%s\"", name, SLICE_ARG(word),
                  list);
        bits |= known[i].bit;
    }
    return bits;
}

static const struct word_bit newline_rules[] = {
    {"no", 0},
    {"yes", NEWLINE_STANDARD_END},
    {"normalize", NEWLINE_STANDARD_END},
    {"note", NEWLINE_STANDARD_END | NEWLINE_NOTE},
    {"reject", NEWLINE_STANDARD_END | NEWLINE_REJECT},
    {NULL, 0},
};

static const struct word_bit overrides[] = {
    {"no_unknown_recipient_checks", OVERRIDE_NO_UNKNOWN_RECIPIENT_CHECKS},
    {"no_address_mappings", OVERRIDE_NO_ADDRESS_MAPPINGS},
    {"no_header_body_checks", OVERRIDE_NO_HEADER_BODY_CHECKS},
    {"no_milters", OVERRIDE_NO_MILTERS},
    {NULL, 0},
};

/* The other classes concern other programs. */
static const struct word_bit notice_classes[] = {
    {"protocol", NOTICE_PROTOCOL},
    {"policy", NOTICE_POLICY},
    {"resource", NOTICE_RESOURCE},
    {"software", NOTICE_SOFTWARE},
    {"data", NOTICE_DATA},
    {"bounce", NOTICE_BOUNCE},
    {"2bounce", 0},
    {"delay", 0},
    {NULL, 0},
};

static void open_recipient_maps(void)
{
    settings.virtual_aliases =
        open_maps(maps_open, "virtual_alias_maps", params.virtual_alias_maps);
    settings.canonical = open_maps(maps_open, "canonical_maps", params.canonical_maps);
    settings.sender_canonical =
        open_maps(maps_open, "sender_canonical_maps", params.sender_canonical_maps);
    settings.recipient_canonical =
        open_maps(maps_open, "recipient_canonical_maps", params.recipient_canonical_maps);
    settings.local_recipients =
        open_maps(maps_open, "local_recipient_maps", params.local_recipient_maps);
    settings.virtual_mailboxes =
        open_maps(maps_open, "virtual_mailbox_maps", params.virtual_mailbox_maps);
    settings.relay_recipients =
        open_maps(maps_open, "relay_recipient_maps", params.relay_recipient_maps);
}

static void open_lists(void)
{
    settings.mynetworks = open_own_list("mynetworks", params.mynetworks);
    settings.xclient_hosts =
        open_own_list("smtpd_authorized_xclient_hosts", params.smtpd_authorized_xclient_hosts);
    settings.xforward_hosts = open_own_list("smtpd_authorized_xforward_hosts",
                                            params.smtpd_authorized_xforward_hosts);
    settings.verp_clients =
        open_own_list("smtpd_authorized_verp_clients", params.smtpd_authorized_verp_clients);
    settings.newline_exclusions = open_own_list("smtpd_forbid_bare_newline_exclusions",
                                                params.smtpd_forbid_bare_newline_exclusions);
    settings.event_limit_exceptions = open_own_list("smtpd_client_event_limit_exceptions",
                                                    params.smtpd_client_event_limit_exceptions);
    settings.sasl_mechanisms =
        open_own_list("smtpd_sasl_mechanism_filter", params.smtpd_sasl_mechanism_filter);
    settings.sasl_exceptions =
        open_own_list("smtpd_sasl_exceptions_networks", params.smtpd_sasl_exceptions_networks);
    settings.backup_networks =
        open_own_list("permit_mx_backup_networks", params.permit_mx_backup_networks);
    settings.logged_permits = open_own_list("smtpd_log_access_permit_actions",
                                            params.smtpd_log_access_permit_actions);
    settings.noop_commands = open_own_list("smtpd_noop_commands", params.smtpd_noop_commands);
    settings.forbidden_commands =
        open_own_list("smtpd_forbidden_commands", params.smtpd_forbidden_commands);
}

static void check_tempfail_actions(void)
{
    const struct {
        const char *name, *value;
    } actions[] = {
        {"reject_tempfail_action", params.reject_tempfail_action},
        {"unknown_address_tempfail_action", params.unknown_address_tempfail_action},
        {"unknown_helo_hostname_tempfail_action", params.unknown_helo_hostname_tempfail_action},
        {"unverified_sender_tempfail_action", params.unverified_sender_tempfail_action},
        {"unverified_recipient_tempfail_action", params.unverified_recipient_tempfail_action},
    };

    for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
        if (strcmp(actions[i].value, "defer") != 0 &&
            strcmp(actions[i].value, "defer_if_permit") != 0)
            fatal(EX_CONFIG, "bad configuration: %s = %s", actions[i].name, actions[i].value);
    }
}

static bool parse_proxy_protocol(void)
{
    const char *name = params.smtpd_upstream_proxy_protocol;

    if (*name && strcmp(name, "haproxy") != 0)
        fatal(EX_CONFIG, "unsupported smtpd_upstream_proxy_protocol value: %s", name);
    return *name != '\0';
}

void settings_open(void)
{
    static struct arena arena; /* as long as the process */
    struct protocols protocols;
    struct error error;

    settings.cleanup_service = arena_printf(&arena, "public/%s", params.cleanup_service_name);
    settings.expansion_filter = unescape(&arena, slice_from(params.smtpd_expansion_filter));
    check_tempfail_actions();
    open_lists();
    open_recipient_maps();
    ehlo_discards_open(&settings.ehlo_discards, params.smtpd_discard_ehlo_keywords,
                       "smtpd_discard_ehlo_keyword_address_maps",
                       params.smtpd_discard_ehlo_keyword_address_maps);
    settings.command_filter =
        open_maps(maps_open, "smtpd_command_filter", params.smtpd_command_filter);
    settings.reject_footer_maps =
        open_maps(maps_open, "smtpd_reject_footer_maps", params.smtpd_reject_footer_maps);
    settings.relay_clientcerts =
        open_maps(maps_open, "relay_clientcerts", params.relay_clientcerts);
    settings.tls_loglevel_maps =
        open_maps(maps_open, "smtpd_tls_loglevel_maps", params.smtpd_tls_loglevel_maps);
    settings.sender_logins =
        open_maps(maps_open, "smtpd_sender_login_maps", params.smtpd_sender_login_maps);
    settings.reject_filter_maps =
        open_maps(maps_open, "smtpd_reject_filter_maps", params.smtpd_reject_filter_maps);
    dns_reply_filter_open("smtpd_dns_reply_filter", params.smtpd_dns_reply_filter);
    settings.rbl_replies = open_maps(maps_open, "rbl_reply_maps", params.rbl_reply_maps);
    settings.newline_rule = parse_words("smtpd_forbid_bare_newline",
                                        params.smtpd_forbid_bare_newline, newline_rules);
    settings.overrides =
        parse_words("receive_override_options", params.receive_override_options, overrides);
    settings.notice_classes =
        parse_words("notify_classes", params.notify_classes, notice_classes);
    settings.parents_match_access = domains_parents("smtpd_access_maps") == MATCH_PARENTS_BARE;
    settings.uses_haproxy = parse_proxy_protocol();
    if (protocols_parse(&protocols, params.inet_protocols, &error) < 0)
        fatal(EX_CONFIG, "%s", error.text);
    settings.is_without_v4 = !protocols.v4;
    settings.is_without_v6 = !protocols.v6;
}

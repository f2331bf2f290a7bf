/* Reading the parameters. */
#include "settings.h"

#include <string.h>
#include <sysexits.h>

#include "base/arena.h"
#include "base/bug.h"
#include "base/log.h"
#include "conf/params.h"
#include "conf/unescape.h"
#include "route/open_maps.h"

struct settings settings;

static struct arena arena; /* as long as the process */

static enum action parse_action(const char *name, const char *value)
{
    static const char *const words[] = {
        [ACTION_IGNORE] = "ignore", [ACTION_ENFORCE] = "enforce", [ACTION_DROP] = "drop"};

    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (slice_equals_nocase(slice_from(value), words[i]))
            return (enum action)i;
    }
    fatal(EX_CONFIG, "bad %s value: %s (expected ignore, enforce or drop)", name, value);
}

static int64_t to_seconds(int64_t ms)
{
    return (ms + 999) / 1000;
}

static void read_tests(void)
{
    settings.tests[TEST_PREGREET] = (struct test_settings){
        *params.postscreen_greet_banner != '\0',
        parse_action("postscreen_greet_action", params.postscreen_greet_action),
        to_seconds(params.postscreen_greet_ttl)};
    settings.tests[TEST_DNSBL] = (struct test_settings){
        *params.postscreen_dnsbl_sites != '\0',
        parse_action("postscreen_dnsbl_action", params.postscreen_dnsbl_action),
        to_seconds(params.postscreen_dnsbl_max_ttl)};
    settings.tests[TEST_PIPELINING] = (struct test_settings){
        params.postscreen_pipelining_enable,
        parse_action("postscreen_pipelining_action", params.postscreen_pipelining_action),
        to_seconds(params.postscreen_pipelining_ttl)};
    settings.tests[TEST_NON_SMTP] =
        (struct test_settings){params.postscreen_non_smtp_command_enable,
                               parse_action("postscreen_non_smtp_command_action",
                                            params.postscreen_non_smtp_command_action),
                               to_seconds(params.postscreen_non_smtp_command_ttl)};
    settings.tests[TEST_BARE_NEWLINE] = (struct test_settings){
        params.postscreen_bare_newline_enable,
        parse_action("postscreen_bare_newline_action", params.postscreen_bare_newline_action),
        to_seconds(params.postscreen_bare_newline_ttl)};
    settings.deny =
        parse_action("postscreen_denylist_action", params.postscreen_denylist_action);
}

static int64_t find_least_ttl(void)
{
    int64_t least = to_seconds(params.postscreen_dnsbl_min_ttl);

    for (int i = 0; i < N_TESTS; i++) {
        if (settings.tests[i].ttl_seconds < least)
            least = settings.tests[i].ttl_seconds;
    }
    return least;
}

static bool parse_yes(const char *name, const char *value)
{
    bool is_yes;

    if (!param_parse_bool(slice_from(value), &is_yes))
        fatal(EX_CONFIG, "bad boolean configuration: %s = %s", name, value);
    return is_yes;
}

static bool parse_proxy_protocol(void)
{
    const char *name = params.postscreen_upstream_proxy_protocol;

    if (*name && strcmp(name, "haproxy") != 0)
        fatal(EX_CONFIG, "unsupported postscreen_upstream_proxy_protocol value: %s", name);
    return *name != '\0';
}

/* These are not expanded when main.cf is read; by default they are those of smtpd. */
static const char *own_or(const char *value, const char *reference, const char *of_smtpd)
{
    return strcmp(value, reference) == 0 ? of_smtpd : value;
}

void settings_open(void)
{
    read_tests();
    settings.least_ttl_seconds = find_least_ttl();
    settings.allow_interfaces =
        open_list("postscreen_allowlist_interfaces", params.postscreen_allowlist_interfaces,
                  MATCH_PARENTS_NEVER);
    settings.forbidden_commands =
        open_list("postscreen_forbidden_commands", params.postscreen_forbidden_commands,
                  MATCH_PARENTS_NEVER);
    settings.command_filter =
        open_maps(maps_open, "postscreen_command_filter", params.postscreen_command_filter);
    ehlo_discards_open(&settings.ehlo_discards, params.postscreen_discard_ehlo_keywords,
                       "postscreen_discard_ehlo_keyword_address_maps",
                       params.postscreen_discard_ehlo_keyword_address_maps);
    settings.reject_footer_maps = open_maps(maps_open, "postscreen_reject_footer_maps",
                                            params.postscreen_reject_footer_maps);
    settings.disables_vrfy =
        parse_yes("postscreen_disable_vrfy_command", params.postscreen_disable_vrfy_command);
    settings.uses_haproxy = parse_proxy_protocol();
    settings.smtpd_socket = arena_printf(&arena, "private/%s", params.smtpd_service_name);
    settings.dnsblog_tag = arena_printf(&arena, "%s/dnsblog", params.syslog_name);
    settings.allow_word = params.respectful_logging ? "ALLOWLIST" : "WHITELIST";
    settings.deny_word = params.respectful_logging ? "DENYLIST" : "BLACKLIST";
    settings.expansion_filter = unescape(
        &arena, slice_from(own_or(params.postscreen_expansion_filter, "$smtpd_expansion_filter",
                                  params.smtpd_expansion_filter)));
    settings.reject_footer = own_or(params.postscreen_reject_footer, "$smtpd_reject_footer",
                                    params.smtpd_reject_footer);
}

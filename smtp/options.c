#include "options.h"

#include <string.h>
#include <sysexits.h>

#include "base/bug.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/params.h"
#include "conf/words.h"
#include "net/hostport.h"
#include "net/socket.h"
#include "route/open_maps.h"

struct options options;

/* smtp_X or lmtp_X */
#define OPTION(name) (options.is_lmtp ? params.lmtp_##name : params.smtp_##name)

static uint16_t port_of(const char *service)
{
    uint16_t port;
    struct error error;

    if (service_port(slice_from(service), &port, &error) < 0)
        fatal(EX_CONFIG, "%s_tcp_port: %s", options.is_lmtp ? "lmtp" : "smtp", error.text);
    return port;
}

static void load_timeouts(void)
{
    options.connect_timeout = OPTION(connect_timeout);
    options.helo_timeout =
        options.is_lmtp ? params.lmtp_lhlo_timeout : params.smtp_helo_timeout;
    options.mail_timeout = OPTION(mail_timeout);
    options.rcpt_timeout = OPTION(rcpt_timeout);
    options.data_init_timeout = OPTION(data_init_timeout);
    options.data_xfer_timeout = OPTION(data_xfer_timeout);
    options.data_done_timeout = OPTION(data_done_timeout);
    options.rset_timeout = OPTION(rset_timeout);
    options.quit_timeout = OPTION(quit_timeout);
    options.per_request_deadline = OPTION(per_request_deadline);
    options.min_data_rate = OPTION(min_data_rate);
    options.xforward_timeout = OPTION(xforward_timeout);
    options.cache_time_limit = OPTION(connection_cache_time_limit);
    if (options.cache_time_limit > params.connection_cache_ttl_limit)
        options.cache_time_limit = params.connection_cache_ttl_limit;
    options.reuse_time_limit = OPTION(connection_reuse_time_limit);
}

static unsigned parse_host_lookup(const char *text)
{
    struct slice rest = slice_from(text), word;
    unsigned found = 0;

    while ((word = slice_word(&rest, ", \t\r\n")).ptr) {
        if (slice_equals_nocase(word, "dns"))
            found |= HOST_LOOKUP_DNS;
        else if (slice_equals_nocase(word, "native"))
            found |= HOST_LOOKUP_NATIVE;
        else
            fatal(EX_CONFIG, "smtp_host_lookup: unknown method: %.*s", SLICE_ARG(word));
    }
    return found;
}

/* smtp_dns_support_level: it overrules the older disable_dns_lookups. */
static void parse_dns_support(const char *level)
{
    struct slice text = slice_from(level);

    options.use_dnssec = slice_equals_nocase(text, "dnssec");
    options.use_dns =
        text.len == 0 ? !params.disable_dns_lookups : !slice_equals_nocase(text, "disabled");
    if (!options.use_dns)
        options.host_lookup = HOST_LOOKUP_NATIVE;
    else if (text.len > 0 && !options.use_dnssec && !slice_equals_nocase(text, "enabled"))
        fatal(EX_CONFIG, "invalid %s_dns_support_level: \"%s\"",
              options.is_lmtp ? "lmtp" : "smtp", level);
}

static void parse_bind(struct endpoint *bind, const char *title, const char *text, int family)
{
    *bind = (struct endpoint){0};
    if (!*text)
        return;
    if (endpoint_parse(bind, slice_from(text), 0) < 0 || endpoint_family(bind) != family)
        fatal(EX_CONFIG, "%s: bad address: %s", title, text);
}

static void add_own(const struct endpoint *endpoint)
{
    options.own = mem_resize(options.own, options.n_own + 1, sizeof(*options.own));
    options.own[options.n_own++] = *endpoint;
}

/* Mail that goes to one of these comes back to us. */
static void find_own_addresses(void)
{
    struct arena arena = ARENA_INIT;
    struct own_addresses addresses = {0};
    struct slice rest = slice_from(params.proxy_interfaces), word;
    struct error error;

    if (own_addresses_find(&addresses, params.inet_interfaces, options.protocols, &arena,
                           &error) < 0)
        fatal(EX_CONFIG, "%s", error.text);
    for (size_t i = 0; i < addresses.n; i++) {
        struct endpoint own = {0};
        bool is_v4 = addresses.list[i].address.any.sa_family == AF_INET;
        own.len = is_v4 ? sizeof(own.address.in) : sizeof(own.address.in6);
        memcpy(&own.address, &addresses.list[i].address, own.len);
        add_own(&own);
    }
    while ((word = slice_word(&rest, ", \t\r\n")).ptr) {
        struct endpoint proxy;
        if (endpoint_parse(&proxy, word, 0) == 0)
            add_own(&proxy);
    }
    arena_release(&arena);
}

static enum trial_target parse_trial_target(const char *text)
{
    if (strcasecmp(text, "data") == 0)
        return TRIAL_DATA;
    if (strcasecmp(text, "rcpt") != 0)
        fatal(EX_CONFIG, "bad protocol stage: \"%s_address_verify_target = %s\"",
              options.is_lmtp ? "lmtp" : "smtp", text);
    return TRIAL_RCPT;
}

static void load_dialogue(bool is_lmtp)
{
    options.helo_name = is_lmtp ? params.lmtp_lhlo_name : params.smtp_helo_name;
    options.trial_target = parse_trial_target(OPTION(address_verify_target));
    options.line_length_limit = OPTION(line_length_limit);
    options.skip_5xx_greeting = OPTION(skip_5xx_greeting);
    options.quotes_envelope = OPTION(quote_rfc821_envelope);
    options.cname_overrides_name = OPTION(cname_overrides_servername);
    options.is_final = is_lmtp && params.lmtp_assume_final;
    options.send_xforward = OPTION(send_xforward_command);
    options.blocks_early_reply = OPTION(tls_block_early_mail_reply);
    options.skip_quit_response = OPTION(skip_quit_response);
    options.always_send_ehlo = is_lmtp || params.smtp_always_send_ehlo;
    options.never_send_ehlo = !is_lmtp && params.smtp_never_send_ehlo;
    if (is_lmtp) {
        ehlo_discards_open(&options.discards, params.lmtp_discard_lhlo_keywords,
                           "lmtp_discard_lhlo_keyword_address_maps",
                           params.lmtp_discard_lhlo_keyword_address_maps);
    } else {
        ehlo_discards_open(&options.discards, params.smtp_discard_ehlo_keywords,
                           "smtp_discard_ehlo_keyword_address_maps",
                           params.smtp_discard_ehlo_keyword_address_maps);
    }
    maps_free(options.reply_filter);
    options.reply_filter = open_maps(
        maps_open, is_lmtp ? "lmtp_reply_filter" : "smtp_reply_filter", OPTION(reply_filter));
}

static void load_connections(void)
{
    socket_set_window(params.tcp_windowsize);
    options.default_port = port_of(OPTION(tcp_port));
    options.mx_address_limit = OPTION(mx_address_limit);
    options.mx_session_limit = OPTION(mx_session_limit);
    options.randomize_addresses = OPTION(randomize_addresses);
    options.balance_protocols = OPTION(balance_inet_protocols);
    options.defer_if_no_mx_address = OPTION(defer_if_no_mx_address_found);
    options.cache_on_demand = OPTION(connection_cache_on_demand);
    options.reuse_count_limit = OPTION(connection_reuse_count_limit);
    options.address_preference = OPTION(address_preference);
    options.fallback_relay = OPTION(fallback_relay);
    options.cache_destinations = OPTION(connection_cache_destinations);
    options.host_lookup = parse_host_lookup(OPTION(host_lookup));
    parse_dns_support(OPTION(dns_support_level));
}

static void load_own_addresses(void)
{
    struct error error;

    options.bind_enforce = OPTION(bind_address_enforce);
    parse_bind(&options.bind_v4, options.is_lmtp ? "lmtp_bind_address" : "smtp_bind_address",
               OPTION(bind_address), AF_INET);
    parse_bind(&options.bind_v6, options.is_lmtp ? "lmtp_bind_address6" : "smtp_bind_address6",
               OPTION(bind_address6), AF_INET6);
    if (protocols_parse(&options.protocols, params.inet_protocols, &error) < 0)
        fatal(EX_CONFIG, "%s", error.text);
    find_own_addresses();
}

void options_load(bool is_lmtp)
{
    options.is_lmtp = is_lmtp;
    load_timeouts();
    load_dialogue(is_lmtp);
    load_connections();
    load_own_addresses();
}

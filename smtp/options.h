/*
 * The parameters of this program: smtp_NAME, or lmtp_NAME when it runs as lmtp.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "conf/interfaces.h"
#include "net/endpoint.h"
#include "route/ehlo_keywords.h"
#include "table/maps.h"

enum host_lookup { HOST_LOOKUP_DNS = 1, HOST_LOOKUP_NATIVE = 2 };

/* smtp_address_verify_target: the command whose reply tells whether an address is good. */
enum trial_target { TRIAL_RCPT, TRIAL_DATA };

struct options {
    const char *helo_name;
    int64_t connect_timeout, helo_timeout, mail_timeout, rcpt_timeout, data_init_timeout,
        data_xfer_timeout, data_done_timeout, rset_timeout, quit_timeout, xforward_timeout;
    int min_data_rate; /* bytes a second, where per_request_deadline is set */
    int mx_address_limit, mx_session_limit, line_length_limit;
    uint16_t default_port; /* of smtp_tcp_port */
    enum trial_target trial_target;
    bool is_lmtp;
    bool per_request_deadline;
    bool skip_5xx_greeting, skip_quit_response, always_send_ehlo, never_send_ehlo;
    bool randomize_addresses, balance_protocols, defer_if_no_mx_address;
    bool cache_on_demand;
    bool use_dnssec; /* smtp_dns_support_level = dnssec */
    bool use_dns;    /* for anything but addresses: those go by host_lookup */
    int64_t cache_time_limit, reuse_time_limit;
    int reuse_count_limit;
    const char *address_preference; /* "any", "ipv4", "ipv6" */
    const char *fallback_relay;
    const char *cache_destinations;
    unsigned host_lookup;    /* HOST_LOOKUP_ bits, in the order DNS, native */
    bool blocks_early_reply; /* smtp_tls_block_early_mail_reply */
    bool send_xforward, quotes_envelope, cname_overrides_name;
    bool is_final; /* LMTP servers deliver; they do not pass on (lmtp_assume_final) */
    struct protocols protocols;
    struct endpoint bind_v4, bind_v6; /* len 0: any */
    bool bind_enforce;
    struct ehlo_discards discards;
    struct maps *reply_filter;
    struct endpoint *own; /* where we receive mail: the ends of mail loops */
    size_t n_own;
};

extern struct options options;

/* Read the global params; before the jail. Ends the program where a value makes no sense. */
void options_load(bool is_lmtp);

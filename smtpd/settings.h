/*
 * What main.cf says, opened and parsed before the jail: tables, pattern lists, keyword sets.
 */
#pragma once

#include "base/compiler.h"
#include "route/ehlo_keywords.h"
#include "table/maps.h"
#include "table/match_list.h"

/* smtpd_forbid_bare_newline */
enum newline_rule {
    NEWLINE_STANDARD_END = 1, /* only CR LF . CR LF ends a message */
    NEWLINE_REJECT = 2,
    NEWLINE_NOTE = 4,
};

/* receive_override_options */
enum override {
    OVERRIDE_NO_UNKNOWN_RECIPIENT_CHECKS = 1,
    OVERRIDE_NO_ADDRESS_MAPPINGS = 2,
    OVERRIDE_NO_HEADER_BODY_CHECKS = 4,
    OVERRIDE_NO_MILTERS = 8,
};

struct settings {
    struct match_list *mynetworks;
    struct match_list *xclient_hosts, *xforward_hosts, *verp_clients;
    struct match_list *backup_networks, *logged_permits;
    struct match_list *newline_exclusions, *event_limit_exceptions;
    struct match_list *noop_commands, *forbidden_commands;
    struct ehlo_discards ehlo_discards;
    struct maps *command_filter, *reject_footer_maps, *rbl_replies, *reject_filter_maps;
    struct maps *relay_clientcerts, *tls_loglevel_maps;
    struct match_list *sasl_mechanisms, *sasl_exceptions;
    struct maps *sender_logins;
    struct maps *virtual_aliases, *canonical, *sender_canonical, *recipient_canonical;
    struct maps *local_recipients, *virtual_mailboxes, *relay_recipients;
    const char *cleanup_service;  /* socket path */
    const char *expansion_filter; /* smtpd_expansion_filter, without escapes */
    unsigned newline_rule;        /* NEWLINE_ bits */
    unsigned overrides;           /* OVERRIDE_ bits */
    unsigned notice_classes;      /* NOTICE_ bits (session.h) */
    bool parents_match_access;    /* parent_domain_matches_subdomains names smtpd_access_maps */
    bool uses_haproxy;            /* smtpd_upstream_proxy_protocol */
    bool is_without_v4, is_without_v6; /* inet_protocols */
};

extern struct settings settings;

/* Open everything. Table trouble is logged and shows at use; bad values end the start. */
void settings_open(void);

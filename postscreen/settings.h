/*
 * What main.cf says about screening, checked and in the form that the tests want it; and the
 * tables and lists, opened before the jail.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "route/ehlo_keywords.h"
#include "table/maps.h"
#include "table/match_list.h"

/* What is done with a client that fails a test. */
enum action {
    ACTION_IGNORE,  /* log it and do as if nothing had been */
    ACTION_ENFORCE, /* refuse its recipients, let it talk until then: the log shows who it is */
    ACTION_DROP,    /* hang up */
};

enum test {
    TEST_PREGREET,
    TEST_DNSBL,
    /* The deep ones, behind an SMTP greeting of our own: */
    TEST_PIPELINING,
    TEST_NON_SMTP,
    TEST_BARE_NEWLINE,
    N_TESTS
};

/* Masks of tests. */
#define TEST_BIT(test) (1U << (test))
#define EARLY_TESTS    (TEST_BIT(TEST_PREGREET) | TEST_BIT(TEST_DNSBL))
#define DEEP_TESTS \
    (TEST_BIT(TEST_PIPELINING) | TEST_BIT(TEST_NON_SMTP) | TEST_BIT(TEST_BARE_NEWLINE))

struct test_settings {
    bool is_enabled;
    enum action action;
    int64_t ttl_seconds; /* of TEST_DNSBL: the most */
};

struct settings {
    struct test_settings tests[N_TESTS];
    enum action deny;
    int64_t least_ttl_seconds; /* of all tests */
    struct match_list *allow_interfaces;
    struct match_list *forbidden_commands;
    struct maps *command_filter;
    struct ehlo_discards ehlo_discards;
    struct maps *reject_footer_maps;
    bool disables_vrfy;
    bool uses_haproxy;
    const char *smtpd_socket; /* "private/smtpd" */
    const char *dnsblog_tag;  /* "postfix/dnsblog" */
    /* "ALLOWLIST", "DENYLIST" or what they were called before. */
    const char *allow_word, *deny_word;
    const char *expansion_filter;
    const char *reject_footer; /* not expanded yet */
};

extern struct settings settings;

/* Before the jail; fatal when a value is none. Parts of their own: access, dnsbl. */
void settings_open(void);

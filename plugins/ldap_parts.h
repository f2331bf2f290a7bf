/*
 * The two halves of the ldap plug-in: a connection, and searches over it.
 */
#pragma once

#include <ldap.h>
#include <time.h>

#include "table/plugin.h"

/* Indexes of the settings. */
enum {
    SERVER_HOST,
    SERVER_PORT,
    TIMEOUT,
    SEARCH_BASE,
    QUERY_FILTER,
    RESULT_ATTRIBUTE,
    SPECIAL_ATTRIBUTE,
    TERMINAL_ATTRIBUTE,
    LEAF_ATTRIBUTE,
    SCOPE,
    BIND,
    BIND_DN,
    BIND_PW,
    RECURSION_LIMIT,
    EXPANSION_LIMIT,
    SIZE_LIMIT,
    DEREFERENCE,
    CHASE_REFERRALS,
    VERSION,
    DEBUGLEVEL,
    SASL_MECHS,
    SASL_REALM,
    SASL_AUTHZ_ID,
    SASL_MINSSF,
    START_TLS,
    TLS_CA_CERT_DIR,
    TLS_CA_CERT_FILE,
    TLS_CERT,
    TLS_KEY,
    TLS_REQUIRE_CERT,
    TLS_RANDOM_FILE,
    TLS_CIPHER_SUITE,
    CACHE,
    CACHE_EXPIRY,
    CACHE_SIZE,
};

extern const struct plugin_setting ldap_settings[];

struct plugin_connection {
    LDAP *server;
    const struct plugin_value *values;
    int scope; /* LDAP_SCOPE_ */
};

/* See table/plugin.h; connecting includes STARTTLS and binding. */
struct plugin_connection *ldap_open_connection(const char *host,
                                               const struct plugin_value *values,
                                               struct plugin_report *report);
void ldap_close_connection(struct plugin_connection *connection);
/* The settings of a connection; complains about those that mean nothing. */
bool ldap_check_settings(const struct plugin_value *values, struct plugin_answer *answer,
                         struct plugin_report *report);

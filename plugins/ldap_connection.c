/*
 * Connecting to a directory: addresses, options, STARTTLS, binding.
 */
#include <ldap.h>
#include <sasl/sasl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/time.h>

#include "base/poison.h"
#include "ldap_parts.h"

const struct plugin_setting ldap_settings[] = {
    [SERVER_HOST] = {"server_host", PLUGIN_TEXT, "localhost", 1, 0},
    [SERVER_PORT] = {"server_port", PLUGIN_NUMBER, "389", 1, 65535},
    [TIMEOUT] = {"timeout", PLUGIN_NUMBER, "10", 1, 3600},
    [SEARCH_BASE] = {"search_base", PLUGIN_TEXT, "", 0, 0},
    [QUERY_FILTER] = {"query_filter", PLUGIN_TEXT, "(mailacceptinggeneralid=%s)", 1, 0},
    [RESULT_ATTRIBUTE] = {"result_attribute", PLUGIN_TEXT, "maildrop", 0, 0},
    [SPECIAL_ATTRIBUTE] = {"special_result_attribute", PLUGIN_TEXT, "", 0, 0},
    [TERMINAL_ATTRIBUTE] = {"terminal_result_attribute", PLUGIN_TEXT, "", 0, 0},
    [LEAF_ATTRIBUTE] = {"leaf_result_attribute", PLUGIN_TEXT, "", 0, 0},
    [SCOPE] = {"scope", PLUGIN_TEXT, "sub", 1, 0},
    [BIND] = {"bind", PLUGIN_TEXT, "yes", 1, 0},
    [BIND_DN] = {"bind_dn", PLUGIN_TEXT, "", 0, 0},
    [BIND_PW] = {"bind_pw", PLUGIN_TEXT, "", 0, 0},
    [RECURSION_LIMIT] = {"recursion_limit", PLUGIN_NUMBER, "1000", 1, 1000000},
    [EXPANSION_LIMIT] = {"expansion_limit", PLUGIN_NUMBER, "0", 0, 2147483647},
    [SIZE_LIMIT] = {"size_limit", PLUGIN_NUMBER, NULL, 0, 2147483647},
    [DEREFERENCE] = {"dereference", PLUGIN_NUMBER, "0", 0, 3},
    [CHASE_REFERRALS] = {"chase_referrals", PLUGIN_NUMBER, "0", 0, 1},
    [VERSION] = {"version", PLUGIN_NUMBER, "3", 2, 3},
    [DEBUGLEVEL] = {"debuglevel", PLUGIN_NUMBER, "0", 0, 0x7fffffff},
    [SASL_MECHS] = {"sasl_mechs", PLUGIN_TEXT, "", 0, 0},
    [SASL_REALM] = {"sasl_realm", PLUGIN_TEXT, "", 0, 0},
    [SASL_AUTHZ_ID] = {"sasl_authz_id", PLUGIN_TEXT, "", 0, 0},
    [SASL_MINSSF] = {"sasl_minssf", PLUGIN_NUMBER, "0", 0, 4096},
    [START_TLS] = {"start_tls", PLUGIN_BOOL, "no", 0, 0},
    [TLS_CA_CERT_DIR] = {"tls_ca_cert_dir", PLUGIN_TEXT, "", 0, 0},
    [TLS_CA_CERT_FILE] = {"tls_ca_cert_file", PLUGIN_TEXT, "", 0, 0},
    [TLS_CERT] = {"tls_cert", PLUGIN_TEXT, "", 0, 0},
    [TLS_KEY] = {"tls_key", PLUGIN_TEXT, "", 0, 0},
    [TLS_REQUIRE_CERT] = {"tls_require_cert", PLUGIN_BOOL, "no", 0, 0},
    [TLS_RANDOM_FILE] = {"tls_random_file", PLUGIN_TEXT, "", 0, 0},
    [TLS_CIPHER_SUITE] = {"tls_cipher_suite", PLUGIN_TEXT, "", 0, 0},
    [CACHE] = {"cache", PLUGIN_TEXT, "", 0, 0},
    [CACHE_EXPIRY] = {"cache_expiry", PLUGIN_TEXT, "", 0, 0},
    [CACHE_SIZE] = {"cache_size", PLUGIN_TEXT, "", 0, 0},
    {NULL, PLUGIN_TEXT, NULL, 0, 0},
};

enum bind_method { BIND_NONE, BIND_SIMPLE, BIND_SASL, BIND_UNKNOWN };

static enum bind_method bind_method(const struct plugin_value *values)
{
    const char *text = values[BIND].text;

    if (strcasecmp(text, "no") == 0 || strcasecmp(text, "none") == 0)
        return BIND_NONE;
    if (strcasecmp(text, "yes") == 0 || strcasecmp(text, "simple") == 0)
        return BIND_SIMPLE;
    return strcasecmp(text, "sasl") == 0 ? BIND_SASL : BIND_UNKNOWN;
}

static int scope_of(const char *text)
{
    if (strcasecmp(text, "one") == 0)
        return LDAP_SCOPE_ONELEVEL;
    if (strcasecmp(text, "base") == 0)
        return LDAP_SCOPE_BASE;
    return strcasecmp(text, "sub") == 0 ? LDAP_SCOPE_SUBTREE : -1;
}

bool ldap_check_settings(const struct plugin_value *values, struct plugin_answer *answer,
                         struct plugin_report *report)
{
    static const int ignored[] = {CACHE, CACHE_EXPIRY, CACHE_SIZE};
    char text[200];

    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++) {
        if (values[ignored[i]].text[0]) {
            snprintf(text, sizeof(text), "ignoring %s", ldap_settings[ignored[i]].name);
            answer->warn(answer, text);
        }
    }
    if (scope_of(values[SCOPE].text) < 0) {
        snprintf(text, sizeof(text), "Unrecognized value %.100s specified for scope; using sub",
                 values[SCOPE].text);
        answer->warn(answer, text);
    }
    if (!strchr(values[QUERY_FILTER].text, '%')) {
        snprintf(text, sizeof(text), "Fixed query_filter %.100s is probably useless",
                 values[QUERY_FILTER].text);
        answer->warn(answer, text);
    }
    if (bind_method(values) == BIND_UNKNOWN) {
        snprintf(report->text, sizeof(report->text), "unsupported parameter value: bind = %s",
                 values[BIND].text);
        return false;
    }
    if (values[START_TLS].number && values[VERSION].number < 3) {
        snprintf(report->text, sizeof(report->text), "start_tls requires protocol version 3");
        return false;
    }
    return true;
}

/* "host host:port ldap://..." as URLs; freed by the caller. NULL: no memory. */
static char *make_urls(const struct plugin_value *values)
{
    const char *hosts = values[SERVER_HOST].text;
    size_t size = 1;
    char *urls = NULL;
    FILE *out = open_memstream(&urls, &size);

    if (!out)
        return NULL;
    while (*(hosts += strspn(hosts, " \t,")) != '\0') {
        int len = (int)strcspn(hosts, " \t,");
        const char *colon = memchr(hosts, ':', (size_t)len);

        if (strncmp(hosts, "ldap", 4) == 0 && colon && strncmp(colon, "://", 3) == 0)
            fprintf(out, " %.*s", len, hosts);
        else if (colon)
            fprintf(out, " ldap://%.*s", len, hosts);
        else
            fprintf(out, " ldap://%.*s:%ld", len, hosts, values[SERVER_PORT].number);
        hosts += len;
    }
    if (fclose(out) != 0) {
        free(urls);
        return NULL;
    }
    return urls;
}

static bool set(LDAP *server, int option, const void *value, const char *what,
                struct plugin_report *report)
{
    int result = ldap_set_option(server, option, value);

    if (result != LDAP_OPT_SUCCESS)
        snprintf(report->text, sizeof(report->text), "Unable to set %s: %d: %s", what, result,
                 ldap_err2string(result));
    return result == LDAP_OPT_SUCCESS;
}

static bool set_text(LDAP *server, int option, const struct plugin_value *value,
                     const char *what, struct plugin_report *report)
{
    return !value->text[0] || set(server, option, value->text, what, report);
}

static bool set_tls_options(LDAP *server, const struct plugin_value *values,
                            struct plugin_report *report)
{
    int require =
        values[TLS_REQUIRE_CERT].number ? LDAP_OPT_X_TLS_DEMAND : LDAP_OPT_X_TLS_NEVER;
    int is_server = 0;

    return set_text(server, LDAP_OPT_X_TLS_RANDOM_FILE, &values[TLS_RANDOM_FILE],
                    "tls_random_file", report) &&
           set_text(server, LDAP_OPT_X_TLS_CACERTFILE, &values[TLS_CA_CERT_FILE],
                    "tls_ca_cert_file", report) &&
           set_text(server, LDAP_OPT_X_TLS_CACERTDIR, &values[TLS_CA_CERT_DIR],
                    "tls_ca_cert_dir", report) &&
           set_text(server, LDAP_OPT_X_TLS_CERTFILE, &values[TLS_CERT], "tls_cert", report) &&
           set_text(server, LDAP_OPT_X_TLS_KEYFILE, &values[TLS_KEY], "tls_key", report) &&
           set_text(server, LDAP_OPT_X_TLS_CIPHER_SUITE, &values[TLS_CIPHER_SUITE],
                    "tls_cipher_suite", report) &&
           set(server, LDAP_OPT_X_TLS_REQUIRE_CERT, &require, "tls_require_cert", report) &&
           set(server, LDAP_OPT_X_TLS_NEWCTX, &is_server, "a new TLS context", report);
}

static bool set_options(LDAP *server, const struct plugin_value *values,
                        struct plugin_report *report)
{
    const struct timeval limit = {.tv_sec = values[TIMEOUT].number};
    int version = (int)values[VERSION].number, dereference = (int)values[DEREFERENCE].number;
    int size_limit = (int)values[SIZE_LIMIT].number, level = (int)values[DEBUGLEVEL].number;
    bool wants_tls =
        values[START_TLS].number || strstr(values[SERVER_HOST].text, "ldaps:") != NULL;

    return (level == 0 || set(NULL, LDAP_OPT_DEBUG_LEVEL, &level, "debuglevel", report)) &&
           set(server, LDAP_OPT_NETWORK_TIMEOUT, &limit, "network timeout", report) &&
           set(server, LDAP_OPT_TIMEOUT, &limit, "timeout", report) &&
           set(server, LDAP_OPT_PROTOCOL_VERSION, &version, "LDAP protocol version", report) &&
           set(server, LDAP_OPT_SIZELIMIT, &size_limit, "query result size limit", report) &&
           set(server, LDAP_OPT_DEREF, &dereference, "dereference option", report) &&
           set(server, LDAP_OPT_REFERRALS,
               values[CHASE_REFERRALS].number ? LDAP_OPT_ON : LDAP_OPT_OFF, "chase_referrals",
               report) &&
           (!wants_tls || set_tls_options(server, values, report));
}

/* What a SASL mechanism asks for; all answers are settings. */
static int answer_sasl(LDAP *server, unsigned flags, void *defaults, void *questions)
{
    const struct plugin_value *values = defaults;

    (void)server, (void)flags;
    for (sasl_interact_t *question = questions; question->id != SASL_CB_LIST_END; question++) {
        const char *text = "";

        if (question->id == SASL_CB_GETREALM)
            text = values[SASL_REALM].text;
        else if (question->id == SASL_CB_AUTHNAME)
            text = values[BIND_DN].text;
        else if (question->id == SASL_CB_PASS)
            text = values[BIND_PW].text;
        else if (question->id == SASL_CB_USER)
            text = values[SASL_AUTHZ_ID].text;
        question->result = text;
        question->len = (unsigned)strlen(text);
    }
    return LDAP_SUCCESS;
}

static int bind_sasl(LDAP *server, const struct plugin_value *values)
{
    char minssf[40];
    const char *mechanisms = values[SASL_MECHS].text[0] ? values[SASL_MECHS].text : NULL;

    if (values[SASL_MINSSF].number > 0) {
        snprintf(minssf, sizeof(minssf), "minssf=%ld", values[SASL_MINSSF].number);
        int result = ldap_set_option(server, LDAP_OPT_X_SASL_SECPROPS, minssf);

        if (result != LDAP_OPT_SUCCESS)
            return result;
    }

    union {
        const struct plugin_value *given;
        void *taken;
    } defaults = {.given = values};

    return ldap_sasl_interactive_bind_s(server, NULL, mechanisms, NULL, NULL, LDAP_SASL_QUIET,
                                        answer_sasl, defaults.taken);
}

static int bind_simple(LDAP *server, const struct plugin_value *values)
{
    char *password = strdup(values[BIND_PW].text);
    struct berval secret = {.bv_val = password, .bv_len = strlen(values[BIND_PW].text)};
    int result = LDAP_NO_MEMORY;

    if (password)
        result = ldap_sasl_bind_s(server, values[BIND_DN].text, LDAP_SASL_SIMPLE, &secret, NULL,
                                  NULL, NULL);
    free(password);
    return result;
}

static int bind_as_told(LDAP *server, const struct plugin_value *values)
{
    switch (bind_method(values)) {
    case BIND_SIMPLE:
        return bind_simple(server, values);
    case BIND_SASL:
        return bind_sasl(server, values);
    case BIND_NONE:
    case BIND_UNKNOWN:
        break;
    }
    return LDAP_SUCCESS;
}

/* Another server that a referral leads to. */
static int bind_again(LDAP *server, const char *url, ber_tag_t request, ber_int_t id,
                      void *values)
{
    (void)url, (void)request, (void)id;
    return bind_as_told(server, values);
}

static bool log_in(LDAP *server, const char *urls, const struct plugin_value *values,
                   struct plugin_report *report)
{
    union {
        const struct plugin_value *given;
        void *taken;
    } arg = {.given = values};

    int result = values[START_TLS].number ? ldap_start_tls_s(server, NULL, NULL) : LDAP_SUCCESS;

    if (result != LDAP_SUCCESS) {
        snprintf(report->text, sizeof(report->text),
                 "connect to%s: Unable to set STARTTLS: %d: %s", urls, result,
                 ldap_err2string(result));
        return false;
    }
    if (values[CHASE_REFERRALS].number && bind_method(values) != BIND_NONE)
        (void)ldap_set_rebind_proc(server, bind_again, arg.taken);
    result = bind_as_told(server, values);
    if (result == LDAP_SUCCESS)
        return true;
    snprintf(report->text, sizeof(report->text),
             "connect: Unable to bind to server%s with dn %s: %d (%s)", urls,
             values[BIND_DN].text[0] ? values[BIND_DN].text : "empty or implicit", result,
             ldap_err2string(result));
    return false;
}

struct plugin_connection *ldap_open_connection(const char *host,
                                               const struct plugin_value *values,
                                               struct plugin_report *report)
{
    struct plugin_connection *connection = calloc(1, sizeof(*connection));
    char *urls = make_urls(values);
    LDAP *server = NULL;
    int result = connection && urls ? ldap_initialize(&server, urls + strspn(urls, " "))
                                    : LDAP_NO_MEMORY;

    (void)host;
    if (result != LDAP_SUCCESS) {
        snprintf(report->text, sizeof(report->text), "Unable to init LDAP server%s: %d: %s",
                 urls ? urls : "", result, ldap_err2string(result));
    } else if (set_options(server, values, report) && log_in(server, urls, values, report)) {
        int scope = scope_of(values[SCOPE].text);

        *connection = (struct plugin_connection){
            .server = server,
            .values = values,
            .scope = scope < 0 ? LDAP_SCOPE_SUBTREE : scope,
        };
        free(urls);
        return connection;
    }
    if (server)
        (void)ldap_unbind_ext_s(server, NULL, NULL);
    free(urls);
    free(connection);
    return NULL;
}

void ldap_close_connection(struct plugin_connection *connection)
{
    (void)ldap_unbind_ext_s(connection->server, NULL, NULL);
    free(connection);
}

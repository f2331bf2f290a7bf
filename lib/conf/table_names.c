/*
 * Settings of tables in databases.
 */
#include "conf/table_names.h"

#include "base/mem.h"
#include "conf/words.h"

#define SETTINGS_MAX 40

struct table_type {
    const char *name;
    const char *settings[SETTINGS_MAX + 1];
};

/* Those of SQL, with the parts of a question that "query" has taken the place of. */
#define OF_ALL "domain", "expansion_limit", "result_format"
#define OF_SQL "query", "table", "select_field", "where_field", "additional_conditions", OF_ALL
#define OF_SERVERS \
    "hosts", "user", "password", "dbname", "idle_interval", "retry_interval", "timeout"

static const struct table_type types[] = {
    {"ldap",
     {OF_ALL,
      "server_host",
      "server_port",
      "timeout",
      "search_base",
      "query_filter",
      "result_filter",
      "result_attribute",
      "special_result_attribute",
      "terminal_result_attribute",
      "leaf_result_attribute",
      "scope",
      "bind",
      "bind_dn",
      "bind_pw",
      "recursion_limit",
      "size_limit",
      "dereference",
      "chase_referrals",
      "version",
      "debuglevel",
      "sasl_mechs",
      "sasl_realm",
      "sasl_authz_id",
      "sasl_minssf",
      "start_tls",
      "tls_ca_cert_dir",
      "tls_ca_cert_file",
      "tls_cert",
      "tls_key",
      "tls_require_cert",
      "tls_random_file",
      "tls_cipher_suite",
      "cache",
      "cache_expiry",
      "cache_size"}},
    {"mysql",
     {OF_SQL, OF_SERVERS, "option_file", "option_group", "tls_key_file", "tls_cert_file",
      "tls_CAfile", "tls_CApath", "tls_ciphers", "tls_verify_cert", "require_result_set",
      "charset"}},
    {"pgsql", {OF_SQL, OF_SERVERS, "encoding", "select_function"}},
    {"sqlite", {OF_SQL, "dbpath"}},
    {"redis", {OF_ALL, OF_SERVERS, "query"}},
    {"memcache",
     {"memcache", "backup", "flags", "ttl", "key_format", "key_digest", "domain",
      "data_size_limit", "line_size_limit", "max_try", "retry_pause", "timeout"}},
};

const char *table_type_name(const struct table_type *type)
{
    return type->name;
}

const char *table_type_setting(const struct table_type *type, size_t number)
{
    return type->settings[number];
}

bool table_type_has(const struct table_type *type, struct slice setting)
{
    for (size_t i = 0; type->settings[i]; i++) {
        if (slice_equals(setting, type->settings[i]))
            return true;
    }
    return false;
}

static const struct table_type *type_find(struct slice name)
{
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        if (slice_equals(name, types[i].name))
            return &types[i];
    }
    return NULL;
}

void tables_mentioned(struct slice value,
                      void (*visit)(void *context, const struct table_type *type,
                                    struct slice name),
                      void *context)
{
    struct slice name;

    while ((name = slice_word(&value, WORDS_COMMA_SPACE "{}")).ptr) {
        struct slice type = slice_split(&name, ':');
        const struct table_type *found;

        while (slice_equals(type, "proxy"))
            type = slice_split(&name, ':');
        found = type_find(type);
        if (found && name.len > 0)
            visit(context, found, name);
    }
}

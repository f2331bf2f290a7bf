/*
 * The side of database tables that is the same for all of them.
 */
#include "table/remote.h"

#include <limits.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "table/key_format.h"
#include "table/match_list.h"
#include "table/plugin_load.h"
#include "table/remote_hosts.h"
#include "table/remote_query.h"
#include "table/settings.h"

/* More would not fit into a reply of proxymap. */
#define VALUE_MAX_BYTES ((size_t)1 << 20)

struct remote {
    struct table table;
    const struct remote_type *type;
    const struct table_plugin *plugin;
    struct table_settings settings;
    struct plugin_value values[PLUGIN_SETTINGS_MAX]; /* of the plug-in's settings */
    char *templates[PLUGIN_TEMPLATES_MAX];
    const char *result_format;
    size_t expansion_limit;     /* 0: none */
    struct match_list *domains; /* NULL: all */
    struct remote_hosts hosts;
};

static struct remote *remote_of(struct table *table)
{
    return CONTAINER_OF(table, struct remote, table);
}

/* -- opening ---------------------------------------------------------------------------------
 */

/* Result formats had another name once (of ldap alone). */
static const char *result_format(const struct remote *remote)
{
    const char *format = table_settings_find(&remote->settings, "result_format");

    if (!format && slice_equals(slice_from(remote->type->type), "ldap"))
        format = table_settings_find(&remote->settings, "result_filter");
    return format ? format : "%s";
}

static int read_template(struct remote *remote, size_t i, struct error *error)
{
    const char *name = remote->plugin->templates[i];
    const char *text = table_settings_find(&remote->settings, name);
    CLEANUP(buf_release) struct buf query = BUF_INIT;

    for (size_t s = 0; !text && remote->plugin->settings[s].name; s++) {
        if (slice_equals(slice_from(name), remote->plugin->settings[s].name))
            text = remote->plugin->settings[s].default_text;
    }
    if (text)
        buf_set_text(&query, text);
    else if (remote_query_build(&remote->settings, &query, error) < 0)
        return -1;
    remote->templates[i] = buf_take(&query);
    return key_format_check(remote->templates[i], remote->settings.name, name, error);
}

static int read_own_settings(struct remote *remote, struct error *error)
{
    const struct plugin_setting *rows = remote->plugin->settings;

    for (size_t i = 0; rows[i].name; i++) {
        struct plugin_setting row = rows[i];

        if (!row.default_text)
            row.default_text = remote->values[i - 1].text;
        if (table_settings_value(&remote->settings, &row, &remote->values[i], error) < 0)
            return -1;
    }
    for (size_t i = 0; remote->plugin->templates[i]; i++) {
        if (read_template(remote, i, error) < 0)
            return -1;
    }
    return 0;
}

static int read_common_settings(struct remote *remote, struct error *error)
{
    static const struct plugin_setting limit = {"expansion_limit", PLUGIN_NUMBER, "0", 0,
                                                INT_MAX};
    const char *domains = table_settings_find(&remote->settings, "domain");
    struct plugin_value value;

    remote->result_format = result_format(remote);
    if (key_format_check(remote->result_format, remote->settings.name, "result", error) < 0 ||
        table_settings_value(&remote->settings, &limit, &value, error) < 0)
        return -1;
    remote->expansion_limit = (size_t)value.number;
    /* A table in this list that cannot be opened shows at each look-up. */
    if (domains && domains[0])
        remote->domains = match_list_open("domain", domains, MATCH_PARENTS_NEVER, NULL);
    return 0;
}

static int read_hosts(struct remote *remote, struct error *error)
{
    static const struct plugin_setting idle = {"idle_interval", PLUGIN_NUMBER, "60", 1, 86400};
    static const struct plugin_setting retry = {"retry_interval", PLUGIN_NUMBER, "60", 1,
                                                86400};
    const struct table_plugin *plugin = remote->plugin;
    const char *list = NULL;
    struct plugin_value idle_seconds, retry_seconds;

    if (plugin->hosts)
        list = table_settings_find(&remote->settings, plugin->hosts);
    if (!list || slice_trim(slice_from(list)).len == 0)
        list = plugin->default_host;
    if (table_settings_value(&remote->settings, &idle, &idle_seconds, error) < 0 ||
        table_settings_value(&remote->settings, &retry, &retry_seconds, error) < 0)
        return -1;
    remote_hosts_init(&remote->hosts, plugin, slice_from(list));
    remote->hosts.idle_ms = SECONDS(idle_seconds.number);
    /* What has but one source is asked each time, as Postfix does. */
    remote->hosts.retry_ms = plugin->hosts ? SECONDS(retry_seconds.number) : 0;
    return 0;
}

/* -- what was found --------------------------------------------------------------------------
 */

struct answer {
    struct plugin_answer plugin;
    const struct remote *remote;
    struct slice key;
    struct buf text;
    size_t n_values;
    bool is_too_much;
    bool is_unaskable; /* the key cannot be quoted: no server is to blame for that */
};

static bool add_value(struct plugin_answer *plugin, const char *text, size_t len)
{
    struct answer *answer = CONTAINER_OF(plugin, struct answer, plugin);
    const struct remote *remote = answer->remote;
    CLEANUP(buf_release) struct buf value = BUF_INIT;

    if (!key_format_result(remote->result_format, answer->key, slice_of(text, len), &value))
        return true;
    answer->n_values++;
    answer->is_too_much =
        (remote->expansion_limit > 0 && answer->n_values > remote->expansion_limit) ||
        answer->text.len + value.len > VALUE_MAX_BYTES;
    if (answer->is_too_much)
        return false;
    if (answer->text.len)
        buf_add_char(&answer->text, ',');
    buf_add_slice(&answer->text, buf_slice(&value));
    return true;
}

static void warn(struct plugin_answer *plugin, const char *text)
{
    const struct answer *answer = CONTAINER_OF(plugin, struct answer, plugin);

    log_warning("%s:%s: %s", answer->remote->type->type, answer->remote->settings.name, text);
}

static void answer_init(struct answer *answer, const struct remote *remote, struct slice key)
{
    *answer = (struct answer){
        .plugin = {.add = add_value, .warn = warn},
        .remote = remote,
        .key = key,
        .text = BUF_INIT,
    };
}

static void answer_release(struct answer *answer)
{
    buf_release(&answer->text);
}

static void answer_reset(struct answer *answer)
{
    buf_reset(&answer->text);
    answer->n_values = 0;
    answer->is_too_much = false;
}

static int check_settings(struct remote *remote, struct error *error)
{
    struct plugin_report report = {.text = ""};
    CLEANUP(answer_release) struct answer answer;

    answer_init(&answer, remote, SLICE_EMPTY);
    if (remote->plugin->check &&
        !remote->plugin->check(remote->values, &answer.plugin, &report))
        return error_set(error, ERROR_PERMANENT, "%s: %s", remote->settings.name, report.text);
    return 0;
}

void remote_close(struct table *table)
{
    struct remote *remote = remote_of(table);

    remote_hosts_release(&remote->hosts);
    match_list_free(remote->domains);
    for (size_t i = 0; i < PLUGIN_TEMPLATES_MAX; i++)
        mem_free(remote->templates[i]);
    table_settings_release(&remote->settings);
    mem_free(remote);
}

struct table *remote_open(const struct remote_type *type, const char *name, struct error *error)
{
    const struct table_plugin *plugin =
        plugin_load(type->type, type->package, TABLE_PLUGIN_SYMBOL, error);
    struct remote *remote;

    if (!plugin)
        return NULL;
    if (plugin->abi != TABLE_PLUGIN_ABI) {
        error_set(error, ERROR_PERMANENT,
                  "unsupported dictionary type: %s (its plug-in is of another version)",
                  type->type);
        return NULL;
    }
    remote = mem_new(struct remote);
    remote->type = type;
    remote->plugin = plugin;
    if (table_settings_open(&remote->settings, name, error) < 0) {
        mem_free(remote);
        return NULL;
    }
    if (read_own_settings(remote, error) < 0 || read_common_settings(remote, error) < 0 ||
        read_hosts(remote, error) < 0 || check_settings(remote, error) < 0) {
        remote_close(&remote->table);
        return NULL;
    }
    return &remote->table;
}

bool remote_has_changed(struct table *table)
{
    return file_watch_changed(&remote_of(table)->settings.watch);
}

/* -- asking ----------------------------------------------------------------------------------
 */

/* Libraries report in several lines, with a line end behind. */
static void tidy(struct plugin_report *report)
{
    size_t len = 0;

    for (const char *c = report->text; *c; c++) {
        char tidied = ascii_is_space(*c) ? ' ' : *c;

        if (tidied != ' ' || (len && report->text[len - 1] != ' '))
            report->text[len++] = tidied;
    }
    while (len && report->text[len - 1] == ' ')
        len--;
    report->text[len] = '\0';
}

static bool is_filtered(struct remote *remote, struct slice key, enum table_result *result,
                        struct error *error)
{
    size_t at = slice_find_last(key, '@');
    struct slice domain = slice_from_offset(key, at + 1);

    if (!remote->domains)
        return false;
    *result = TABLE_NOT_FOUND;
    if (at > 0 && domain.len > 0)
        *result = match_list_name(remote->domains, domain, error);
    if (*result == TABLE_ERROR)
        error_set(error, ERROR_TEMPORARY, "%s:%s 'domain' pattern match failed for '%.*s'",
                  remote->type->type, remote->settings.name, SLICE_ARG(domain));
    return *result != TABLE_FOUND;
}

/* The key has all that the question and the answer need. */
static bool is_askable(const struct remote *remote, struct slice key)
{
    CLEANUP(buf_release) struct buf nowhere = BUF_INIT;

    if (memchr(key.ptr, '\0', key.len) || !key_format_fits(remote->result_format, key))
        return false;
    for (size_t i = 0; i < PLUGIN_TEMPLATES_MAX && remote->templates[i]; i++) {
        if (!key_format_query(remote->templates[i], key, NULL, &nowhere))
            return false;
    }
    return true;
}

struct quote {
    struct key_format_quote format;
    const struct table_plugin *plugin;
    struct plugin_connection *connection;
    int template;
};

static bool add_quoted(struct key_format_quote *format, struct buf *out, struct slice text)
{
    struct quote *quote = CONTAINER_OF(format, struct quote, format);
    char *place = buf_reserve(out, text.len * PLUGIN_QUOTE_GROWTH + 1);
    long len =
        quote->plugin->quote(quote->connection, quote->template, text.ptr, text.len, place);

    if (len < 0)
        return false;
    out->len += (size_t)len;
    out->data[out->len] = '\0';
    return true;
}

static enum plugin_result query(const struct remote *remote,
                                struct plugin_connection *connection, struct answer *answer,
                                struct plugin_report *report)
{
    struct buf questions[PLUGIN_TEMPLATES_MAX];
    const char *texts[PLUGIN_TEMPLATES_MAX] = {NULL};
    enum plugin_result result = PLUGIN_OK;
    size_t n = 0;

    for (; result == PLUGIN_OK && n < PLUGIN_TEMPLATES_MAX && remote->templates[n]; n++) {
        struct quote quote = {{add_quoted}, remote->plugin, connection, (int)n};

        buf_init(&questions[n]);
        if (!key_format_query(remote->templates[n], answer->key, &quote.format,
                              &questions[n])) {
            snprintf(report->text, sizeof(report->text), "cannot escape input string");
            answer->is_unaskable = true;
            result = PLUGIN_FAILED;
        }
        texts[n] = questions[n].data;
    }
    if (result == PLUGIN_OK) {
        answer_reset(answer);
        result = remote->plugin->query(connection, texts, &answer->plugin, report);
    }
    while (n > 0)
        buf_release(&questions[--n]);
    return result;
}

static bool connect_host(const struct remote *remote, struct remote_host *host,
                         struct plugin_report *report)
{
    host->connection = remote->plugin->connect(host->name, remote->values, report);
    if (host->connection)
        return true;
    tidy(report);
    if (remote->plugin->hosts) {
        struct plugin_report reason = *report;

        snprintf(report->text, sizeof(report->text), "connect to %s server %.100s: %.250s",
                 remote->type->type, host->name, reason.text);
        log_warning("%s", report->text);
    } else {
        log_warning("%s:%s: %s", remote->type->type, remote->settings.name, report->text);
    }
    return false;
}

/*
 * A connection that was kept may have died meanwhile: that is no fault of the server.
 * PLUGIN_LOST: nor would it answer anything else.
 */
static enum plugin_result ask_host(struct remote *remote, struct remote_host *host,
                                   struct answer *answer, struct plugin_report *report)
{
    bool was_kept = host->connection != NULL;
    enum plugin_result result;

    if (!host->connection && !connect_host(remote, host, report))
        return PLUGIN_LOST;
    result = query(remote, host->connection, answer, report);
    if (result == PLUGIN_LOST && was_kept) {
        remote_host_disconnect(&remote->hosts, host);
        if (!connect_host(remote, host, report))
            return PLUGIN_LOST;
        result = query(remote, host->connection, answer, report);
    }
    if (result != PLUGIN_LOST)
        host->used_at = time_now_ms();
    if (result == PLUGIN_OK)
        return result;
    tidy(report);
    log_warning("%s:%s: query failed: %s%s%s", remote->type->type, remote->settings.name,
                report->text, remote->plugin->hosts ? ", host " : "",
                remote->plugin->hosts ? host->name : "");
    return result;
}

static int ask(struct remote *remote, struct answer *answer, struct error *error)
{
    struct plugin_report report = {.text = ""};
    struct remote_host *host;

    remote_hosts_rewind(&remote->hosts);
    while ((host = remote_hosts_next(&remote->hosts)) != NULL) {
        enum plugin_result result = ask_host(remote, host, answer, &report);

        if (result == PLUGIN_OK)
            return 0;
        if (answer->is_unaskable)
            break;
        if (result == PLUGIN_LOST)
            remote_host_failed(&remote->hosts, host);
    }
    if (report.text[0])
        return error_set(error, ERROR_TEMPORARY, "%s:%s: %s", remote->type->type,
                         remote->settings.name, report.text);
    return error_set(error, ERROR_TEMPORARY,
                     "%s:%s: all of its servers failed lately: the next attempt is in %lld s",
                     remote->type->type, remote->settings.name,
                     (long long)remote_hosts_penalty_seconds(&remote->hosts));
}

enum table_result remote_lookup(struct table *table, struct slice key, struct buf *value,
                                struct error *error)
{
    struct remote *remote = remote_of(table);
    CLEANUP(answer_release) struct answer answer;
    enum table_result filtered;

    answer_init(&answer, remote, key);
    if (is_filtered(remote, key, &filtered, error))
        return filtered;
    if (!is_askable(remote, key))
        return TABLE_NOT_FOUND;
    if (ask(remote, &answer, error) < 0)
        return TABLE_ERROR;
    if (answer.is_too_much) {
        error_set(error, ERROR_TEMPORARY,
                  "dict_%s_lookup: %s: Expansion limit exceeded for key '%.*s'",
                  remote->type->type, remote->settings.name, SLICE_ARG(key));
        return TABLE_ERROR;
    }
    if (answer.n_values == 0)
        return TABLE_NOT_FOUND;
    buf_set(value, buf_slice(&answer.text));
    return TABLE_FOUND;
}

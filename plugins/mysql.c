/*
 * mysql: a MySQL or MariaDB server.
 */
/* needs: libmariadb */
#include <errmsg.h>
#include <mysql.h>
#include <stdlib.h>
#include <string.h>

#include "base/poison.h"
#include "table/plugin.h"

enum {
    USER,
    PASSWORD,
    DBNAME,
    OPTION_FILE,
    OPTION_GROUP,
    TLS_KEY_FILE,
    TLS_CERT_FILE,
    TLS_CAFILE,
    TLS_CAPATH,
    TLS_CIPHERS,
    TLS_VERIFY_CERT,
    REQUIRE_RESULT_SET,
    CHARSET,
    TIMEOUT,
};

static const struct plugin_setting settings[] = {
    [USER] = {"user", PLUGIN_TEXT, "", 0, 0},
    [PASSWORD] = {"password", PLUGIN_TEXT, "", 0, 0},
    [DBNAME] = {"dbname", PLUGIN_TEXT, "", 1, 0},
    [OPTION_FILE] = {"option_file", PLUGIN_TEXT, "", 0, 0},
    [OPTION_GROUP] = {"option_group", PLUGIN_TEXT, "client", 0, 0},
    [TLS_KEY_FILE] = {"tls_key_file", PLUGIN_TEXT, "", 0, 0},
    [TLS_CERT_FILE] = {"tls_cert_file", PLUGIN_TEXT, "", 0, 0},
    [TLS_CAFILE] = {"tls_CAfile", PLUGIN_TEXT, "", 0, 0},
    [TLS_CAPATH] = {"tls_CApath", PLUGIN_TEXT, "", 0, 0},
    [TLS_CIPHERS] = {"tls_ciphers", PLUGIN_TEXT, "", 0, 0},
    [TLS_VERIFY_CERT] = {"tls_verify_cert", PLUGIN_BOOL, "no", 0, 0},
    [REQUIRE_RESULT_SET] = {"require_result_set", PLUGIN_BOOL, "yes", 0, 0},
    [CHARSET] = {"charset", PLUGIN_TEXT, "utf8mb4", 1, 0},
    [TIMEOUT] = {"timeout", PLUGIN_NUMBER, "30", 1, 3600}, /* seconds; of ours */
    {NULL, PLUGIN_TEXT, NULL, 0, 0},
};

struct plugin_connection {
    MYSQL server;
    const struct plugin_value *values;
};

static void complain(struct plugin_report *report, const char *text)
{
    snprintf(report->text, sizeof(report->text), "%s", text);
}

static void mysql_close_connection(struct plugin_connection *connection)
{
    mysql_close(&connection->server);
    free(connection);
}

static const char *or_null(const struct plugin_value *value)
{
    return value->text[0] ? value->text : NULL;
}

static bool set_options(MYSQL *server, const struct plugin_value *values)
{
    unsigned seconds = (unsigned)values[TIMEOUT].number;
    my_bool verify = values[TLS_VERIFY_CERT].number != 0;
    const char *group = or_null(&values[OPTION_GROUP]), *file = or_null(&values[OPTION_FILE]);
    bool has_tls = or_null(&values[TLS_KEY_FILE]) || or_null(&values[TLS_CERT_FILE]) ||
                   or_null(&values[TLS_CAFILE]) || or_null(&values[TLS_CAPATH]) ||
                   or_null(&values[TLS_CIPHERS]);

    if ((file && mysql_options(server, MYSQL_READ_DEFAULT_FILE, file) != 0) ||
        (group && mysql_options(server, MYSQL_READ_DEFAULT_GROUP, group) != 0) ||
        mysql_options(server, MYSQL_OPT_CONNECT_TIMEOUT, &seconds) != 0 ||
        mysql_options(server, MYSQL_OPT_READ_TIMEOUT, &seconds) != 0 ||
        mysql_options(server, MYSQL_OPT_WRITE_TIMEOUT, &seconds) != 0 ||
        mysql_options(server, MYSQL_SET_CHARSET_NAME, values[CHARSET].text) != 0)
        return false;
    if (has_tls &&
        mysql_ssl_set(server, or_null(&values[TLS_KEY_FILE]), or_null(&values[TLS_CERT_FILE]),
                      or_null(&values[TLS_CAFILE]), or_null(&values[TLS_CAPATH]),
                      or_null(&values[TLS_CIPHERS])) != 0)
        return false;
    return !verify || mysql_options(server, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify) == 0;
}

/* "unix:/path", "inet:host:port", "host", "[2001:db8::1]:port". */
static bool connect_to(MYSQL *server, const char *host, const struct plugin_value *values)
{
    bool is_unix = strncmp(host, "unix:", 5) == 0;
    char *copy = strdup(is_unix || strncmp(host, "inet:", 5) == 0 ? host + 5 : host);
    char *name = copy, *end = copy ? strrchr(copy, ']') : NULL;
    char *colon = copy && !is_unix ? strrchr(copy, ':') : NULL;
    unsigned long port = 0;
    const MYSQL *connected;

    if (!copy)
        return false;
    if (end && colon && colon < end)
        colon = NULL;
    if (colon) {
        *colon = '\0';
        port = strtoul(colon + 1, NULL, 10);
    }
    if (end && *name == '[') {
        name++;
        *end = '\0';
    }
    connected = mysql_real_connect(server, is_unix ? NULL : name, or_null(&values[USER]),
                                   or_null(&values[PASSWORD]), values[DBNAME].text,
                                   (unsigned)port, is_unix ? name : NULL, CLIENT_MULTI_RESULTS);
    free(copy);
    return connected != NULL;
}

static struct plugin_connection *mysql_connect_host(const char *host,
                                                    const struct plugin_value *values,
                                                    struct plugin_report *report)
{
    struct plugin_connection *connection = calloc(1, sizeof(*connection));

    if (!connection || !mysql_init(&connection->server)) {
        complain(report, "out of memory");
        free(connection);
        return NULL;
    }
    connection->values = values;
    if (!set_options(&connection->server, values) ||
        !connect_to(&connection->server, host, values)) {
        const char *text = mysql_error(&connection->server);

        complain(report, text[0] ? text : "bad options");
        mysql_close_connection(connection);
        return NULL;
    }
    return connection;
}

static long mysql_quote(struct plugin_connection *connection, int template, const char *text,
                        size_t len, char *out)
{
    (void)template;
    unsigned long n = mysql_real_escape_string(&connection->server, out, text, len);

    return n == (unsigned long)-1 ? -1 : (long)n;
}

static enum plugin_result failed(struct plugin_connection *connection,
                                 struct plugin_report *report)
{
    unsigned error = mysql_errno(&connection->server);

    complain(report, mysql_error(&connection->server));
    return error >= CR_MIN_ERROR && error <= CR_MAX_ERROR ? PLUGIN_LOST : PLUGIN_FAILED;
}

/* False: there are too many. A field that is NULL is no value. */
static bool add_rows(MYSQL_RES *result, struct plugin_answer *answer)
{
    unsigned n_fields = mysql_num_fields(result);
    MYSQL_ROW row;

    while ((row = mysql_fetch_row(result)) != NULL) {
        const unsigned long *lengths = mysql_fetch_lengths(result);

        for (unsigned i = 0; i < n_fields; i++) {
            if (row[i] && !answer->add(answer, row[i], lengths[i]))
                return false;
        }
    }
    return true;
}

/*
 * A statement gives one result, with rows or without; a procedure gives one for each of its
 * statements that returns rows, and one without for itself.
 */
static enum plugin_result take_results(struct plugin_connection *connection,
                                       struct plugin_answer *answer,
                                       struct plugin_report *report)
{
    unsigned n_sets = 0;
    int more;

    do {
        MYSQL_RES *result = mysql_store_result(&connection->server);

        if (result) {
            if (n_sets++ == 0)
                (void)add_rows(result, answer);
            mysql_free_result(result);
        } else if (mysql_field_count(&connection->server) > 0) {
            return failed(connection, report);
        }
        more = mysql_next_result(&connection->server);
    } while (more == 0);
    if (more > 0)
        return failed(connection, report);
    if (n_sets > 1) {
        complain(report, "multiple result sets returning data are not supported");
        return PLUGIN_FAILED;
    }
    if (n_sets == 0 && connection->values[REQUIRE_RESULT_SET].number) {
        complain(report, "query returned no result set (require_result_set = yes)");
        return PLUGIN_FAILED;
    }
    return PLUGIN_OK;
}

static enum plugin_result mysql_ask(struct plugin_connection *connection,
                                    const char *const *templates, struct plugin_answer *answer,
                                    struct plugin_report *report)
{
    if (mysql_real_query(&connection->server, templates[0], strlen(templates[0])) != 0)
        return failed(connection, report);
    return take_results(connection, answer, report);
}

const struct table_plugin table_plugin = {
    .abi = TABLE_PLUGIN_ABI,
    .settings = settings,
    .templates = {"query"},
    .hosts = "hosts",
    .default_host = "localhost",
    .connect = mysql_connect_host,
    .quote = mysql_quote,
    .query = mysql_ask,
    .close = mysql_close_connection,
};

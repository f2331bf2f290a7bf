/*
 * pgsql: a PostgreSQL server.
 */
/* needs: libpq */
#include <libpq-fe.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/poison.h"
#include "table/plugin.h"

enum { DBNAME, USER, PASSWORD, ENCODING, TIMEOUT, SELECT_FUNCTION };

static const struct plugin_setting settings[] = {
    [DBNAME] = {"dbname", PLUGIN_TEXT, "", 1, 0},
    [USER] = {"user", PLUGIN_TEXT, "", 0, 0},
    [PASSWORD] = {"password", PLUGIN_TEXT, "", 0, 0},
    [ENCODING] = {"encoding", PLUGIN_TEXT, "UTF8", 1, 0},
    [TIMEOUT] = {"timeout", PLUGIN_NUMBER, "30", 1, 3600}, /* seconds; of ours */
    [SELECT_FUNCTION] = {"select_function", PLUGIN_TEXT, "", 0, 0},
    {NULL, PLUGIN_TEXT, NULL, 0, 0},
};

struct plugin_connection {
    PGconn *server;
    const struct plugin_value *values;
};

static void complain(struct plugin_report *report, const char *text)
{
    snprintf(report->text, sizeof(report->text), "%s",
             text && *text ? text : "no reason given");
}

static void pgsql_close(struct plugin_connection *connection)
{
    PQfinish(connection->server);
    free(connection);
}

static long long now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static long long deadline(const struct plugin_value *values)
{
    return now_ms() + values[TIMEOUT].number * 1000;
}

/* False: the time is up. */
static bool wait_for(PGconn *server, short events, long long until)
{
    struct pollfd socket = {.fd = PQsocket(server), .events = events};
    long long left;

    while ((left = until - now_ms()) > 0) {
        int n = poll(&socket, 1, (int)left);

        if (n > 0)
            return true;
    }
    return false;
}

static bool finish_connecting(PGconn *server, long long until, struct plugin_report *report)
{
    PostgresPollingStatusType next = PGRES_POLLING_WRITING;

    if (PQstatus(server) == CONNECTION_BAD) {
        complain(report, PQerrorMessage(server));
        return false;
    }
    while (next != PGRES_POLLING_OK) {
        if (!wait_for(server, next == PGRES_POLLING_READING ? POLLIN : POLLOUT, until)) {
            complain(report, "timed out");
            return false;
        }
        next = PQconnectPoll(server);
        if (next == PGRES_POLLING_FAILED) {
            complain(report, PQerrorMessage(server));
            return false;
        }
    }
    return true;
}

struct target {
    const char *names[8], *values[8];
    size_t n;
    char *copy; /* of the host, cut into its parts */
};

static void target_add(struct target *target, const char *name, const char *value)
{
    if (!value || !*value)
        return;
    target->names[target->n] = name;
    target->values[target->n++] = value;
}

/* "host:port", "[2001:db8::1]:port", each also without the port. */
static void target_add_host(struct target *target, char *host)
{
    char *colon = strrchr(host, ':');
    char *bracket = strrchr(host, ']');

    if (bracket && colon && colon < bracket)
        colon = NULL;
    if (colon) {
        *colon = '\0';
        target_add(target, "port", colon + 1);
    }
    if (*host == '[' && bracket) {
        host++;
        *bracket = '\0';
    }
    target_add(target, "host", host);
}

/* A URI says what else there is to say; of the settings dbname comes behind and wins over it.
 */
static bool target_init(struct target *target, const char *host,
                        const struct plugin_value *values)
{
    bool is_uri =
        strncmp(host, "postgresql://", 13) == 0 || strncmp(host, "postgres://", 11) == 0;

    *target = (struct target){.copy = strdup(host)};
    if (!target->copy)
        return false;
    if (is_uri) {
        target_add(target, "dbname", host);
        return true;
    }
    target_add(target, "dbname", values[DBNAME].text);
    target_add(target, "user", values[USER].text);
    target_add(target, "password", values[PASSWORD].text);
    if (strncmp(host, "unix:", 5) == 0)
        target_add(target, "host", host + 5);
    else
        target_add_host(target,
                        strncmp(host, "inet:", 5) == 0 ? target->copy + 5 : target->copy);
    return true;
}

static PGconn *start(const char *host, const struct plugin_value *values)
{
    struct target target;
    PGconn *server;

    if (!target_init(&target, host, values))
        return NULL;
    server = PQconnectStartParams(target.names, target.values, 1);
    free(target.copy);
    return server;
}

static struct plugin_connection *
pgsql_connect(const char *host, const struct plugin_value *values, struct plugin_report *report)
{
    PGconn *server = start(host, values);
    struct plugin_connection *connection;

    if (!server || !finish_connecting(server, deadline(values), report)) {
        if (!server)
            complain(report, "out of memory");
        PQfinish(server);
        return NULL;
    }
    connection = calloc(1, sizeof(*connection));
    if (!connection || PQsetClientEncoding(server, values[ENCODING].text) != 0) {
        snprintf(report->text, sizeof(report->text), "cannot set the encoding to %s",
                 values[ENCODING].text);
        free(connection);
        PQfinish(server);
        return NULL;
    }
    connection->server = server;
    connection->values = values;
    return connection;
}

static long pgsql_quote(struct plugin_connection *connection, int template, const char *text,
                        size_t len, char *out)
{
    int error = 0;
    size_t n = PQescapeStringConn(connection->server, out, text, len, &error);

    (void)template;
    return error ? -1 : (long)n;
}

/* The rows of a result; the fields that are NULL are no values. */
static void add_rows(const PGresult *result, struct plugin_answer *answer)
{
    int n_rows = PQntuples(result), n_fields = PQnfields(result);

    for (int row = 0; row < n_rows; row++) {
        for (int field = 0; field < n_fields; field++) {
            if (!PQgetisnull(result, row, field) &&
                !answer->add(answer, PQgetvalue(result, row, field),
                             (size_t)PQgetlength(result, row, field)))
                return;
        }
    }
}

static enum plugin_result take(const struct plugin_connection *connection, PGresult *result,
                               struct plugin_answer *answer, struct plugin_report *report)
{
    switch ((int)PQresultStatus(result)) {
    case PGRES_TUPLES_OK:
    case PGRES_SINGLE_TUPLE:
        add_rows(result, answer);
        return PLUGIN_OK;
    case PGRES_COMMAND_OK:
    case PGRES_EMPTY_QUERY:
        return PLUGIN_OK;
    case PGRES_COPY_IN:
    case PGRES_COPY_OUT:
    case PGRES_COPY_BOTH:
        complain(report, "the query is none that returns rows");
        return PLUGIN_LOST; /* in the midst of a copy */
    default:
        complain(report, PQresultErrorMessage(result));
        return PQstatus(connection->server) == CONNECTION_OK ? PLUGIN_FAILED : PLUGIN_LOST;
    }
}

/* The next result when it is complete; NULL with *outcome when there is none. */
static PGresult *next_result(struct plugin_connection *connection, long long until,
                             enum plugin_result *outcome, struct plugin_report *report)
{
    while (PQisBusy(connection->server)) {
        if (!wait_for(connection->server, POLLIN, until)) {
            complain(report, "timed out");
            *outcome = PLUGIN_LOST;
            return NULL;
        }
        if (!PQconsumeInput(connection->server)) {
            complain(report, PQerrorMessage(connection->server));
            *outcome = PLUGIN_LOST;
            return NULL;
        }
    }
    return PQgetResult(connection->server);
}

static enum plugin_result pgsql_query(struct plugin_connection *connection,
                                      const char *const *templates,
                                      struct plugin_answer *answer,
                                      struct plugin_report *report)
{
    long long until = deadline(connection->values);
    enum plugin_result outcome = PLUGIN_OK;
    PGresult *result;

    if (!PQsendQuery(connection->server, templates[0])) {
        complain(report, PQerrorMessage(connection->server));
        return PLUGIN_LOST;
    }
    while ((result = next_result(connection, until, &outcome, report)) != NULL) {
        if (outcome == PLUGIN_OK)
            outcome = take(connection, result, answer, report);
        PQclear(result);
        if (outcome == PLUGIN_LOST)
            break;
    }
    return outcome;
}

const struct table_plugin table_plugin = {
    .abi = TABLE_PLUGIN_ABI,
    .settings = settings,
    .templates = {"query"},
    .hosts = "hosts",
    .default_host = "localhost",
    .connect = pgsql_connect,
    .quote = pgsql_quote,
    .query = pgsql_query,
    .close = pgsql_close,
};

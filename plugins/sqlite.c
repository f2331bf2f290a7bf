/*
 * sqlite: a database file.
 */
/* needs: sqlite3 */
#include <sqlite3.h>
#include <stdlib.h>
#include <time.h>

#include "base/poison.h"
#include "table/plugin.h"

/* How long another process may hold the lock, and how long a query may take. */
#define LOCK_MS       5000
#define QUERY_SECONDS 60
/* The deadline is looked at once in so many steps of SQLite's machine. */
#define STEPS 10000

enum { DBPATH };

static const struct plugin_setting settings[] = {
    [DBPATH] = {"dbpath", PLUGIN_TEXT, "", 1, 0},
    {NULL, PLUGIN_TEXT, NULL, 0, 0},
};

struct plugin_connection {
    sqlite3 *database;
    time_t until;
};

static int is_over(void *arg)
{
    const struct plugin_connection *connection = arg;

    return time(NULL) > connection->until;
}

static void sqlite_close(struct plugin_connection *connection)
{
    (void)sqlite3_close_v2(connection->database);
    free(connection);
}

static struct plugin_connection *sqlite_connect(const char *host,
                                                const struct plugin_value *values,
                                                struct plugin_report *report)
{
    struct plugin_connection *connection = calloc(1, sizeof(*connection));

    (void)host;
    if (!connection) {
        snprintf(report->text, sizeof(report->text), "out of memory");
        return NULL;
    }
    if (sqlite3_open_v2(values[DBPATH].text, &connection->database, SQLITE_OPEN_READONLY,
                        NULL) != SQLITE_OK) {
        snprintf(report->text, sizeof(report->text), "Can't open database: %s: %s",
                 values[DBPATH].text, sqlite3_errmsg(connection->database));
        sqlite_close(connection);
        return NULL;
    }
    (void)sqlite3_busy_timeout(connection->database, LOCK_MS);
    sqlite3_progress_handler(connection->database, STEPS, is_over, connection);
    return connection;
}

/* Text between single quotes: those in it are doubled. */
static long sqlite_quote(struct plugin_connection *connection, int template, const char *text,
                         size_t len, char *out)
{
    long n = 0;

    (void)connection, (void)template;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\'')
            out[n++] = '\'';
        out[n++] = text[i];
    }
    return n;
}

static enum plugin_result failed(const struct plugin_connection *connection, const char *step,
                                 const char *query, struct plugin_report *report)
{
    snprintf(report->text, sizeof(report->text), "SQL %s failed: %s (%s)", step,
             sqlite3_errmsg(connection->database), query);
    return PLUGIN_LOST; /* the file may have been replaced: it is opened anew */
}

static bool add_row(sqlite3_stmt *statement, struct plugin_answer *answer)
{
    int n = sqlite3_column_count(statement);

    for (int i = 0; i < n; i++) {
        const unsigned char *text = sqlite3_column_text(statement, i);

        /* NULL is no value. */
        if (text && !answer->add(answer, (const char *)text,
                                 (size_t)sqlite3_column_bytes(statement, i)))
            return false;
    }
    return true;
}

static enum plugin_result sqlite_query(struct plugin_connection *connection,
                                       const char *const *templates,
                                       struct plugin_answer *answer,
                                       struct plugin_report *report)
{
    sqlite3_stmt *statement;
    const char *rest;
    int result;

    connection->until = time(NULL) + QUERY_SECONDS;
    if (sqlite3_prepare_v2(connection->database, templates[0], -1, &statement, &rest) !=
        SQLITE_OK)
        return failed(connection, "prepare", templates[0], report);
    if (*rest)
        answer->warn(answer, "Ignoring text at end of query");
    while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
        if (!add_row(statement, answer))
            break;
    }
    enum plugin_result outcome = PLUGIN_OK;

    if (result != SQLITE_DONE && result != SQLITE_ROW)
        outcome = failed(connection, "step", templates[0], report);
    (void)sqlite3_finalize(statement);
    return outcome;
}

const struct table_plugin table_plugin = {
    .abi = TABLE_PLUGIN_ABI,
    .settings = settings,
    .templates = {"query"},
    .default_host = "sqlite",
    .connect = sqlite_connect,
    .quote = sqlite_quote,
    .query = sqlite_query,
    .close = sqlite_close,
};

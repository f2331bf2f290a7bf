/*
 * redis: a Redis server. The query is a command of Redis, GET key or HGET hash field, in which
 * a backslash takes the next byte as it is.
 */
/* needs: hiredis */
#include <errno.h>
#include <hiredis.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/time.h>

#include "base/poison.h"
#include "table/plugin.h"

enum { USER, PASSWORD, DBNAME, TIMEOUT, QUERY };

static const struct plugin_setting settings[] = {
    [USER] = {"user", PLUGIN_TEXT, "", 0, 0},
    [PASSWORD] = {"password", PLUGIN_TEXT, "", 0, 0},
    [DBNAME] = {"dbname", PLUGIN_NUMBER, "0", 0, 1000000},
    [TIMEOUT] = {"timeout", PLUGIN_NUMBER, "5", 1, 3600}, /* seconds */
    [QUERY] = {"query", PLUGIN_TEXT, "GET %s", 1, 0},
    {NULL, PLUGIN_TEXT, NULL, 0, 0},
};

#define WORDS_MAX    3
#define DEFAULT_PORT 6379

struct plugin_connection {
    redisContext *server;
};

struct words {
    char *text; /* all of them, one behind the other */
    const char *words[WORDS_MAX];
    size_t lengths[WORDS_MAX];
    int n;
};

/* False: too many words, or no memory. */
static bool words_init(struct words *words, const char *query)
{
    char *out;

    *words = (struct words){.text = malloc(strlen(query) + 1)};
    out = words->text;
    if (!out)
        return false;
    for (;;) {
        char *start = out;

        query += strspn(query, " \t");
        if (!*query)
            return true;
        for (; *query && *query != ' ' && *query != '\t'; query++) {
            if (*query == '\\' && query[1])
                query++;
            *out++ = *query;
        }
        if (words->n == WORDS_MAX)
            return false;
        words->words[words->n] = start;
        words->lengths[words->n++] = (size_t)(out - start);
    }
}

static bool is_command(const struct words *words, const char *name, int n)
{
    return words->n == n && words->lengths[0] == strlen(name) &&
           strncasecmp(words->words[0], name, words->lengths[0]) == 0;
}

/* Only what reads, and one value of one key. */
static bool is_allowed(const struct words *words)
{
    return is_command(words, "GET", 2) || is_command(words, "HGET", 3);
}

static bool redis_check(const struct plugin_value *values, struct plugin_answer *answer,
                        struct plugin_report *report)
{
    struct words words;
    bool is_good = words_init(&words, values[QUERY].text) && is_allowed(&words);

    (void)answer;
    free(words.text);
    if (!is_good)
        snprintf(report->text, sizeof(report->text),
                 "need \"GET key\" or \"HGET hash field\" instead of: query = %s",
                 values[QUERY].text);
    return is_good;
}

static void redis_close(struct plugin_connection *connection)
{
    redisFree(connection->server);
    free(connection);
}

static void complain(struct plugin_report *report, const redisContext *server)
{
    bool is_late = server->err == REDIS_ERR_IO && errno == EAGAIN;

    snprintf(report->text, sizeof(report->text), "%s", is_late ? "timed out" : server->errstr);
}

/* "unix:/path", "inet:host:port", "host", "[2001:db8::1]:port". */
static redisContext *open_connection(const char *host, struct timeval limit)
{
    const char *address = strncmp(host, "inet:", 5) == 0 ? host + 5 : host;
    char *name = strdup(address), *start = name;
    char *colon = name ? strrchr(name, ':') : NULL, *end = name ? strrchr(name, ']') : NULL;
    unsigned long port = DEFAULT_PORT;
    redisContext *server;

    if (strncmp(host, "unix:", 5) == 0) {
        free(name);
        return redisConnectUnixWithTimeout(host + 5, limit);
    }
    if (!name)
        return NULL;
    if (colon && !(end && colon < end)) {
        *colon = '\0';
        port = strtoul(colon + 1, NULL, 10);
    }
    if (end && *start == '[') {
        start++;
        *end = '\0';
    }
    server = redisConnectWithTimeout(start, (int)port, limit);
    free(name);
    return server;
}

/* Run a command for its effect alone. */
static bool tell(redisContext *server, struct plugin_report *report, int n, const char **words)
{
    redisReply *reply = redisCommandArgv(server, n, words, NULL);
    bool is_done = reply && reply->type != REDIS_REPLY_ERROR;

    if (!reply)
        complain(report, server);
    else if (!is_done)
        snprintf(report->text, sizeof(report->text), "%s", reply->str);
    freeReplyObject(reply);
    return is_done;
}

static bool log_in(redisContext *server, const struct plugin_value *values,
                   struct plugin_report *report)
{
    const char *with_name[] = {"AUTH", values[USER].text, values[PASSWORD].text};
    const char *without[] = {"AUTH", values[PASSWORD].text};
    const char *database[] = {"SELECT", values[DBNAME].text};

    if (values[PASSWORD].text[0] && !(values[USER].text[0] ? tell(server, report, 3, with_name)
                                                           : tell(server, report, 2, without)))
        return false;
    return values[DBNAME].number == 0 || tell(server, report, 2, database);
}

static struct plugin_connection *
redis_connect(const char *host, const struct plugin_value *values, struct plugin_report *report)
{
    struct timeval limit = {.tv_sec = values[TIMEOUT].number};
    struct plugin_connection *connection = calloc(1, sizeof(*connection));
    redisContext *server = connection ? open_connection(host, limit) : NULL;

    if (!server) {
        snprintf(report->text, sizeof(report->text), "out of memory");
    } else if (server->err || redisSetTimeout(server, limit) != REDIS_OK) {
        complain(report, server);
    } else if (log_in(server, values, report)) {
        connection->server = server;
        return connection;
    }
    if (server)
        redisFree(server);
    free(connection);
    return NULL;
}

static long redis_quote(struct plugin_connection *connection, int template, const char *text,
                        size_t len, char *out)
{
    long n = 0;

    (void)connection, (void)template;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == ' ' || text[i] == '\t' || text[i] == '\\')
            out[n++] = '\\';
        out[n++] = text[i];
    }
    return n;
}

static enum plugin_result take(const redisReply *reply, struct plugin_answer *answer,
                               struct plugin_report *report)
{
    switch (reply->type) {
    case REDIS_REPLY_STRING:
        (void)answer->add(answer, reply->str, (size_t)reply->len);
        return PLUGIN_OK;
    case REDIS_REPLY_NIL:
        return PLUGIN_OK;
    case REDIS_REPLY_ERROR:
        snprintf(report->text, sizeof(report->text), "%s", reply->str);
        return PLUGIN_FAILED;
    default:
        snprintf(report->text, sizeof(report->text), "unexpected type of reply: %d",
                 reply->type);
        return PLUGIN_FAILED;
    }
}

static enum plugin_result redis_query(struct plugin_connection *connection,
                                      const char *const *templates,
                                      struct plugin_answer *answer,
                                      struct plugin_report *report)
{
    struct words words;
    redisReply *reply = NULL;
    enum plugin_result result = PLUGIN_FAILED;

    if (!words_init(&words, templates[0]) || !is_allowed(&words)) {
        snprintf(report->text, sizeof(report->text), "not a query: %s", templates[0]);
    } else {
        reply = redisCommandArgv(connection->server, words.n, words.words, words.lengths);
        if (reply) {
            result = take(reply, answer, report);
            freeReplyObject(reply);
        } else {
            complain(report, connection->server);
            result = PLUGIN_LOST;
        }
    }
    free(words.text);
    return result;
}

const struct table_plugin table_plugin = {
    .abi = TABLE_PLUGIN_ABI,
    .settings = settings,
    .templates = {"query"},
    .hosts = "hosts",
    .default_host = "localhost",
    .check = redis_check,
    .connect = redis_connect,
    .quote = redis_quote,
    .query = redis_query,
    .close = redis_close,
};

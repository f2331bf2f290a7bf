#include "policy_server.h"

#include <errno.h>
#include <sysexits.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "co/co.h"
#include "conf/params.h"
#include "conf/words.h"
#include "dns/connect.h"
#include "net/stream.h"

#define LINE_MAX_BYTES  ((size_t)102400)
#define REPLY_MAX_BYTES ((int64_t)4 * LINE_MAX_BYTES)

struct server {
    struct policy_server public;
    struct socket_name socket;
    const char *address; /* "127.0.0.1:9998": for the log, as Postfix has it */
    int64_t timeout_ms, max_idle_ms, max_ttl_ms, retry_delay_ms;
    int request_limit, try_limit;
    struct list idle; /* of struct policy_connection, the one used last in front */
};

struct policy_connection {
    struct stream stream;
    struct server *server;
    struct policy_connection *next; /* in a hold */
    struct list_link link;          /* in server->idle */
    int64_t opened_at, idle_since;
    int n_requests;
    bool was_idle; /* the server may have closed it meanwhile */
};

static struct hash servers = {.key_case = HASH_EXACT}; /* text -> struct server */
static struct arena arena;
static struct co *reaper; /* closes what was idle for too long */

/* -- settings ------------------------------------------------------------------------------ */

static bool parse_time(struct slice value, int64_t *ms)
{
    return param_parse_time(value, 's', ms) && *ms > 0;
}

static bool parse_count(struct slice value, int least, int *count)
{
    int64_t number;

    if (!slice_to_int(value, least, INT32_MAX, &number))
        return false;
    *count = (int)number;
    return true;
}

/* 1: set. 0: a bad value. -1: no such name. */
static int set_option(struct server *server, struct slice name, struct slice value)
{
    if (slice_equals(name, "timeout"))
        return parse_time(value, &server->timeout_ms);
    if (slice_equals(name, "max_idle"))
        return parse_time(value, &server->max_idle_ms);
    if (slice_equals(name, "max_ttl"))
        return parse_time(value, &server->max_ttl_ms);
    if (slice_equals(name, "retry_delay"))
        return parse_time(value, &server->retry_delay_ms);
    if (slice_equals(name, "request_limit"))
        return parse_count(value, 0, &server->request_limit);
    if (slice_equals(name, "try_limit"))
        return parse_count(value, 1, &server->try_limit);
    if (slice_equals(name, "default_action"))
        server->public.default_action = arena_text(&arena, value);
    else if (slice_equals(name, "policy_context"))
        server->public.policy_context = arena_text(&arena, value);
    else
        return -1;
    return 1;
}

static int parse_option(struct server *server, struct slice word, struct error *error)
{
    struct slice name, value;

    if (slice_starts_with(word, "{") && words_unbrace(word, &word, error) < 0)
        return -1;
    if (!words_split_assignment(word, &name, &value))
        return error_set(error, ERROR_PERMANENT, "missing '=' after attribute name: \"%.*s\"",
                         SLICE_ARG(word));
    switch (set_option(server, name, value)) {
    case 1:
        return 0;
    case 0:
        return error_set(error, ERROR_PERMANENT, "bad value in \"%.*s = %.*s\"",
                         SLICE_ARG(name), SLICE_ARG(value));
    default:
        return error_set(error, ERROR_PERMANENT, "unknown option: \"%.*s = %.*s\"",
                         SLICE_ARG(name), SLICE_ARG(value));
    }
}

static int parse_name(struct server *server, struct slice word, struct error *error)
{
    size_t colon = slice_find(word, ':');
    const char *name = arena_text(&arena, word);

    if (colon == word.len || colon == 0)
        return error_set(error, ERROR_PERMANENT,
                         "need service transport:endpoint instead of \"%s\"", name);
    server->public.name = name;
    server->address = name + colon + 1;
    if (socket_name_parse(&server->socket, slice_from(name), error) == 0)
        return 0;
    return error_context(error, "policy server \"%s\"", name);
}

static int parse(struct server *server, struct slice text, struct error *error)
{
    struct slice rest = text;
    struct slice word;

    if (!words_next(&rest, WORDS_COMMA_SPACE, &word))
        return error_set(error, ERROR_PERMANENT,
                         "need service transport:endpoint instead of \"\"");
    if (parse_name(server, word, error) < 0)
        return -1;
    while (words_next(&rest, WORDS_COMMA_SPACE, &word)) {
        /* "timeout = 5s" is one option, though blanks separate options. */
        while (rest.len && word.ptr[0] != '{' &&
               (slice_find(word, '=') == word.len || slice_ends_with(word, "="))) {
            struct slice more;

            if (!words_next(&rest, WORDS_COMMA_SPACE, &more))
                break;
            word.len = (size_t)(more.ptr + more.len - word.ptr);
        }
        if (parse_option(server, word, error) < 0)
            return -1;
    }
    return 0;
}

struct policy_server *policy_server_find(struct slice text, struct error *error)
{
    struct server *server = hash_get(&servers, text);

    if (server)
        return &server->public;
    server = arena_new(&arena, struct server);
    *server = (struct server){
        .public = {.default_action = params.smtpd_policy_service_default_action,
                   .policy_context = params.smtpd_policy_service_policy_context},
        .timeout_ms = params.smtpd_policy_service_timeout,
        .max_idle_ms = params.smtpd_policy_service_max_idle,
        .max_ttl_ms = params.smtpd_policy_service_max_ttl,
        .retry_delay_ms = params.smtpd_policy_service_retry_delay,
        .request_limit = params.smtpd_policy_service_request_limit,
        .try_limit = params.smtpd_policy_service_try_limit,
    };
    list_init(&server->idle);
    if (parse(server, text, error) < 0)
        return NULL;
    (void)hash_set(&servers, text, server);
    return &server->public;
}

/* -- connections --------------------------------------------------------------------------- */

static void drop(struct policy_connection *connection)
{
    stream_release(&connection->stream);
    mem_free(connection);
}

static bool is_worn(const struct policy_connection *connection)
{
    const struct server *server = connection->server;

    return connection->stream.state != STREAM_OK ||
           (server->request_limit > 0 && connection->n_requests >= server->request_limit) ||
           time_now_ms() - connection->opened_at >= server->max_ttl_ms;
}

/* Close what is out of date; the milliseconds until something will be, or -1: none is left. */
static int64_t close_old(void)
{
    struct hash_cursor cursor = {0};
    int64_t now = time_now_ms();
    int64_t next = -1;
    struct slice text;
    void *value;

    while (hash_next(&servers, &cursor, &text, &value)) {
        struct server *server = value;

        LIST_FOREACH(&server->idle, link)
        {
            struct policy_connection *connection =
                CONTAINER_OF(link, struct policy_connection, link);
            int64_t left = connection->idle_since + server->max_idle_ms - now;

            if (left > connection->opened_at + server->max_ttl_ms - now)
                left = connection->opened_at + server->max_ttl_ms - now;
            if (left <= 0) {
                list_remove(link);
                drop(connection);
            } else if (next < 0 || left < next) {
                next = left;
            }
        }
    }
    return next;
}

static void reap(void *arg)
{
    int64_t wait_ms;

    (void)arg;
    while ((wait_ms = close_old()) >= 0 && co_sleep_until(deadline_in(wait_ms)) == WAKE_TIMEOUT)
        ;
    reaper = NULL;
}

static void give_back(struct policy_connection *connection)
{
    if (is_worn(connection)) {
        drop(connection);
        return;
    }
    stream_shrink(&connection->stream);
    connection->idle_since = time_now_ms();
    connection->next = NULL;
    list_prepend(&connection->server->idle, &connection->link);
    /* Without a stack for it, they close when the server is asked next. */
    if (!reaper && co_self())
        reaper = co_spawn("policy idle", reap, NULL);
}

void policy_release(struct policy_hold *hold)
{
    while (hold->first) {
        struct policy_connection *connection = hold->first;

        hold->first = connection->next;
        give_back(connection);
    }
}

/* Nothing is due on an idle connection: what is there to read is the server's good-bye. */
static bool is_alive(struct policy_connection *connection)
{
    return !is_worn(connection) && !stream_has_input(&connection->stream);
}

static struct policy_connection *take_held(struct policy_hold *hold,
                                           const struct server *server)
{
    for (struct policy_connection **at = &hold->first; *at; at = &(*at)->next) {
        struct policy_connection *connection = *at;

        if (connection->server == server) {
            *at = connection->next;
            return connection;
        }
    }
    return NULL;
}

static struct policy_connection *take_idle(struct server *server)
{
    struct policy_connection *first = LIST_FIRST(&server->idle, struct policy_connection, link);

    if (first)
        list_remove(&first->link);
    return first;
}

static struct policy_connection *connect_new(struct server *server, deadline_t until,
                                             struct error *error)
{
    int fd = connect_server(&server->socket, until, error);

    if (fd < 0) {
        log_warning("connect to %s: %s", server->address, error->text);
        return NULL;
    }
    struct policy_connection *connection = mem_new(struct policy_connection);

    stream_init(&connection->stream, fd);
    connection->server = server;
    connection->opened_at = time_now_ms();
    return connection;
}

/* The one of this transaction, an idle one, or a new one. NULL: logged. */
static struct policy_connection *take(struct server *server, struct policy_hold *hold,
                                      deadline_t until, struct error *error)
{
    struct policy_connection *connection = hold ? take_held(hold, server) : NULL;

    while (connection || (connection = take_idle(server)) != NULL) {
        if (is_alive(connection)) {
            connection->was_idle = true;
            return connection;
        }
        drop(connection);
        connection = NULL;
    }
    return connect_new(server, until, error);
}

/* -- asking -------------------------------------------------------------------------------- */

int policy_read_reply(struct stream *stream, const char *name, struct buf *action,
                      bool *has_action)
{
    int64_t most = stream->bytes_in + REPLY_MAX_BYTES;
    struct slice line;

    *has_action = false;
    while (stream_read_line(stream, &line, LINE_MAX_BYTES) == LINE_OK) {
        struct slice value = slice_trim_right(line);

        if (value.len == 0)
            return 0;
        if (stream->bytes_in > most)
            return -1;
        struct slice word = slice_split(&value, '=');

        if (!slice_equals(word, "action"))
            continue;
        if (word.ptr + word.len == line.ptr + slice_trim_right(line).len) {
            log_warning("missing value for string attribute action from %s", name);
            continue;
        }
        buf_set(action, value);
        *has_action = true;
    }
    return -1;
}

enum outcome { ANSWERED, NOT_HEARD, FAILED };

/* One question over one connection; a broken one is dropped. *reason: why it failed. */
static enum outcome exchange(struct policy_connection *connection, struct policy_hold *hold,
                             struct slice request, struct buf *action, struct error *reason)
{
    struct stream *stream = &connection->stream;
    int64_t bytes_before = stream->bytes_in;
    bool was_idle = connection->was_idle;
    bool has_action = false;

    connection->n_requests++;
    if (stream_write_slice(stream, request) == 0 && stream_flush(stream) == 0 &&
        policy_read_reply(stream, connection->server->address, action, &has_action) == 0 &&
        has_action) {
        if (hold && !is_worn(connection)) {
            connection->next = hold->first;
            hold->first = connection;
        } else {
            give_back(connection);
        }
        return ANSWERED;
    }
    bool is_dead = stream->state == STREAM_END || stream->state == STREAM_FAILED;

    if (stream->state == STREAM_OK && !has_action)
        log_warning("missing attribute action in input from %s", connection->server->address);
    (void)error_set(reason, ERROR_TEMPORARY, "%s",
                    stream->state == STREAM_TIMEOUT  ? "Connection timed out"
                    : stream->state == STREAM_FAILED ? stream_trouble(stream)
                                                     : "Application error");
    bool is_unheard = was_idle && is_dead && stream->bytes_in == bytes_before;

    drop(connection);
    return is_unheard ? NOT_HEARD : FAILED;
}

/* A dead connection from the pool is no attempt: the next one may live. */
static int try(struct server *server, struct policy_hold *hold, struct slice request,
               struct buf *action, struct error *reason)
{
    deadline_t until = deadline_in(server->timeout_ms);
    enum outcome outcome;

    do {
        struct policy_connection *connection = take(server, hold, until, reason);

        if (!connection)
            return -1;
        stream_set_deadline(&connection->stream, until);
        outcome = exchange(connection, hold, request, action, reason);
    } while (outcome == NOT_HEARD);
    return outcome == ANSWERED ? 0 : -1;
}

/* What may be gone at the next attempt is not worth a line. */
static bool is_passing(const struct error *reason)
{
    return strcmp(reason->text, "Application error") == 0 ||
           strcmp(reason->text, strerror(ENOENT)) == 0 ||
           strcmp(reason->text, strerror(EPIPE)) == 0 ||
           strcmp(reason->text, strerror(ECONNRESET)) == 0;
}

int policy_server_ask(struct policy_server *public, struct policy_hold *hold,
                      struct slice request, struct buf *action)
{
    struct server *server = CONTAINER_OF(public, struct server, public);
    struct error reason = ERROR_INIT;

    for (int n = 1;; n++) {
        if (try(server, hold, request, action, &reason) == 0)
            return 0;
        if (n >= server->try_limit || !is_passing(&reason))
            log_warning("problem talking to server %s: %s", server->address, reason.text);
        if (n >= server->try_limit ||
            co_sleep_until(deadline_in(server->retry_delay_ms)) == WAKE_CANCELLED)
            return -1;
    }
}

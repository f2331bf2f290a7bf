/*
 * Dovecot's auth service. A process has one connection to it, which all of its sessions share:
 * requests are numbered, answers come in any order. While requests are open a coroutine reads
 * the answers and wakes those who wait; an idle connection has none.
 */
#include <fcntl.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "auth/sasl_security.h"
#include "auth_backend.h"
#include "base/bug.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "co/co.h"
#include "conf/params.h"
#include "dovecot_line.h"
#include "net/socket.h"
#include "table/peer.h"

/* To connect and to read the greeting. */
#define GREETING_LIMIT SECONDS(10)

/* For an answer: Dovecot holds a wrong one back for 2 seconds, and repeated ones for 15. */
#define ANSWER_LIMIT SECONDS(25)

/* A service that stalled is left alone for so long. */
#define STALL_PAUSE SECONDS(10)

#define MECHANISMS_MAX 50

#define CONNECTION_LOST "Connection lost to authentication server"

struct mechanism {
    char *name;
    unsigned properties;
};

static struct {
    struct peer inet; /* with uses_inet */
    bool uses_inet;
    const char *path;

    struct mechanism mechanisms[MECHANISMS_MAX]; /* those last told */
    size_t n_mechanisms;
    struct arena arena; /* their names */

    /* Two descriptors of the one socket: reading and writing wait apart from each other. */
    struct stream in, out;
    bool is_open, is_connecting, is_read, is_written;
    struct co_queue connecting;
    int64_t pause_until;
    unsigned n_connections; /* made so far */
    struct buf unsent;
    struct list pending; /* struct request */
    uint32_t last_id;
} service;

/* One AUTH or CONT that waits for its answer. */
struct request {
    struct list_link link;
    uint32_t id;
    unsigned connection; /* which of them knows of it */
    bool is_pending;     /* in service.pending */
    deadline_t until;
    struct co_queue answered;
    enum auth_status status;
    struct buf text, user;
};

static void open_service(void)
{
    const char *path = params.smtpd_sasl_path;
    struct error error;

    list_init(&service.pending);
    service.unsent = BUF_SECRET_INIT;
    service.uses_inet = strncmp(path, "inet:", strlen("inet:")) == 0;
    if (service.uses_inet &&
        peer_init_inet(&service.inet, slice_from(path + strlen("inet:")), &error) < 0)
        fatal(EX_CONFIG, "smtpd_sasl_path: %s", error.text);
    service.path = strncmp(path, "unix:", strlen("unix:")) == 0 ? path + strlen("unix:") : path;
}

/* -- the connection -------------------------------------------------------------------------
 */

static void answer(struct request *request, enum auth_status status, struct slice text)
{
    request->status = status;
    buf_set(&request->text, text);
    list_remove(&request->link);
    request->is_pending = false;
    co_wake_all(&request->answered);
}

/* All who wait are told so. */
static void disconnect(void)
{
    if (!service.is_open)
        return;
    service.is_open = false;
    stream_release(&service.in);
    if (service.is_written)
        (void)shutdown(service.out.fd, SHUT_RDWR); /* its user ends, and releases it */
    else
        stream_release(&service.out);
    while (!list_is_empty(&service.pending))
        answer(CONTAINER_OF(service.pending.head.next, struct request, link), AUTH_TEMPORARY,
               SLICE(CONNECTION_LOST));
}

static int take_greeting_line(struct slice line, struct arena *arena, bool *is_done,
                              struct error *error)
{
    struct dovecot_line parsed;

    if (dovecot_line_parse(line, arena, &parsed, error) < 0)
        return -1;
    if (parsed.verb == DOVECOT_VERSION && parsed.version != 1)
        return error_set(error, ERROR_TEMPORARY, "unsupported protocol version %d",
                         (int)parsed.version);
    if (parsed.verb == DOVECOT_MECHANISM && service.n_mechanisms < MECHANISMS_MAX)
        service.mechanisms[service.n_mechanisms++] =
            (struct mechanism){arena_text(&service.arena, parsed.mechanism), parsed.properties};
    *is_done = parsed.verb == DOVECOT_DONE;
    return 0;
}

static int read_greeting(struct error *error)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct slice line;
    bool is_done = false;
    size_t n_bytes = 0;

    service.n_mechanisms = 0;
    arena_reset(&service.arena);
    while (!is_done) {
        enum line_result result = stream_read_line(&service.in, &line, DOVECOT_LINE_MAX_BYTES);

        if (result == LINE_TOO_LONG)
            return error_set(error, ERROR_TEMPORARY, "a line that is too long");
        if (result != LINE_OK)
            return error_set(error, ERROR_TEMPORARY, "%s", stream_trouble(&service.in));
        n_bytes += line.len;
        if (n_bytes > DOVECOT_LINE_MAX_BYTES)
            return error_set(error, ERROR_TEMPORARY, "a greeting without end");
        if (take_greeting_line(line, &arena, &is_done, error) < 0)
            return -1;
    }
    if (service.n_mechanisms == 0)
        return error_set(error, ERROR_TEMPORARY, "no mechanisms: the wrong socket?");
    return 0;
}

static int connect_service(deadline_t until, struct error *error)
{
    struct peer_connection *connection;
    int fd;

    if (!service.uses_inet)
        return socket_connect_unix(service.path, until, error);
    connection = peer_take(&service.inet, until, error);
    if (!connection)
        return -1;
    fd = fcntl(connection->stream.fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        error_set(error, ERROR_TEMPORARY, "%m");
    peer_drop(connection);
    return fd;
}

/* Connect and shake hands; the reason for a failure is logged here. */
static bool make_connection(void)
{
    deadline_t until = deadline_in(GREETING_LIMIT);
    struct error error;
    int fd = connect_service(until, &error);
    int twin = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);

    if (twin < 0) {
        if (fd >= 0) {
            error_set(&error, ERROR_TEMPORARY, "%m");
            close(fd);
        }
        log_warning("SASL: Connect to Dovecot auth socket '%s' failed: %s",
                    params.smtpd_sasl_path, error.text);
        return false;
    }
    stream_init(&service.in, fd);
    stream_init(&service.out, twin);
    stream_set_deadline(&service.in, until);
    stream_set_deadline(&service.out, until);
    service.is_open = true;
    service.n_connections++;
    if (stream_printf(&service.out, "VERSION\t1\t0\nCPID\t%d\n", (int)getpid()) == 0 &&
        stream_flush(&service.out) == 0) {
        if (read_greeting(&error) == 0)
            return true;
    } else {
        error_set(&error, ERROR_TEMPORARY, "%s", stream_trouble(&service.out));
    }
    log_warning("SASL: Dovecot auth socket '%s': handshake failed: %s", params.smtpd_sasl_path,
                error.text);
    disconnect();
    return false;
}

/* True when there is a connection; who comes while it is being made waits with the others. */
static bool is_connected(void)
{
    deadline_t until = deadline_in(GREETING_LIMIT);

    while (service.is_connecting) {
        if (co_wait(&service.connecting, until) != WAKE_READY)
            return false;
    }
    /* Nothing is due on an idle connection: what there is to read is its end. */
    if (service.is_open && !service.is_read && stream_has_input(&service.in))
        disconnect();
    if (service.is_open)
        return true;
    /* Whoever still reads or writes the old connection would take the new one for it. */
    if (service.is_written || service.is_read || time_now_ms() < service.pause_until)
        return false;
    service.is_connecting = true;
    (void)make_connection();
    /* What failed at once may be tried again at once. */
    if (!service.is_open && time_now_ms() >= until)
        service.pause_until = deadline_in(STALL_PAUSE);
    service.is_connecting = false;
    co_wake_all(&service.connecting);
    return service.is_open;
}

/* Send what there is to send; a second caller leaves his part to the first. */
static void send_unsent(void)
{
    CLEANUP(buf_release) struct buf sent = BUF_SECRET_INIT;

    if (service.is_written)
        return;
    service.is_written = true;
    while (service.is_open && service.unsent.len) {
        sent = service.unsent;
        service.unsent = BUF_SECRET_INIT;
        stream_set_deadline(&service.out, deadline_in(ANSWER_LIMIT));
        if (stream_write_slice(&service.out, buf_slice(&sent)) < 0 ||
            stream_flush(&service.out) < 0)
            disconnect();
        buf_release(&sent);
    }
    service.is_written = false;
    buf_release(&service.unsent);
    if (service.is_open)
        stream_shrink(&service.out);
    else
        stream_release(&service.out);
}

/* -- answers ---------------------------------------------------------------------------------
 */

static struct request *find_request(uint64_t id)
{
    LIST_FOREACH(&service.pending, link)
    {
        struct request *request = CONTAINER_OF(link, struct request, link);

        if (request->id == id)
            return request;
    }
    return NULL; /* whoever asked has given up */
}

static void take_answer(const struct dovecot_line *parsed)
{
    struct request *request = find_request(parsed->id);

    if (!request)
        return;
    buf_set(&request->user, parsed->user);
    switch (parsed->verb) {
    case DOVECOT_OK:
        answer(request, AUTH_DONE, SLICE_EMPTY);
        break;
    case DOVECOT_CONTINUE:
        answer(request, AUTH_MORE, parsed->challenge);
        break;
    case DOVECOT_FAIL:
        answer(request, parsed->is_temporary ? AUTH_TEMPORARY : AUTH_FAILED, parsed->reason);
        break;
    case DOVECOT_VERSION:
    case DOVECOT_MECHANISM:
    case DOVECOT_DONE:
    case DOVECOT_OTHER:
        bug_if(true);
    }
}

static bool is_answer(const struct dovecot_line *parsed)
{
    return parsed->verb == DOVECOT_OK || parsed->verb == DOVECOT_CONTINUE ||
           parsed->verb == DOVECOT_FAIL;
}

/* False when the connection is of no more use. */
static bool read_answer(void)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct dovecot_line parsed;
    struct slice line;
    struct error error;
    enum line_result result;

    stream_set_deadline(&service.in, deadline_in(ANSWER_LIMIT));
    result = stream_read_line(&service.in, &line, DOVECOT_LINE_MAX_BYTES);
    if (result == LINE_TIMEOUT) /* those who asked last may still wait */
        return !list_is_empty(&service.pending);
    if (result == LINE_END || result == LINE_FAILED) {
        log_warning("SASL: Dovecot auth socket '%s': %s", params.smtpd_sasl_path,
                    stream_trouble(&service.in));
        return false;
    }
    if (result == LINE_OK && dovecot_line_parse(line, &arena, &parsed, &error) == 0) {
        if (is_answer(&parsed))
            take_answer(&parsed);
        return true;
    }
    log_warning("SASL: Dovecot auth socket '%s': %s", params.smtpd_sasl_path,
                result == LINE_OK ? error.text : "a line that is too long");
    return false;
}

/* As long as somebody waits; a request that comes later starts another. */
static void read_answers(void *arg)
{
    (void)arg;
    while (service.is_open && !list_is_empty(&service.pending)) {
        if (!read_answer()) {
            disconnect();
            break;
        }
    }
    service.is_read = false;
}

/* -- requests --------------------------------------------------------------------------------
 */

static void request_free(struct request *request)
{
    if (!request)
        return;
    if (request->is_pending)
        list_remove(&request->link);
    buf_release(&request->text);
    buf_release(&request->user);
    mem_free(request);
}

static void end(struct auth_dialogue *dialogue)
{
    request_free(dialogue->state);
    dialogue->state = NULL;
}

static enum auth_status trouble(struct auth_dialogue *dialogue, enum auth_status status,
                                const char *text)
{
    dialogue->text = slice_from(text);
    return status;
}

/* Send what has been added to service.unsent, and wait for the answer. */
static enum auth_status ask(struct auth_dialogue *dialogue, struct request *request)
{
    request->until = deadline_in(ANSWER_LIMIT);
    request->is_pending = true;
    list_append(&service.pending, &request->link);
    if (!service.is_read && !co_spawn("dovecot answers", read_answers, NULL))
        disconnect();
    else
        service.is_read = true;
    send_unsent();
    while (request->is_pending) {
        if (co_wait(&request->answered, request->until) == WAKE_READY)
            continue;
        list_remove(&request->link);
        request->is_pending = false;
        log_warning("SASL: Dovecot auth socket '%s': no answer in %d seconds",
                    params.smtpd_sasl_path, (int)(ANSWER_LIMIT / SECONDS(1)));
        return trouble(dialogue, AUTH_TEMPORARY, CONNECTION_LOST);
    }
    dialogue->text = arena_slice(dialogue->arena, buf_slice(&request->text));
    dialogue->username = arena_slice(dialogue->arena, buf_slice(&request->user));
    return request->status;
}

static const struct mechanism *find_mechanism(struct slice name)
{
    for (size_t i = 0; i < service.n_mechanisms; i++) {
        if (slice_equals_nocase(name, service.mechanisms[i].name))
            return &service.mechanisms[i];
    }
    return NULL;
}

static bool mechanisms(unsigned demands, struct buf *names)
{
    /* What was told last holds while the service is away: AUTH then says 454, not nothing. */
    if (service.n_mechanisms == 0 && !is_connected() && service.n_mechanisms == 0)
        return false;
    for (size_t i = 0; i < service.n_mechanisms; i++) {
        const struct mechanism *mechanism = &service.mechanisms[i];

        if (!(mechanism->properties & SECURITY_PRIVATE) &&
            sasl_security_allows(demands, mechanism->properties))
            buf_printf(names, " %s", mechanism->name);
    }
    return true;
}

static void add_request(uint32_t id, const struct auth_request *asked)
{
    buf_printf(&service.unsent, "AUTH\t%u\t%.*s\tservice=%s\tnologin", id,
               SLICE_ARG(asked->mechanism), params.smtpd_sasl_service);
    if (dovecot_text_is_plain(asked->server_address))
        buf_printf(&service.unsent, "\tlip=%.*s", SLICE_ARG(asked->server_address));
    if (dovecot_text_is_plain(asked->client_address))
        buf_printf(&service.unsent, "\trip=%.*s", SLICE_ARG(asked->client_address));
    if (asked->is_encrypted)
        buf_add_text(&service.unsent, "\tsecured");
    if (asked->has_response) /* the last word, says the protocol */
        buf_printf(&service.unsent, "\tresp=%.*s", SLICE_ARG(asked->response));
    buf_add_char(&service.unsent, '\n');
}

static enum auth_status begin(struct auth_dialogue *dialogue, const struct auth_request *asked)
{
    const struct mechanism *mechanism;
    struct request *request;

    if (!is_connected())
        return trouble(dialogue, AUTH_TEMPORARY, "Can't connect to authentication server");
    mechanism = find_mechanism(asked->mechanism);
    if (!mechanism || !sasl_security_allows(asked->demands, mechanism->properties))
        return trouble(dialogue, AUTH_FAILED, "Invalid authentication mechanism");
    if (!dovecot_text_is_plain(asked->response))
        return trouble(dialogue, AUTH_FAILED, "Invalid base64 data in initial response");
    request = mem_new(struct request);
    buf_init(&request->text);
    buf_init(&request->user);
    request->id = ++service.last_id;
    request->connection = service.n_connections;
    dialogue->state = request;
    add_request(request->id, asked);
    return ask(dialogue, request);
}

static enum auth_status next(struct auth_dialogue *dialogue, struct slice response)
{
    struct request *request = dialogue->state;

    if (!service.is_open || request->connection != service.n_connections)
        return trouble(dialogue, AUTH_TEMPORARY, CONNECTION_LOST);
    if (!dovecot_text_is_plain(response))
        return trouble(dialogue, AUTH_FAILED, "Invalid base64 data in continued response");
    buf_printf(&service.unsent, "CONT\t%u\t%.*s\n", request->id, SLICE_ARG(response));
    return ask(dialogue, request);
}

const struct auth_backend auth_dovecot = {
    .open = open_service,
    .mechanisms = mechanisms,
    .begin = begin,
    .next = next,
    .end = end,
};

/*
 * tassis check: do the programs answer that mail depends on besides our own: milters, policy
 * servers, content filters, Dovecot?
 */
#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "check.h"
#include "conf/params.h"
#include "conf/words.h"
#include "net/hostport.h"
#include "net/socket.h"

#define PATIENCE SECONDS(3)

struct peers {
    struct check *check;
    struct hash seen; /* each address is tried once */
};

static int connect_path(struct slice path, struct error *error)
{
    CLEANUP(buf_release) struct buf full = BUF_INIT;

    if (path.len == 0 || path.ptr[0] != '/')
        buf_printf(&full, "%s/", params.queue_directory);
    buf_add_slice(&full, path);
    if (access(full.data, F_OK) < 0 && errno == ENOENT)
        return error_set(error, ERROR_TEMPORARY, "it is not there (now)");
    return socket_connect_unix(full.data, deadline_in(PATIENCE), error);
}

/* By address or by name; the first address that works. */
static int connect_host(const struct hostport *address, struct error *error)
{
    CLEANUP(mem_free_text)
    char *host = slice_dup(address->host.len ? address->host : SLICE("localhost"));
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list;
    int fd = -1, result = getaddrinfo(host, NULL, &hints, &list);

    if (result != 0)
        return error_set(error, ERROR_TEMPORARY, "%s", gai_strerror(result));
    for (const struct addrinfo *item = list; item && fd < 0; item = item->ai_next) {
        struct endpoint endpoint = {.len = item->ai_addrlen};

        memcpy(&endpoint.address, item->ai_addr, item->ai_addrlen);
        endpoint_set_port(&endpoint, address->port);
        fd = socket_connect(&endpoint, NULL, deadline_in(PATIENCE), error);
    }
    freeaddrinfo(list);
    return fd;
}

static bool is_at(const struct master_service *service, const struct socket_name *name)
{
    struct slice path = name->path;
    struct slice folder = slice_split(&path, '/');
    uint16_t port;
    struct error error;

    if (strcmp(service->program, "spawn") != 0 && strcmp(service->program, "smtpd") != 0)
        return false; /* speaks no language of others */
    if (name->kind == SOCKET_UNIX)
        return service->type == MASTER_TYPE_UNIX &&
               slice_equals(folder, service->is_private ? "private" : "public") &&
               slice_equals(path, service->name);
    return service->type == MASTER_TYPE_INET &&
           (service->host[0] == '\0' || slice_equals(name->inet.host, service->host)) &&
           service_port(slice_from(service->port), &port, &error) == 0 &&
           port == name->inet.port;
}

bool check_will_serve(const struct check *check, const struct socket_name *name)
{
    for (size_t i = 0; i < check->n_own_services && !check->is_running; i++) {
        if (is_at(&check->master_cf.services[i], name))
            return true;
    }
    return false;
}

static void try_socket(struct peers *peers, const struct setting *setting, struct slice text,
                       const struct socket_name *name)
{
    struct error error = ERROR_INIT;

    if (hash_has(&peers->seen, text) || check_will_serve(peers->check, name))
        return;
    (void)hash_set(&peers->seen, text, peers);
    CLEANUP(fd_close)
    int fd = name->kind == SOCKET_UNIX ? connect_path(name->path, &error)
                                       : connect_host(&name->inet, &error);

    if (fd < 0)
        report(peers->check->report, SEVERITY_WARNING,
               check_place("unreachable-service", setting), "%s: cannot reach %.*s: %s",
               setting->name, SLICE_ARG(text), error.text);
}

/* "unix:path" or "inet:host:port", perhaps with settings behind a comma, in braces. */
static void try_text(struct peers *peers, const struct setting *setting, struct slice word)
{
    struct socket_name name;
    struct error error;

    if (words_unbrace(word, &word, NULL) == 0)
        word = slice_word(&word, WORDS_COMMA_SPACE);
    if (socket_name_parse(&name, word, &error) < 0)
        report(peers->check->report, SEVERITY_ERROR, check_place("bad-value", setting),
               "%s: %.*s: %s", setting->name, SLICE_ARG(word), error.text);
    else
        try_socket(peers, setting, word, &name);
}

/* -- which parameters name peers
 * ---------------------------------------------------------------
 */

static void try_milters(struct peers *peers, const struct setting *setting)
{
    struct slice rest = slice_from(setting->value), word;

    while (words_next(&rest, WORDS_COMMA_SPACE, &word))
        try_text(peers, setting, word);
}

/* check_policy_service in any list: one of main.cf, or a restriction class. */
static void try_policy_servers(struct peers *peers, const struct setting *setting)
{
    struct slice rest = slice_from(setting->value), word;

    while (words_next(&rest, WORDS_COMMA_SPACE, &word)) {
        if (slice_equals(word, "check_policy_service") &&
            words_next(&rest, WORDS_COMMA_SPACE, &word))
            try_text(peers, setting, word);
    }
}

/* "lmtp:unix:private/dovecot-lmtp", "lmtp:inet:127.0.0.1:24", "amavis:[127.0.0.1]:10024". */
static void try_nexthop(struct peers *peers, const struct setting *setting)
{
    struct slice nexthop = slice_from(setting->value);
    struct socket_name name = {.kind = SOCKET_INET};
    CLEANUP(mem_free_text) char *transport = slice_dup(slice_split(&nexthop, ':'));
    const struct master_service *service =
        master_cf_find(&peers->check->master_cf, transport, MASTER_TYPE_UNIX);
    bool is_lmtp = service && strcmp(service->program, "lmtp") == 0;
    uint16_t port = 0;

    if (is_lmtp && service_port(slice_from(params.lmtp_tcp_port), &port, NULL) < 0)
        port = 0; /* which is said elsewhere */
    if (slice_starts_with(nexthop, "unix:") || slice_starts_with(nexthop, "inet:")) {
        if (socket_name_parse(&name, nexthop, NULL) == 0) /* else check_destinations says it */
            try_socket(peers, setting, nexthop, &name);
    } else if ((is_lmtp || slice_starts_with(nexthop, "[")) && /* no MX record decides */
               hostport_parse(&name.inet, nexthop, HOSTPORT_ALONE_IS_HOST, port, NULL) == 0 &&
               name.inet.host.len > 0 && name.inet.port > 0)
        try_socket(peers, setting, nexthop, &name);
}

static void try_proxy_filter(struct peers *peers, const struct setting *setting)
{
    struct slice text = slice_from(setting->value);
    struct socket_name name = {.kind = SOCKET_INET};

    if (slice_starts_with(text, "unix:") || slice_starts_with(text, "inet:"))
        try_text(peers, setting, text);
    else if (text.len > 0 &&
             hostport_parse(&name.inet, text, HOSTPORT_ALONE_IS_PORT, 0, NULL) == 0)
        try_socket(peers, setting, text, &name);
}

static const struct {
    const char *suffix;
    void (*try)(struct peers *peers, const struct setting *setting);
} sources[] = {
    {"smtpd_milters", try_milters}, {"content_filter", try_nexthop},
    {"_transport", try_nexthop},    {"smtpd_proxy_filter", try_proxy_filter},
    {"", try_policy_servers},
};

/* -- the SASL server
 * -------------------------------------------------------------------------- */

static void service_value(const struct check *check, const struct master_service *service,
                          const char *name, struct buf *value)
{
    struct error error;

    buf_reset(value);
    if (main_cf_value(check_main_cf_of(check, service), name, value, &error) < 0)
        buf_reset(value); /* which is said elsewhere */
}

/* Where smtpd_sasl_path, or the default that will hardly do, comes from. */
static struct setting sasl_path(const struct check *check, const struct master_service *service,
                                const char *path)
{
    struct setting found = {.name = "smtpd_sasl_path (default)",
                            .value = path,
                            .file = service->file,
                            .line = service->line};

    for (size_t i = 0; i < check->n_settings; i++) {
        const struct setting *setting = &check->settings[i];

        if (strcmp(setting->name, "smtpd_sasl_path") == 0 &&
            (!setting->service || setting->service == service)) {
            found.name = setting->name;
            found.file = setting->file;
            found.line = setting->line;
        }
    }
    return found;
}

static void try_sasl_server(struct peers *peers, const struct master_service *service,
                            const char *path)
{
    struct socket_name name = {.kind = SOCKET_UNIX, .path = slice_from(path)};
    struct setting setting = sasl_path(peers->check, service, path);

    if (slice_starts_with(name.path, "inet:") || slice_starts_with(name.path, "unix:"))
        try_text(peers, &setting, name.path);
    else
        try_socket(peers, &setting, name.path, &name);
}

static void try_sasl_of(struct peers *peers, const struct master_service *service)
{
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    bool is_enabled = false;

    service_value(peers->check, service, "smtpd_sasl_auth_enable", &value);
    if (!param_parse_bool(buf_slice(&value), &is_enabled) || !is_enabled)
        return;
    service_value(peers->check, service, "smtpd_sasl_type", &value);
    if (slice_equals(buf_slice(&value), "cyrus"))
        return;
    if (!slice_equals(buf_slice(&value), "dovecot")) {
        report(peers->check->report, SEVERITY_ERROR, check_place_of("sasl", service),
               "service %s: smtpd_sasl_type = %s: no such type (cyrus or dovecot)",
               service->name, value.data);
        return;
    }
    service_value(peers->check, service, "smtpd_sasl_path", &value);
    if (value.len > 0)
        try_sasl_server(peers, service, value.data);
}

static void try_sasl_servers(struct peers *peers)
{
    for (size_t i = 0; i < peers->check->n_own_services; i++) {
        const struct master_service *service = &peers->check->master_cf.services[i];

        if (strcmp(service->program, "smtpd") == 0 && check_is_started(service))
            try_sasl_of(peers, service);
    }
}

void check_peers(struct check *check)
{
    struct peers peers = {.check = check, .seen = HASH_INIT};

    for (size_t i = 0; i < check->n_settings; i++) {
        const struct setting *setting = &check->settings[i];
        size_t s = 0;

        while (!slice_ends_with(slice_from(setting->name), sources[s].suffix))
            s++;
        sources[s].try(&peers, setting);
    }
    try_sasl_servers(&peers);
    hash_release(&peers.seen, NULL);
}

/*
 * tassis check: do the programs answer that mail depends on besides our own: milters, policy
 * servers, content filters, Dovecot?
 */
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
    struct slice transport = slice_split(&nexthop, ':');

    (void)transport;
    if (slice_starts_with(nexthop, "unix:") || slice_starts_with(nexthop, "inet:"))
        try_text(peers, setting, nexthop);
    else if (slice_starts_with(nexthop, "[") &&
             slice_find_text(nexthop, SLICE("]:")) < nexthop.len &&
             hostport_parse(&name.inet, nexthop, HOSTPORT_ALONE_IS_HOST, 0, NULL) == 0)
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

static bool uses_sasl(const struct check *check)
{
    for (size_t i = 0; i < check->n_settings; i++) {
        if (strcmp(check->settings[i].name, "smtpd_sasl_auth_enable") == 0 &&
            slice_equals_nocase(slice_from(check->settings[i].value), "yes"))
            return true;
    }
    return false;
}

static void try_sasl_server(struct peers *peers, const struct setting *setting)
{
    struct socket_name name = {.kind = SOCKET_UNIX, .path = slice_from(setting->value)};

    if (strcmp(params.smtpd_sasl_type, "dovecot") != 0 || !uses_sasl(peers->check))
        return;
    if (slice_starts_with(name.path, "inet:"))
        try_text(peers, setting, name.path);
    else
        try_socket(peers, setting, name.path, &name);
}

static const struct {
    const char *suffix;
    void (*try)(struct peers *peers, const struct setting *setting);
} sources[] = {
    {"smtpd_milters", try_milters},       {"content_filter", try_nexthop},
    {"_transport", try_nexthop},          {"smtpd_proxy_filter", try_proxy_filter},
    {"smtpd_sasl_path", try_sasl_server}, {"", try_policy_servers},
};

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
    hash_release(&peers.seen, NULL);
}

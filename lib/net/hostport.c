#include "net/hostport.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <string.h>

#include "net/endpoint.h"

#define SERVICE_NAME_BYTES 64

static int bad(struct slice text, const char *why, struct error *error)
{
    return error_set(error, ERROR_PERMANENT, "bad host or port \"%.*s\": %s", SLICE_ARG(text),
                     why);
}

static const char *known_ports = "lmtp=24, smtp=25, smtps=submissions=465, submission=587";

void service_ports_known(const char *known_tcp_ports)
{
    known_ports = known_tcp_ports;
}

/* "smtps=submissions=465": several names may share the number that stands last. */
static bool find_known(struct slice service, uint16_t *port)
{
    struct slice rest = slice_from(known_ports), entry;
    uint64_t number;

    while ((entry = slice_word(&rest, ", \t\r\n")).ptr) {
        size_t last = slice_find_last(entry, '=');
        struct slice names = slice_sub(entry, 0, last), name;
        if (!slice_to_uint(slice_from_offset(entry, last + 1), 10, UINT16_MAX, &number))
            continue;
        while ((name = slice_word(&names, "=")).ptr) {
            if (!slice_same_nocase(name, service))
                continue;
            *port = (uint16_t)number;
            return true;
        }
    }
    return false;
}

int service_port(struct slice service, uint16_t *port, struct error *error)
{
    char name[SERVICE_NAME_BYTES];
    uint64_t number;

    if (service.len && slice_skip_any(service, "0123456789") == service.len) {
        if (!slice_to_uint(service, 10, UINT16_MAX, &number) || number == 0)
            return error_set(error, ERROR_PERMANENT, "bad port number: %.*s",
                             SLICE_ARG(service));
        *port = (uint16_t)number;
        return 0;
    }
    if (find_known(service, port))
        return 0;
    if (service.len == 0 || service.len >= sizeof(name))
        return error_set(error, ERROR_PERMANENT, "bad service name: \"%.*s\"",
                         SLICE_ARG(service));
    memcpy(name, service.ptr, service.len);
    name[service.len] = '\0';
    const struct servent *found = getservbyname(name, "tcp");
    if (!found)
        return error_set(error, ERROR_PERMANENT, "unknown service: %s/tcp", name);
    *port = ntohs((uint16_t)found->s_port);
    return 0;
}

/* Cut the text into what names the host and what names the port (ptr NULL: not given). */
static int split(struct slice text, enum hostport_alone alone, struct hostport *parts,
                 struct slice *service, struct error *error)
{
    struct endpoint address;
    size_t colon = slice_find_last(text, ':');

    *service = (struct slice){NULL, 0};
    if (slice_starts_with(text, "[")) {
        struct slice rest = slice_from_offset(text, 1);

        parts->host = slice_split(&rest, ']');
        parts->bracketed = true;
        if (parts->host.len + 1 == text.len)
            return bad(text, "missing \"]\"", error);
        if (rest.len && *rest.ptr != ':')
            return bad(text, "garbage after \"]\"", error);
        if (rest.len)
            *service = slice_from_offset(rest, 1);
        return parts->host.len ? 0 : bad(text, "empty host", error);
    }
    if (colon == text.len && alone == HOSTPORT_ALONE_IS_PORT) {
        *service = text;
    } else if (colon == text.len || endpoint_parse(&address, text, 0) == 0) {
        parts->host = text; /* a bare IPv6 address has colons of its own */
    } else {
        parts->host = slice_sub(text, 0, colon);
        *service = slice_from_offset(text, colon + 1);
    }
    return 0;
}

int hostport_parse(struct hostport *hostport, struct slice text, enum hostport_alone alone,
                   uint16_t default_port, struct error *error)
{
    struct hostport parts = {.port = default_port};
    struct slice service;

    if (split(text, alone, &parts, &service, error) < 0)
        return -1;
    if (slice_find_any(parts.host, " \t\r\n[]/") < parts.host.len)
        return bad(text, "bad character in host", error);
    if (service.len == 0 && default_port == 0)
        return bad(text, "missing port", error);
    if (service.len > 0 && service_port(service, &parts.port, error) < 0)
        return -1;
    if (parts.host.len == 0 && service.len == 0)
        return bad(text, "missing host", error);
    *hostport = parts;
    return 0;
}

int socket_name_parse(struct socket_name *name, struct slice text, struct error *error)
{
    struct slice rest = text;
    struct slice kind = slice_split(&rest, ':');

    if (slice_equals(kind, "unix") || slice_equals(kind, "local")) {
        if (rest.len == 0)
            return error_set(error, ERROR_PERMANENT, "no path in \"%.*s\"", SLICE_ARG(text));
        *name = (struct socket_name){.kind = SOCKET_UNIX, .path = rest};
        return 0;
    }
    if (!slice_equals(kind, "inet"))
        return error_set(error, ERROR_PERMANENT,
                         "\"%.*s\" is neither inet:host:port nor unix:path", SLICE_ARG(text));
    struct socket_name found = {.kind = SOCKET_INET};
    if (hostport_parse(&found.inet, rest, HOSTPORT_ALONE_IS_PORT, 0, error) < 0)
        return -1;
    *name = found;
    return 0;
}

/*
 * tassis check: do entries of master.cf get into each other's way? Of two with the same name
 * and type the later one counts, and an address and port can be listened on once.
 */
#include <string.h>

#include "check.h"
#include "conf/interfaces.h"
#include "conf/params.h"
#include "net/endpoint.h"
#include "net/hostport.h"

#define KIND "duplicate-service"

struct listeners {
    struct check *check;
    struct own_addresses own; /* of inet_interfaces; n is 0 for "all" */
};

/* The same text, or the same address. Names are not looked up. */
static bool same_host(const char *a, const char *b)
{
    struct endpoint left, right;

    if (strcmp(a, b) == 0)
        return true;
    return endpoint_parse(&left, slice_from(a), 0) == 0 &&
           endpoint_parse(&right, slice_from(b), 0) == 0 &&
           endpoint_same_address(&left, &right);
}

/* A service without an address listens on those of inet_interfaces. */
static bool is_own(const struct listeners *listeners, const char *host)
{
    struct endpoint endpoint;

    if (listeners->own.n == 0)
        return true;
    if (endpoint_parse(&endpoint, slice_from(host), 0) < 0)
        return false;
    for (size_t i = 0; i < listeners->own.n; i++) {
        const struct own_address *own = &listeners->own.list[i];
        struct endpoint address = {.len = sizeof(own->address)};

        memcpy(&address.address, &own->address, sizeof(own->address));
        if (endpoint_same_address(&address, &endpoint))
            return true;
    }
    return false;
}

static bool same_listener(const struct listeners *listeners, const struct master_service *a,
                          const struct master_service *b)
{
    uint16_t port_a, port_b;

    if (a->type != MASTER_TYPE_INET || b->type != MASTER_TYPE_INET ||
        service_port(slice_from(a->port), &port_a, NULL) < 0 ||
        service_port(slice_from(b->port), &port_b, NULL) < 0 || port_a != port_b)
        return false;
    if (a->host[0] && b->host[0])
        return same_host(a->host, b->host);
    return (!a->host[0] && !b->host[0]) || is_own(listeners, a->host[0] ? a->host : b->host);
}

/* True, and reported: they cannot both be. */
static bool collide(const struct listeners *listeners, const struct master_service *earlier,
                    const struct master_service *service)
{
    struct report *to = listeners->check->report;

    if (earlier->type == service->type && strcmp(earlier->name, service->name) == 0) {
        report(to, SEVERITY_WARNING, check_place_of(KIND, service),
               "service %s %s is in line %d, too: the later entry alone counts", service->name,
               master_type_name(service->type), earlier->line);
        return true;
    }
    if (!same_listener(listeners, earlier, service))
        return false;
    report(to, SEVERITY_ERROR, check_place_of(KIND, service),
           "service %s listens on the same address and port as service %s in line %d",
           service->name, earlier->name, earlier->line);
    return true;
}

/* The first collision of each will do. */
static void compare_with_earlier(const struct listeners *listeners, size_t number)
{
    const struct master_service *services = listeners->check->master_cf.services;

    for (size_t i = 0; i < number; i++) {
        if (check_is_started(&services[i]) &&
            collide(listeners, &services[i], &services[number]))
            return;
    }
}

static void report_interfaces(struct check *check, const struct error *error)
{
    for (size_t i = 0; i < check->n_settings; i++) {
        const struct setting *setting = &check->settings[i];

        if (!setting->service && strcmp(setting->name, "inet_interfaces") == 0)
            report(check->report, SEVERITY_ERROR, check_place("bad-value", setting), "%s",
                   error->text);
    }
}

void check_listeners(struct check *check)
{
    struct listeners listeners = {.check = check};
    struct protocols protocols;
    struct error error;

    /* What is wrong with inet_protocols is said elsewhere: then all addresses are ours. */
    if (strcmp(params.inet_interfaces, "all") != 0 &&
        protocols_parse(&protocols, params.inet_protocols, &error) == 0 &&
        own_addresses_find(&listeners.own, params.inet_interfaces, protocols, &check->arena,
                           &error) < 0) {
        listeners.own.n = 0;
        report_interfaces(check, &error);
    }
    for (size_t i = 1; i < check->n_own_services; i++) {
        if (check_is_started(&check->master_cf.services[i]))
            compare_with_earlier(&listeners, i);
    }
}

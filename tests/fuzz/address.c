/* Addresses, networks and host:port texts, as they stand in tables and come from clients. */
#include <stdint.h>

#include "base/bug.h"
#include "net/endpoint.h"
#include "net/hostport.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An address has a text, and the text is that address. */
static void check_endpoint(struct slice text)
{
    struct endpoint endpoint, again;
    char buffer[ENDPOINT_TEXT_BYTES], literal[ENDPOINT_TEXT_BYTES + 8];

    if (endpoint_parse(&endpoint, text, 25) < 0)
        return;
    bug_if(endpoint_parse(&again, slice_from(endpoint_text(&endpoint, buffer)), 25) < 0);
    bug_if(!endpoint_same_address(&endpoint, &again));
    endpoint_literal(&endpoint, literal);
    endpoint_unmap(&endpoint);
    bug_if(!endpoint_same_address(&endpoint, &again));
}

static void check_network(struct slice text)
{
    struct network network;
    struct endpoint first;
    struct error error = ERROR_INIT;

    if (network_parse(&network, text, &error) < 0) {
        bug_if(error.kind != ERROR_PERMANENT || error.text[0] == '\0');
        return;
    }
    endpoint_set(&first, network.family, network.address, 0);
    endpoint_unmap(&first);
    /* A network of v4-mapped addresses contains no endpoint, since those count as IPv4. */
    bug_if(endpoint_family(&first) == network.family && !network_contains(&network, &first));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_of(data, size);
    struct hostport hostport;
    struct socket_name name;

    check_endpoint(text);
    check_network(text);
    (void)!hostport_parse(&hostport, text, HOSTPORT_ALONE_IS_HOST, 25, NULL);
    (void)!hostport_parse(&hostport, text, HOSTPORT_ALONE_IS_PORT, 0, NULL);
    (void)!socket_name_parse(&name, text, NULL);
    return 0;
}

#include "net/proxy_protocol.h"

#include <string.h>
#include <sys/socket.h>

#define V1_MOST_BYTES 107 /* with CR LF */
#define V2_FIXED      16  /* signature, version and command, family, length */

static const char signature[12] = "\r\n\r\n\0\r\nQUIT\n";

static enum proxy_result bad(struct error *error, const char *text)
{
    error_set(error, ERROR_PERMANENT, "%s", text);
    return PROXY_BAD;
}

/* True when the bytes are the start of the text, or the text the start of the bytes. */
static bool may_start_with(struct slice bytes, struct slice text)
{
    return slice_same(slice_sub(bytes, 0, text.len), slice_sub(text, 0, bytes.len));
}

/* The next word of a version 1 line; words are separated by one blank. */
static struct slice next_word(struct slice *line)
{
    return slice_split(line, ' ');
}

static int parse_v1_address(struct endpoint *endpoint, int family, struct slice text)
{
    struct endpoint found;

    if (slice_find(text, '%') < text.len || endpoint_parse(&found, text, 0) < 0 ||
        endpoint_family(&found) != family)
        return -1;
    *endpoint = found;
    return 0;
}

static int parse_v1_port(struct endpoint *endpoint, struct slice text)
{
    uint64_t port;

    if (!slice_to_uint(text, 10, UINT16_MAX, &port))
        return -1;
    endpoint_set_port(endpoint, (uint16_t)port);
    return 0;
}

/* "TCP4 192.0.2.1 192.0.2.2 1234 25", what stands behind "PROXY ". */
static enum proxy_result parse_v1_line(struct proxy_header *header, struct slice line,
                                       struct error *error)
{
    struct slice protocol = next_word(&line);
    int family = slice_equals(protocol, "TCP4")   ? AF_INET
                 : slice_equals(protocol, "TCP6") ? AF_INET6
                                                  : AF_UNSPEC;

    if (slice_equals(protocol, "UNKNOWN"))
        return PROXY_OK; /* the rest of the line, if any, means nothing */
    if (family == AF_UNSPEC)
        return bad(error, "bad or missing protocol type");
    if (parse_v1_address(&header->client, family, next_word(&line)) < 0)
        return bad(error, "bad or missing client address");
    if (parse_v1_address(&header->server, family, next_word(&line)) < 0)
        return bad(error, "bad or missing server address");
    if (parse_v1_port(&header->client, next_word(&line)) < 0)
        return bad(error, "bad or missing client port");
    if (parse_v1_port(&header->server, line) < 0)
        return bad(error, "bad or missing server port");
    header->has_addresses = true;
    return PROXY_OK;
}

static enum proxy_result parse_v1(struct proxy_header *header, struct slice bytes,
                                  struct error *error)
{
    struct slice line = slice_sub(bytes, 0, V1_MOST_BYTES);
    size_t end = slice_find(line, '\n');

    if (end == line.len && line.len < V1_MOST_BYTES)
        return PROXY_NEED_MORE;
    if (end == line.len || end == 0 || line.ptr[end - 1] != '\r')
        return bad(error, "missing protocol header terminator");
    header->len = end + 1;
    line = slice_sub(line, 0, end - 1);
    return parse_v1_line(header, slice_from_offset(line, strlen("PROXY ")), error);
}

static uint16_t number_at(struct slice bytes, size_t offset)
{
    const unsigned char *p = (const unsigned char *)bytes.ptr + offset;

    return (uint16_t)(p[0] << 8 | p[1]);
}

/* Both addresses, then both ports. */
static enum proxy_result parse_v2_addresses(struct proxy_header *header, unsigned char family,
                                            struct slice addresses, struct error *error)
{
    int address_family = family == 0x11 ? AF_INET : AF_INET6;
    size_t size = address_family == AF_INET ? 4 : 16;

    if (family != 0x11 && family != 0x21)
        return bad(error, "unsupported network protocol");
    if (addresses.len < 2 * size + 4)
        return bad(error, "short address field");
    endpoint_set(&header->client, address_family, addresses.ptr,
                 number_at(addresses, 2 * size));
    endpoint_set(&header->server, address_family, addresses.ptr + size,
                 number_at(addresses, 2 * size + 2));
    header->has_addresses = true;
    return PROXY_OK;
}

static enum proxy_result parse_v2(struct proxy_header *header, struct slice bytes,
                                  struct error *error)
{
    if (bytes.len < V2_FIXED)
        return PROXY_NEED_MORE;
    unsigned char version = (unsigned char)bytes.ptr[12] >> 4;
    unsigned char command = bytes.ptr[12] & 0x0f;
    if (version != 2)
        return bad(error, "unrecognized protocol version");
    if (command > 1)
        return bad(error, "bad command in proxy header");
    header->len = V2_FIXED + (size_t)number_at(bytes, 14);
    if (header->len > PROXY_HEADER_MOST_BYTES)
        return bad(error, "protocol header too long");
    if (bytes.len < header->len)
        return PROXY_NEED_MORE;
    if (command ==
        0) /* LOCAL: a health check; whatever addresses it brings are to be ignored */
        return PROXY_OK;
    return parse_v2_addresses(header, (unsigned char)bytes.ptr[13],
                              slice_sub(bytes, V2_FIXED, header->len - V2_FIXED), error);
}

enum proxy_result proxy_header_parse(struct proxy_header *header, struct slice bytes,
                                     struct error *error)
{
    struct slice magic = slice_of(signature, sizeof(signature));
    struct proxy_header found = {0};
    enum proxy_result result;

    if (may_start_with(bytes, magic))
        result = parse_v2(&found, bytes, error);
    else if (may_start_with(bytes, SLICE("PROXY ")))
        result = parse_v1(&found, bytes, error);
    else
        return bad(error, "unrecognized protocol header");
    if (result == PROXY_OK) {
        endpoint_unmap(&found.client);
        endpoint_unmap(&found.server);
        *header = found;
    }
    return result;
}

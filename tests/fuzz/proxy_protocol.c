/* What a client claims to be a proxy's header. */
#include "net/proxy_protocol.h"

#include <stdint.h>

#include "base/bug.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct proxy_header header, again;
    struct slice bytes = slice_of(data, size);
    char text[ENDPOINT_TEXT_BYTES];

    if (proxy_header_parse(&header, bytes, NULL) != PROXY_OK)
        return 0;
    /* What follows the header makes no difference, and every shorter input needs more. */
    bug_if(header.len > size || header.len > PROXY_HEADER_MOST_BYTES);
    bug_if(proxy_header_parse(&again, slice_sub(bytes, 0, header.len), NULL) != PROXY_OK);
    bug_if(again.len != header.len || again.has_addresses != header.has_addresses);
    bug_if(proxy_header_parse(&again, slice_sub(bytes, 0, header.len - 1), NULL) !=
           PROXY_NEED_MORE);
    bug_if(header.has_addresses != (endpoint_family(&header.client) != AF_UNSPEC));
    endpoint_text(&header.client, text);
    endpoint_text(&header.server, text);
    return 0;
}

/* Address lists of headers: taken apart and composed. */
#include <stdint.h>

#include "base/bug.h"
#include "mail/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TOKENS_MAX 10240 /* header_address_token_limit */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    CLEANUP(buf_release) struct buf composed = BUF_INIT;
    struct header_address_list list;

    header_address_parse(slice_of(data, size), &arena, TOKENS_MAX, &list);
    for (size_t i = 0; i < list.n_addresses; i++) {
        struct slice address = list.addresses[i].address;

        /* A line end in an address would become a header of its own. */
        bug_if(slice_find(address, '\n') < address.len);
        address_unquoted(&arena, address);
    }
    header_address_compose(&composed, &list, 4);
    bug_if(composed.len > 8 * size + 16);
    return 0;
}

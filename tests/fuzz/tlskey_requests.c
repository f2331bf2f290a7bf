/*
 * Requests to tlskey from a worker that has been taken over, and PEM text as it may stand in a
 * file.
 * links: tlskey/
 */
#include <stdint.h>

#include "../../tlskey/keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(struct slice body)
{
    CLEANUP(buf_release) struct buf result = BUF_INIT;
    struct tlskey_use request;
    struct error error;

    if (message_decode(MESSAGE_tlskey_use, body, &request, &error) == 0)
        (void)!keys_use(&request, &result, &error);
}

static void read_pem(struct slice pem)
{
    CLEANUP(buf_release) struct buf chains = BUF_INIT;
    CLEANUP(buf_release) struct buf names = BUF_INIT;
    struct error error;

    (void)!keys_read(pem, &chains, &names, &error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of(data, size);

    if (size && data[0] == '-')
        read_pem(input);
    else
        use(input);
    return 0;
}

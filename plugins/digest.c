/*
 * digest: message digests by name, for tables that want one. No table type: loaded where a
 * parameter names a digest, since most programs need no library of cryptography.
 */
/* needs: libcrypto */
#include <openssl/evp.h>

#include "base/poison.h"
#include "table/plugin.h"

_Static_assert(EVP_MAX_MD_SIZE <= PLUGIN_DIGEST_BYTES, "room for every digest");

static long compute(const char *name, const char *bytes, size_t len, unsigned char *digest)
{
    const EVP_MD *kind = EVP_get_digestbyname(name);
    unsigned digest_len = 0;

    if (!kind || EVP_Digest(bytes, len, digest, &digest_len, kind, NULL) != 1)
        return -1;
    return (long)digest_len;
}

const struct digest_plugin digest_plugin = {.abi = TABLE_PLUGIN_ABI, .compute = compute};

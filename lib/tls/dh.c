#include "tls/dh.h"

#include <fcntl.h>
#include <openssl/decoder.h>
#include <openssl/err.h>
#include <string.h>

#include "base/buf.h"
#include "base/fd.h"

#define FILE_MAX ((size_t)1 << 20)

static EVP_PKEY *decode(int fd)
{
    CLEANUP(buf_release) struct buf pem = BUF_INIT;
    EVP_PKEY *key = NULL;
    struct error trouble;

    if (fd_read_all(fd, &pem, FILE_MAX, &trouble) < 0)
        return NULL;
    OSSL_DECODER_CTX *decoder = OSSL_DECODER_CTX_new_for_pkey(
        &key, "PEM", NULL, "DH", EVP_PKEY_KEY_PARAMETERS, NULL, NULL);
    const unsigned char *bytes = (const unsigned char *)pem.data;
    size_t len = pem.len;

    if (decoder && !OSSL_DECODER_from_data(decoder, &bytes, &len)) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    OSSL_DECODER_CTX_free(decoder);
    ERR_clear_error();
    return key;
}

EVP_PKEY *dh_read(const char *path, struct error *error)
{
    if (!path || !*path || strcmp(path, "none") == 0 || strcmp(path, "auto") == 0)
        return NULL;
    CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        error_set(error, ERROR_PERMANENT,
                  "error opening DH parameter file \"%s\": %m -- using compiled-in defaults",
                  path);
        return NULL;
    }
    EVP_PKEY *key = decode(fd);

    if (!key)
        error_set(error, ERROR_PERMANENT,
                  "error decoding DH parameters from file \"%s\" -- using compiled-in defaults",
                  path);
    return key;
}

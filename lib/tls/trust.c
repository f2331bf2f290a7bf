#include "tls/trust.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/slice.h"
#include "conf/params.h"
#include "table/shared.h"
#include "tls/openssl.h"

#define FILE_MAX_BYTES ((size_t)16 << 20)

/* How many there were in the bytes; -1 when they are not as they should be. */
static int add_certificates(X509_STORE *store, struct slice pem)
{
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    X509 *certificate;
    int n = 0;

    /* Reads "TRUSTED CERTIFICATE" as well. */
    while ((certificate = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL))) {
        n += X509_STORE_add_cert(store, certificate);
        X509_free(certificate);
    }
    BIO_free(bio);
    unsigned long code = ERR_peek_last_error();

    if (ERR_GET_LIB(code) != ERR_LIB_PEM || ERR_GET_REASON(code) != PEM_R_NO_START_LINE)
        return -1;
    ERR_clear_error();
    return n;
}

static int add_file(X509_STORE *store, const char *path, struct error *error)
{
    CLEANUP(buf_release) struct buf pem = BUF_INIT;
    struct file_watch watch = FILE_WATCH_INIT;

    if (file_read_all(path, &pem, FILE_MAX_BYTES, error) < 0 ||
        file_watch_open(&watch, "open", path, error) < 0)
        return -1;
    table_shared_take_watch(&watch);
    int n = add_certificates(store, buf_slice(&pem));

    if (n < 0)
        return tls_error(error, ERROR_PERMANENT, "%s", path);
    if (n == 0)
        return error_set(error, ERROR_PERMANENT, "%s: there is no certificate in it", path);
    return 0;
}

/* "5ed36f99.0" */
static bool is_hash_name(struct slice name)
{
    uint64_t value;
    struct slice hash = slice_split(&name, '.');

    return hash.len == 8 && slice_to_uint(hash, 16, UINT32_MAX, &value) &&
           slice_to_uint(name, 10, UINT32_MAX, &value);
}

/* What is no good or not there is passed over, as a look-up by hash would do. */
static void add_directory(X509_STORE *store, const char *path)
{
    DIR *directory = opendir(path);
    const struct dirent *entry;

    if (!directory)
        return;
    while ((entry = readdir(directory))) {
        CLEANUP(buf_release) struct buf name = BUF_INIT;
        CLEANUP(buf_release) struct buf pem = BUF_INIT;

        if (!is_hash_name(slice_from(entry->d_name)))
            continue;
        buf_printf(&name, "%s/%s", path, entry->d_name);
        if (file_read_all(name.data, &pem, FILE_MAX_BYTES, NULL) == 0 &&
            add_certificates(store, buf_slice(&pem)) < 0)
            ERR_clear_error();
    }
    closedir(directory);
}

/* Where OpenSSL has the system's authorities; what is not there is not missed. */
static void add_defaults(X509_STORE *store)
{
    (void)!add_file(store, X509_get_default_cert_file(), NULL);
    add_directory(store, X509_get_default_cert_dir());
    ERR_clear_error();
}

X509_STORE *trust_open(const char *file, const char *path, struct error *error)
{
    X509_STORE *store = X509_STORE_new();
    bool has_any = (file && *file) || (path && *path);

    if (file && *file && add_file(store, file, error) < 0) {
        X509_STORE_free(store);
        return NULL;
    }
    if (path && *path)
        add_directory(store, path);
    if (has_any && params.tls_append_default_CA)
        add_defaults(store);
    return store;
}

STACK_OF(X509_NAME) * trust_names(const char *file)
{
    STACK_OF(X509_NAME) *names = file && *file ? SSL_load_client_CA_file(file) : NULL;

    ERR_clear_error();
    return names ? names : sk_X509_NAME_new_null();
}

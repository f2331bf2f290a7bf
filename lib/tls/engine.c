#include "tls/engine.h"

#include <openssl/evp.h>
#include <openssl/x509_vfy.h>

#include "base/log.h"
#include "tls/openssl.h"

static bool is_set(const char *text)
{
    return text && *text;
}

static bool has_digest(const struct tls_settings *settings)
{
    if (EVP_get_digestbyname(settings->fingerprint_digest))
        return true;
    log_warning("Digest algorithm \"%s\" not found", settings->fingerprint_digest);
    log_warning("disabling TLS support");
    return false;
}

/* Is it the file of authorities that stands in the way? OpenSSL says best why. */
static bool lacks_authorities(const struct tls_settings *settings)
{
    X509_STORE *store = X509_STORE_new();
    bool has_path = is_set(settings->ca_path);
    bool is_wrong =
        is_set(settings->ca_file) && !X509_STORE_load_file(store, settings->ca_file);

    X509_STORE_free(store);
    if (!is_wrong)
        return false;
    log_info("cannot load Certification Authority data, CAfile=\"%s\"%s%s%s: disabling TLS "
             "support",
             settings->ca_file, has_path ? ", CApath=\"" : "",
             has_path ? settings->ca_path : "", has_path ? "\"" : "");
    tls_log_problems();
    return true;
}

struct tls_context *tls_engine_start(const struct tls_settings *settings)
{
    struct error error = ERROR_INIT;

    if (tls_library_open(&error) < 0) {
        log_warning("%s: disabling TLS support", error.text);
        return NULL;
    }
    if (!has_digest(settings))
        return NULL;
    struct tls_context *context = tls_context_new(settings, &error);

    if (context && error.kind != ERROR_NONE)
        log_warning("%s", error.text);
    if (!context && !lacks_authorities(settings))
        log_warning("%s: disabling TLS support", error.text);
    return context;
}

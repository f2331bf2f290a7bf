#include "tls/openssl.h"

#include <openssl/conf.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/ssl.h>

#include "base/buf.h"
#include "base/log.h"
#include "conf/params.h"
#include "tls/remote_key.h"

/* tls_config_file: "default", "none" or a path; tls_config_name: the section, "" for default.
 */
static int load_configuration(struct error *error)
{
    const char *file = params.tls_config_file;
    const char *name = *params.tls_config_name ? params.tls_config_name : NULL;

    if (strcmp(file, "none") == 0)
        return OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) ? 0 : -1;
    if (strcmp(file, "default") == 0)
        file = NULL;
    if (CONF_modules_load_file_ex(NULL, file, name,
                                  CONF_MFLAGS_IGNORE_MISSING_FILE |
                                      CONF_MFLAGS_DEFAULT_SECTION) > 0)
        return 0;
    return tls_error(error, ERROR_PERMANENT, "tls_config_file %s, tls_config_name %s",
                     params.tls_config_file, params.tls_config_name);
}

int tls_library_open(struct error *error)
{
    static OSSL_PROVIDER *standard; /* as long as the process */
    static bool is_open;

    if (is_open)
        return 0;
    if (load_configuration(error) < 0)
        return -1;
    if (!OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS | OPENSSL_INIT_LOAD_CRYPTO_STRINGS |
                              OPENSSL_INIT_NO_LOAD_CONFIG,
                          NULL))
        return tls_error(error, ERROR_PERMANENT, "start OpenSSL");
    if (!standard)
        standard = OSSL_PROVIDER_load(NULL, "default");
    if (!standard)
        return tls_error(error, ERROR_PERMANENT, "start OpenSSL");
    if (remote_key_open(error) < 0)
        return -1;
    is_open = true;
    return 0;
}

void tls_log_problems(void)
{
    const char *file, *function, *data;
    unsigned long code;
    int line, flags;

    while ((code = ERR_get_error_all(&file, &line, &function, &data, &flags)) != 0) {
        char text[256];

        ERR_error_string_n(code, text, sizeof(text));
        if (flags & ERR_TXT_STRING)
            log_warning("TLS library problem: %s:%s:%d:%s:", text, file, line, data);
        else
            log_warning("TLS library problem: %s:%s:%d:", text, file, line);
    }
}

int tls_error(struct error *error, enum error_kind kind, const char *format, ...)
{
    const char *data = NULL;
    int flags = 0;
    unsigned long code = ERR_peek_last_error_all(NULL, NULL, NULL, &data, &flags);
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    struct buf text = BUF_INIT;
    va_list arguments;

    va_start(arguments, format);
    buf_vprintf(&text, format, arguments);
    va_end(arguments);
    if (code && ERR_SYSTEM_ERROR(code))
        reason = strerror(ERR_GET_REASON(code));
    if (reason)
        buf_printf(&text, ": %s", reason);
    if (reason && (flags & ERR_TXT_STRING) && *data)
        buf_printf(&text, " (%s)", data);
    ERR_clear_error();
    error_set(error, kind, "%s", text.data);
    buf_release(&text);
    return -1;
}

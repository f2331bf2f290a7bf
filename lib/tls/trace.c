#include "tls/trace.h"

#include <openssl/bio.h>
#include <openssl/x509.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "conf/params.h"

#define ROW_BYTES 16

bool trace_shows_steps(const struct tls_link *link)
{
    return link->trace.level >= TRACE_STEPS;
}

/* -- steps ------------------------------------------------------------------------------- */

static const char *side(int where)
{
    if (where & SSL_ST_CONNECT)
        return "SSL_connect";
    return where & SSL_ST_ACCEPT ? "SSL_accept" : "undefined";
}

static void note_alert(int where, int alert)
{
    if ((alert & 0xff) != SSL3_AD_CLOSE_NOTIFY)
        log_info("SSL3 alert %s:%s:%s", where & SSL_CB_READ ? "read" : "write",
                 SSL_alert_type_string_long(alert), SSL_alert_desc_string_long(alert));
}

/* Or is it going to go on? */
static bool has_failed(const SSL *ssl, int result)
{
    int reason = SSL_get_error(ssl, result);

    return reason != SSL_ERROR_WANT_READ && reason != SSL_ERROR_WANT_WRITE &&
           reason != SSL_ERROR_WANT_CLIENT_HELLO_CB;
}

static void note_step(const SSL *ssl, int where, int result)
{
    if (where & SSL_CB_LOOP) {
        log_info("%s:%s", side(where), SSL_state_string_long(ssl));
    } else if (where & SSL_CB_ALERT) {
        note_alert(where, result);
    } else if (where == SSL_CB_CONNECT_EXIT || where == SSL_CB_ACCEPT_EXIT) {
        if (result == 0)
            log_info("%s:failed in %s", side(where), SSL_state_string_long(ssl));
        else if (result < 0 && has_failed(ssl, result))
            log_info("%s:error in %s", side(where), SSL_state_string_long(ssl));
    }
}

void trace_certificate(const struct tls_link *link, X509_STORE_CTX *store, bool is_good)
{
    X509 *certificate = X509_STORE_CTX_get_current_cert(store);
    char subject[256] = "";

    if (!trace_shows_steps(link))
        return;
    if (certificate)
        X509_NAME_oneline(X509_get_subject_name(certificate), subject, sizeof(subject));
    log_info("%s: depth=%d verify=%d subject=%s", link->trace.name,
             X509_STORE_CTX_get_error_depth(store), is_good, subject);
}

/* -- bytes ------------------------------------------------------------------------------- */

static void log_row(size_t offset, struct slice bytes)
{
    CLEANUP(buf_release) struct buf line = BUF_INIT;

    buf_printf(&line, "%04zx ", offset);
    for (size_t i = 0; i < ROW_BYTES; i++) {
        if (i < bytes.len)
            buf_printf(&line, "%02x%c", (unsigned char)bytes.ptr[i],
                       i == ROW_BYTES / 2 - 1 ? '|' : ' ');
        else
            buf_add_text(&line, "   ");
    }
    buf_add_char(&line, ' ');
    for (size_t i = 0; i < bytes.len; i++) {
        buf_add_char(&line, ascii_is_print(bytes.ptr[i]) ? bytes.ptr[i] : '.');
        if (i == ROW_BYTES / 2 - 1)
            buf_add_char(&line, ' ');
    }
    log_info("%s", line.data);
}

/* Blanks and NULs at the end are not shown. */
static void dump(struct slice bytes)
{
    size_t len = bytes.len;

    while (len > 0 && (bytes.ptr[len - 1] == ' ' || bytes.ptr[len - 1] == '\0'))
        len--;
    for (size_t at = 0; at < len; at += ROW_BYTES)
        log_row(at, slice_sub(slice_sub(bytes, 0, len), at, ROW_BYTES));
    if (len < bytes.len)
        log_info("%04zx - <SPACES/NULLS>", len);
}

/* How many of the bytes may still be shown; once it is said that no more will be. */
static size_t allow(struct tls_link *link, size_t len)
{
    size_t allowed = (int64_t)len < link->trace.left ? len : (size_t)link->trace.left;

    link->trace.left -= (int64_t)allowed;
    if (allowed < len && !link->trace.is_cut) {
        link->trace.is_cut = true;
        log_info("%s: TLS trace size limit reached, no more bytes are shown", link->trace.name);
    }
    return allowed;
}

/* As BIO_callback_fn_ex wants it: */
/* NOLINTBEGIN(readability-function-size,readability-non-const-parameter) */
static long note_bytes(BIO *bio, int operation, const char *data, size_t len, int argi,
                       long argl, int result, size_t *processed)
{
    struct tls_link *link = BIO_get_data(bio);
    bool reads = operation == (BIO_CB_READ | BIO_CB_RETURN);
    size_t count = result > 0 && processed ? *processed : 0;
    size_t allowed;

    (void)argi;
    (void)argl;
    if ((!reads && operation != (BIO_CB_WRITE | BIO_CB_RETURN)) || link->trace.is_cut)
        return result;
    allowed = allow(link, count);
    if (allowed < count)
        return result;
    if (count > 0)
        log_info("%s %lX [%lX] (%zu bytes => %zu (0x%zX))", reads ? "read from" : "write to",
                 (unsigned long)bio, (unsigned long)data, len, count, count);
    else
        log_info("%s %lX [%lX] (%zu bytes => %d)", reads ? "read from" : "write to",
                 (unsigned long)bio, (unsigned long)data, len, BIO_should_retry(bio) ? -1 : 0);
    dump(slice_of(data, count));
    return result;
}

/* NOLINTEND(readability-function-size,readability-non-const-parameter) */

/* tls_trace_rate_limit, of this process; 0 is no limit. */
static bool is_within_rate(void)
{
    static int64_t second;
    static int n_traced;
    int64_t now = time_now_ms() / 1000;

    if (params.tls_trace_rate_limit <= 0)
        return true;
    if (now != second) {
        second = now;
        n_traced = 0;
    }
    return n_traced++ < params.tls_trace_rate_limit;
}

/* -- life -------------------------------------------------------------------------------- */

void trace_begin(struct tls_link *link, const struct tls_log *log)
{
    link->trace.level = log->level;
    if (!trace_shows_steps(link))
        return;
    link->trace.name = mem_dup_text(log->name);
    SSL_set_info_callback(link->ssl, note_step);
    if (log->level < TRACE_HANDSHAKE || !is_within_rate())
        return;
    link->trace.left = log->trace_limit_bytes;
    SSL_set_read_ahead(link->ssl, 0); /* a record's header and its body are two lines */
    BIO_set_callback_ex(SSL_get_rbio(link->ssl), note_bytes);
}

void trace_handshake_end(struct tls_link *link)
{
    if (link->trace.level == TRACE_HANDSHAKE) {
        BIO_set_callback_ex(SSL_get_rbio(link->ssl), NULL);
        SSL_set_read_ahead(link->ssl, 1);
    }
}

void trace_release(struct tls_link *link)
{
    mem_free(link->trace.name);
    link->trace.name = NULL;
}

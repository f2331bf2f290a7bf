#include "tls/link.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "tls/context_private.h"
#include "tls/openssl.h"
#include "tls/trace.h"

/* More than this is not kept for a peer that does not read. */
#define OUT_MAX_BYTES ((size_t)96 << 10)

/* Encrypted at a time, then sent with one system call. */
#define WRITE_MAX_BYTES ((size_t)64 << 10)

/* -- what OpenSSL takes for its socket -- */

static int bio_write(BIO *bio, const char *data, size_t len, size_t *written)
{
    struct tls_link *link = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    if (link->out.len - link->sent > OUT_MAX_BYTES) {
        BIO_set_retry_write(bio);
        return 0;
    }
    buf_add(&link->out, data, len);
    *written = len;
    return 1;
}

static int bio_read(BIO *bio, char *data, size_t size, size_t *got)
{
    struct tls_link *link = BIO_get_data(bio);
    ssize_t n;

    BIO_clear_retry_flags(bio);
    if (link->is_drained) {
        BIO_set_retry_read(bio);
        return 0;
    }
    do
        n = recv(link->fd, data, size, 0);
    while (n < 0 && errno == EINTR);
    if (n > 0) {
        link->is_drained = (size_t)n < size;
        *got = (size_t)n;
        return 1;
    }
    if (n == 0)
        BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    else if (errno == EAGAIN)
        BIO_set_retry_read(bio);
    else
        link->saved_errno = errno;
    return 0;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    (void)number;
    (void)pointer;
    switch (command) {
    case BIO_CTRL_FLUSH: /* we send when we are about to wait */
    case BIO_CTRL_DUP:
        return 1;
    case BIO_CTRL_EOF:
        return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
    default:
        return 0;
    }
}

static const BIO_METHOD *bio_method(void)
{
    static BIO_METHOD *method;

    if (method)
        return method;
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "tassis");
    if (!method || !BIO_meth_set_write_ex(method, bio_write) ||
        !BIO_meth_set_read_ex(method, bio_read) || !BIO_meth_set_ctrl(method, bio_control)) {
        BIO_meth_free(method);
        method = NULL;
    }
    return method;
}

static bool set_bio(struct tls_link *link)
{
    const BIO_METHOD *method = bio_method();
    BIO *bio = method ? BIO_new(method) : NULL;

    if (!bio)
        return false;
    BIO_set_data(bio, link);
    BIO_set_init(bio, 1);
    SSL_set_bio(link->ssl, bio, bio);
    return true;
}

struct tls_link *link_new(struct tls_context *context, int fd, struct error *error)
{
    struct tls_link *link = mem_new(struct tls_link);

    link->fd = fd;
    link->out = link->sni = link->wanted_session = link->session_id = BUF_INIT;
    link->context = context_hold(context);
    ERR_clear_error();
    link->ssl = SSL_new(context_current(context));
    if (!link->ssl || !set_bio(link) || !SSL_set_app_data(link->ssl, link)) {
        tls_error(error, ERROR_TEMPORARY, "new TLS connection");
        link_free(link);
        return NULL;
    }
    return link;
}

void link_free(struct tls_link *link)
{
    if (!link)
        return;
    SSL_free(link->ssl);
    trace_release(link);
    X509_free(link->culprit);
    SSL_SESSION_free(link->found_session);
    tls_context_free(link->context);
    buf_release(&link->out);
    buf_release(&link->sni);
    buf_release(&link->wanted_session);
    buf_release(&link->session_id);
    mem_free(link);
}

struct tls_link *link_from_ssl(const SSL *ssl)
{
    return SSL_get_app_data(ssl);
}

enum link_outcome link_outcome(struct tls_link *link, int result)
{
    switch (SSL_get_error(link->ssl, result)) {
    case SSL_ERROR_NONE:
        return LINK_DONE;
    case SSL_ERROR_WANT_READ:
        return LINK_WANTS_READ;
    case SSL_ERROR_WANT_WRITE: /* our own bound: the peer does not read */
        link->saved_errno = ENOBUFS;
        break;
    case SSL_ERROR_WANT_CLIENT_HELLO_CB:
        return LINK_WANTS_LOOKUP;
    case SSL_ERROR_ZERO_RETURN:
        return LINK_CLOSED;
    default:
        break;
    }
    link->has_failed = true;
    return LINK_FAILED;
}

int link_push(struct tls_link *link)
{
    while (link->sent < link->out.len) {
        ssize_t n = send(link->fd, link->out.data + link->sent, link->out.len - link->sent,
                         MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return 1;
        if (n < 0) {
            link->has_failed = true;
            link->saved_errno = errno;
            return -1;
        }
        link->sent += (size_t)n;
    }
    link->sent = 0;
    buf_reset(&link->out);
    return 0;
}

/* -- the stream's layer -- */

static ssize_t fail(struct tls_link *link)
{
    ERR_clear_error();
    errno = link->saved_errno ? link->saved_errno : EPROTO;
    return -1;
}

/* The next read may wait without asking OpenSSL and the socket first. */
static bool is_empty(const struct tls_link *link)
{
    return link->is_drained && !SSL_has_pending(link->ssl) && link->out.len == 0;
}

static ssize_t layer_read(struct stream *stream, void *data, size_t len, unsigned *wait_for)
{
    struct tls_link *link = stream->layer_data;
    size_t got = 0;

    ERR_clear_error();
    link->saved_errno = 0;
    link->is_drained = false;
    int result = SSL_read_ex(link->ssl, data, len, &got);

    if (result > 0) {
        stream->drained = is_empty(link);
        return (ssize_t)got;
    }
    switch (link_outcome(link, result)) {
    case LINK_WANTS_READ:
        break;
    case LINK_CLOSED:
        return 0;
    case LINK_DONE:
    case LINK_WANTS_LOOKUP:
    case LINK_FAILED:
    default:
        return fail(link);
    }
    /* We are about to wait: what is left of the handshake must have gone. */
    int pushed = link_push(link);

    if (pushed < 0)
        return fail(link);
    if (pushed == 0)
        buf_release(&link->out);
    *wait_for = pushed == 0 ? EPOLLIN : EPOLLOUT;
    errno = EAGAIN;
    return -1;
}

/* Encrypt up to WRITE_MAX_BYTES. False: no more of this connection. */
static bool encrypt(struct tls_link *link, const char *data, size_t len)
{
    if (len > WRITE_MAX_BYTES)
        len = WRITE_MAX_BYTES;
    ERR_clear_error();
    link->saved_errno = 0;
    while (link->accepted < len) {
        size_t n = 0;
        int result = SSL_write_ex(link->ssl, data + link->accepted, len - link->accepted, &n);

        if (result <= 0) {
            link_outcome(link, result);
            link->has_failed = true;
            return false;
        }
        link->accepted += n;
    }
    return true;
}

static void say_goodbye(struct tls_link *link)
{
    SSL_shutdown(link->ssl);
    ERR_clear_error();
    link->has_said_goodbye = true;
}

/*
 * Bytes count as written when all of them have gone, in whatever number of calls: the caller
 * comes again with the same ones after EAGAIN.
 */
static ssize_t layer_write(struct stream *stream, const void *data, size_t len,
                           unsigned *wait_for)
{
    struct tls_link *link = stream->layer_data;

    if (link->accepted == 0 && !encrypt(link, data, len))
        return fail(link);
    if (stream->is_ending && link->accepted == len && !link->has_said_goodbye)
        say_goodbye(link);
    int pushed = link_push(link);

    if (pushed < 0)
        return fail(link);
    if (pushed > 0) {
        *wait_for = EPOLLOUT;
        errno = EAGAIN;
        return -1;
    }
    size_t n = link->accepted < len ? link->accepted : len;

    link->accepted = 0;
    return (ssize_t)n;
}

/* The goodbye goes if the socket takes it; nobody waits for the peer's. */
static void layer_release(struct stream *stream)
{
    struct tls_link *link = stream->layer_data;

    if (!link->has_failed && link->accepted == 0 && !link->has_said_goodbye) {
        say_goodbye(link);
        (void)!link_push(link);
    }
    link_free(link);
}

static const struct stream_layer layer = {layer_read, layer_write, layer_release};

void link_attach(struct tls_link *link, struct stream *stream)
{
    stream_set_layer(stream, &layer, link);
}

struct tls_link *link_of(const struct stream *stream)
{
    return stream->layer == &layer ? stream->layer_data : NULL;
}

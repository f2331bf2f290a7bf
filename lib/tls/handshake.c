#include "tls/handshake.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/mem.h"
#include "co/co.h"
#include "mail/address.h"
#include "net/socket.h"
#include "tls/context_private.h"
#include "tls/facts.h"
#include "tls/link.h"
#include "tls/openssl.h"
#include "tls/sessions.h"
#include "tls/trace.h"

/* One side of a handshake. */
struct handshake {
    struct stream *stream;
    struct tls_link *link;
    const struct tls_log *log;
    const char *function; /* "SSL_accept", for the log */
};

/* -- waiting ----------------------------------------------------------------------------- */

static int wait_for(const struct handshake *handshake, uint32_t events, struct error *error)
{
    switch (co_wait_drained(handshake->link->fd, events, handshake->stream->deadline)) {
    case WAKE_READY:
        return 0;
    case WAKE_TIMEOUT:
        handshake->stream->state = STREAM_TIMEOUT;
        return error_set(error, ERROR_TEMPORARY, "Connection timed out");
    case WAKE_CANCELLED:
    default:
        handshake->stream->state = STREAM_CANCELLED;
        return error_set(error, ERROR_TEMPORARY, "cancelled");
    }
}

static int broken(const struct handshake *handshake, struct error *error)
{
    handshake->stream->state = STREAM_FAILED;
    handshake->stream->saved_errno = handshake->link->saved_errno;
    if (handshake->link->saved_errno)
        return error_set(error, ERROR_TEMPORARY, "%s", strerror(handshake->link->saved_errno));
    return error_set(error, ERROR_TEMPORARY, "lost connection");
}

static int push_all(const struct handshake *handshake, struct error *error)
{
    int pushed;

    while ((pushed = link_push(handshake->link)) > 0) {
        if (wait_for(handshake, EPOLLOUT, error) < 0)
            return -1;
    }
    return pushed < 0 ? broken(handshake, error) : 0;
}

/* -- the name that the client asks for ---------------------------------------------------- */

static int look_up_name(const struct handshake *handshake, struct error *error)
{
    struct tls_link *link = handshake->link;
    struct slice name = buf_slice(&link->sni);
    SSL_CTX *found = NULL;

    if (name.len == 0 || !hostname_is_valid(name))
        return 0;
    if (context_for_name(link->context, name, handshake->stream->deadline, &found, error) < 0)
        return -1;
    link->sni_is_known = found != NULL;
    if (!found && handshake->log->level >= 1)
        log_info("TLS SNI %s from %s not matched, using default chain", link->sni.data,
                 handshake->log->name);
    if (found && !SSL_set_SSL_CTX(link->ssl, found))
        return tls_error(error, ERROR_TEMPORARY, "certificate of %s", link->sni.data);
    return 0;
}

/* -- the exchange ------------------------------------------------------------------------ */

/* OpenSSL has something to say, or the peer has gone. The alert goes if it can. */
static int refused(const struct handshake *handshake, struct error *error)
{
    (void)!link_push(handshake->link);
    if (ERR_peek_error() == 0)
        return broken(handshake, error);
    handshake->stream->state = STREAM_FAILED;
    return error_set(error, ERROR_TEMPORARY, "-1");
}

static int shake_hands(const struct handshake *handshake, struct error *error)
{
    for (;;) {
        ERR_clear_error();
        handshake->link->saved_errno = 0;
        enum link_outcome outcome =
            link_outcome(handshake->link, SSL_do_handshake(handshake->link->ssl));

        switch (outcome) {
        case LINK_DONE: /* what is left to send goes with what comes next */
            return 0;
        case LINK_WANTS_LOOKUP:
            handshake->link->has_looked_up = true;
            if (look_up_name(handshake, error) < 0)
                return -1;
            sessions_find_wanted(handshake->link, handshake->stream->deadline);
            break;
        case LINK_WANTS_READ:
            if (push_all(handshake, error) < 0 || wait_for(handshake, EPOLLIN, error) < 0)
                return -1;
            handshake->link->is_drained = false;
            break;
        case LINK_CLOSED:
        case LINK_FAILED:
        default:
            return refused(handshake, error);
        }
    }
}

static void report_failure(const struct handshake *handshake, const struct error *error)
{
    log_info("%s error %s %s: %s", handshake->function,
             strcmp(handshake->function, "SSL_accept") == 0 ? "from" : "to",
             handshake->log->name, error->text);
    tls_log_problems();
}

static int run(struct handshake *handshake, struct error *error)
{
    if (shake_hands(handshake, error) == 0) {
        trace_handshake_end(handshake->link);
        link_attach(handshake->link, handshake->stream);
        return 0;
    }
    handshake->link->has_failed = true;
    report_failure(handshake, error);
    link_free(handshake->link);
    return -1;
}

/* Postfix names the side with some of the reasons. */
static const char *side_of(const struct handshake *handshake, const char *distrust)
{
    static const char *const with_side[] = {"num=", "certificate has expired",
                                            "certificate not yet valid"};

    for (size_t i = 0; i < ARRAY_SIZE(with_side); i++)
        if (slice_starts_with(slice_from(distrust), with_side[i]))
            return strcmp(handshake->function, "SSL_accept") == 0 ? "client " : "server ";
    return "";
}

/* Of a client Postfix shows the whole names, too. */
static void report_certificate(const struct handshake *handshake, const struct tls_peer *peer)
{
    X509 *certificate = SSL_get0_peer_certificate(handshake->link->ssl);
    bool is_server = strcmp(handshake->function, "SSL_accept") == 0;
    char name[256];

    if (peer->is_resumed && is_server) {
        log_info("%s: Reusing old session%s", handshake->log->name,
                 SSL_SESSION_has_ticket(SSL_get0_session(handshake->link->ssl))
                     ? " (RFC 5077 session ticket)"
                     : "");
    }
    if (!certificate || !peer->fingerprint.len)
        return;
    if (is_server) {
        X509_NAME_oneline(X509_get_subject_name(certificate), name, sizeof(name));
        log_info("subject=%s", name);
        X509_NAME_oneline(X509_get_issuer_name(certificate), name, sizeof(name));
        log_info("issuer=%s", name);
    }
    log_info("%s: subject_CN=%.*s, %s=%.*s, fingerprint=%.*s, pkey_fingerprint=%.*s",
             handshake->log->name, SLICE_ARG(peer->subject), is_server ? "issuer" : "issuer_CN",
             SLICE_ARG(peer->issuer), SLICE_ARG(peer->fingerprint),
             SLICE_ARG(peer->key_fingerprint));
}

static void report(const struct handshake *handshake, const struct tls_peer *peer,
                   bool logs_distrust)
{
    CLEANUP(buf_release) struct buf line = BUF_INIT;

    if (handshake->log->level < 1)
        return;
    if (logs_distrust && peer->distrust && peer->trust < TLS_VERIFIED)
        log_info("%scertificate verification failed for %s: %s",
                 side_of(handshake, peer->distrust), handshake->log->name, peer->distrust);
    if (handshake->log->level >= TRACE_STEPS)
        report_certificate(handshake, peer);
    tls_peer_summary(peer, strcmp(handshake->function, "SSL_accept") == 0 ? "from" : "to",
                     handshake->log->name, &line);
    log_info("%s", line.data);
}

/*
 * What we send goes in whole flights already; a ticket or a goodbye in front of the next reply
 * must not make that wait for the peer's delayed acknowledgement. Not every stream is TCP.
 */
static void send_at_once(int fd)
{
    int on = 1;

    (void)!setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static void announce(const struct handshake *handshake, const struct tls_terms *terms)
{
    struct error error;
    CLEANUP(mem_free_text)
    char *ciphers = tls_cipher_list(terms->cipher_grade, terms->exclude_ciphers, &error);

    log_info("setting up TLS connection %s %s",
             strcmp(handshake->function, "SSL_accept") == 0 ? "from" : "to",
             handshake->log->name);
    if (ciphers)
        log_info("%s: TLS cipher list \"%s\"", handshake->log->name, ciphers);
}

/* Plain bytes must be gone from the buffers: what was said in the open is not to be believed.
 */
static int begin(struct handshake *handshake, struct tls_context *context,
                 const struct tls_terms *terms, struct error *error)
{
    struct stream *stream = handshake->stream;

    stream_consume(stream, stream_pending(stream));
    if (stream_flush(stream) < 0)
        return error_set(error, ERROR_TEMPORARY, "%s", stream_trouble(stream));
    if (tls_context_renew(context, stream->deadline, error) < 0)
        return -1;
    send_at_once(stream->fd);
    handshake->link = link_new(context, stream->fd, error);
    if (!handshake->link)
        return -1;
    handshake->link->is_drained = stream->drained;
    if (handshake->log->level >= TRACE_STEPS)
        announce(handshake, terms);
    trace_begin(handshake->link, handshake->log);
    return 0;
}

int tls_accept(struct stream *stream, struct tls_context *context, const struct tls_log *log,
               struct arena *arena, struct tls_peer *peer, struct error *error)
{
    const struct tls_settings *settings = tls_context_settings(context);
    struct handshake handshake = {.stream = stream, .log = log, .function = "SSL_accept"};

    sessions_renew_keys(settings, stream->deadline);
    if (begin(&handshake, context, &settings->terms, error) < 0 || !handshake.link) {
        report_failure(&handshake, error);
        return -1;
    }
    SSL_set_accept_state(handshake.link->ssl);
    if (run(&handshake, error) < 0)
        return -1;
    *peer = TLS_PEER_NONE;
    peer->was_asked = settings->asks_certificate;
    facts_read(peer, handshake.link->ssl, TLS_SERVER, settings->fingerprint_digest, arena);
    if (handshake.link->sni_is_known)
        peer->sni = arena_slice(arena, buf_slice(&handshake.link->sni));
    report(&handshake, peer, settings->logs_distrust);
    return 0;
}

/* OpenSSL copies it, but wants it writable. */
static bool set_server_name(SSL *ssl, const char *name)
{
    CLEANUP(mem_free_text) char *text = mem_dup_text(name);

    return SSL_set_tlsext_host_name(ssl, text) == 1;
}

static int prepare(SSL *ssl, const struct tls_connect *options, struct error *error)
{
    const char *name = options->server_name;

    SSL_set_connect_state(ssl);
    if (name && *name && !set_server_name(ssl, name))
        return tls_error(error, ERROR_TEMPORARY, "server name %s", name);
    return facts_prepare(ssl, options, error);
}

/* Settings that mean nothing: no handshake, and the log names them in place of its failure. */
static int set_terms(const struct handshake *handshake, const struct tls_terms *terms,
                     struct error *error)
{
    if (tls_terms_apply(handshake->link->ssl, terms, error) == 0)
        return 0;
    log_warning("%s: %s", handshake->log->name, error->text);
    tls_log_problems();
    return -1;
}

/* A session of an earlier connection, if there is one; without it all goes its full way. */
static void resume(const struct handshake *handshake, struct slice id)
{
    struct tls_link *link = handshake->link;

    if (id.len == 0)
        return;
    buf_set(&link->session_id, id);
    sessions_resume(link, handshake->stream->deadline);
}

int tls_connect(struct stream *stream, struct tls_context *context,
                const struct tls_connect *options, struct arena *arena, struct tls_peer *peer,
                struct error *error)
{
    const struct tls_settings *settings = tls_context_settings(context);
    struct handshake handshake = {
        .stream = stream, .log = &options->log, .function = "SSL_connect"};

    if (begin(&handshake, context, &options->terms, error) < 0 || !handshake.link) {
        report_failure(&handshake, error);
        return -1;
    }
    if (set_terms(&handshake, &options->terms, error) < 0) {
        link_free(handshake.link);
        return -1;
    }
    if (prepare(handshake.link->ssl, options, error) < 0) {
        report_failure(&handshake, error);
        link_free(handshake.link);
        return -1;
    }
    resume(&handshake, options->session_id);
    if (run(&handshake, error) < 0)
        return -1;
    *peer = TLS_PEER_NONE;
    facts_read(peer, handshake.link->ssl, TLS_CLIENT, settings->fingerprint_digest, arena);
    facts_check(peer, handshake.link->ssl, options, arena);
    report(&handshake, peer, options->check != TLS_CHECK_NOTHING);
    return 0;
}

#include "tls/sessions.h"

#include <inttypes.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "co/co.h"
#include "conf/params.h"
#include "ipc/tlsmgr_client.h"
#include "tls/trace.h"

#define ANSWER_TIME    SECONDS(10)
#define RETRY_INTERVAL SECONDS(1)
#define SESSION_MAX    65536

/* -- tickets (RFC 5077) ------------------------------------------------------------------ */

static struct {
    struct tlsmgr_keys ring;
    int64_t renew_at;
    int64_t expiry; /* of the newest key, for the log: seconds of the clock on the wall */
    bool is_asking;
} tickets;

static bool uses_tickets(const struct tls_settings *settings)
{
    return settings->role == TLS_SERVER && settings->session_timeout_ms > 0 &&
           *params.tls_session_ticket_cipher != '\0';
}

static deadline_t sooner(deadline_t until)
{
    deadline_t ours = deadline_in(ANSWER_TIME);

    return ours < until ? ours : until;
}

void sessions_renew_keys(const struct tls_settings *settings, deadline_t until)
{
    struct tlsmgr_keys ring;
    struct error error;

    if (!uses_tickets(settings) || tickets.is_asking || time_now_ms() < tickets.renew_at)
        return;
    tickets.is_asking = true;
    if (tlsmgr_ticket_keys(&ring, sooner(until), &error) == 0) {
        tickets.ring = ring;
        tickets.renew_at = time_now_ms() + ring.renewal_ms;
        tickets.expiry = time_wall_seconds() + ring.renewal_ms / 1000;
    } else {
        log_warning("session tickets: %s", error.text);
        tickets.renew_at = time_now_ms() + RETRY_INTERVAL;
    }
    tickets.is_asking = false;
}

static const struct tlsmgr_ticket_key *find_key(const unsigned char name[16])
{
    for (size_t i = 0; i < tickets.ring.n_keys; i++) {
        if (memcmp(tickets.ring.keys[i].name, name, sizeof(tickets.ring.keys[i].name)) == 0)
            return &tickets.ring.keys[i];
    }
    return NULL;
}

static bool set_mac_key(EVP_MAC_CTX *mac, const struct tlsmgr_ticket_key *key)
{
    unsigned char copy[sizeof(key->mac_key)]; /* OSSL_PARAM knows no const */
    char digest[] = "SHA256";
    OSSL_PARAM values[] = {
        OSSL_PARAM_octet_string(OSSL_MAC_PARAM_KEY, copy, sizeof(copy)),
        OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, sizeof(digest) - 1),
        OSSL_PARAM_END,
    };

    memcpy(copy, key->mac_key, sizeof(copy));
    return EVP_MAC_CTX_set_params(mac, values);
}

static int seal(unsigned char name[16], unsigned char *iv, EVP_CIPHER_CTX *cipher,
                const EVP_CIPHER *type, EVP_MAC_CTX *mac)
{
    const struct tlsmgr_ticket_key *key = &tickets.ring.keys[0];

    if (tickets.ring.n_keys == 0)
        return 0; /* no ticket */
    memcpy(name, key->name, sizeof(key->name));
    return RAND_bytes(iv, EVP_CIPHER_get_iv_length(type)) > 0 &&
                   EVP_EncryptInit_ex(cipher, type, NULL, key->cipher_key, iv) > 0 &&
                   set_mac_key(mac, key)
               ? 1
               : -1;
}

/* 0: not one of ours, 1: good, 2: good, and to be replaced by one of the newest key. */
static int unseal(const unsigned char name[16], const unsigned char *iv, EVP_CIPHER_CTX *cipher,
                  const EVP_CIPHER *type, EVP_MAC_CTX *mac)
{
    const struct tlsmgr_ticket_key *key = find_key(name);

    if (!key)
        return 0;
    if (EVP_DecryptInit_ex(cipher, type, NULL, key->cipher_key, iv) <= 0 ||
        !set_mac_key(mac, key))
        return -1;
    return key == &tickets.ring.keys[0] ? 1 : 2;
}

static const EVP_CIPHER *ticket_cipher(void)
{
    static EVP_CIPHER *cipher;

    if (!cipher)
        cipher = EVP_CIPHER_fetch(NULL, params.tls_session_ticket_cipher, NULL);
    if (!cipher || EVP_CIPHER_get_mode(cipher) != EVP_CIPH_CBC_MODE ||
        (size_t)EVP_CIPHER_get_key_length(cipher) > sizeof(tickets.ring.keys[0].cipher_key))
        return EVP_aes_256_cbc();
    return cipher;
}

static void note_ticket(const struct tls_link *link, const char *what)
{
    if (trace_shows_steps(link))
        log_info("%s: %s session ticket, key expiration: %" PRId64, link->trace.name, what,
                 tickets.expiry);
}

static int ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                      EVP_MAC_CTX *mac, int makes)
{
    int result = makes ? seal(name, iv, cipher, ticket_cipher(), mac)
                       : unseal(name, iv, cipher, ticket_cipher(), mac);

    if (result > 0)
        note_ticket(link_from_ssl(ssl), makes ? "Issuing" : "Decrypting");
    return result;
}

/* -- keeping sessions at tlsmgr ---------------------------------------------------------- */

/* On its way to tlsmgr, while the session that it is of goes on. */
struct kept {
    const char *cache;
    struct buf id, session;
};

static void keep(void *argument)
{
    struct kept *kept = argument;
    struct error error;

    if (tlsmgr_keep_session(kept->cache, buf_slice(&kept->id), buf_slice(&kept->session),
                            deadline_in(ANSWER_TIME), &error) < 0)
        log_warning("TLS session cache: %s", error.text);
    buf_release(&kept->id);
    buf_release(&kept->session);
    mem_free(kept);
}

static void begin_to_keep(const char *cache, struct slice id, SSL_SESSION *session)
{
    int len = i2d_SSL_SESSION(session, NULL);

    if (len <= 0 || len > SESSION_MAX)
        return;
    struct kept *kept = mem_new(struct kept);

    kept->cache = cache;
    kept->id = kept->session = BUF_INIT;
    buf_set(&kept->id, id);
    unsigned char *at = (unsigned char *)buf_reserve(&kept->session, (size_t)len);

    kept->session.len = (size_t)i2d_SSL_SESSION(session, &at);
    /* Out of OpenSSL, which is in the middle of something. */
    if (!co_self() || !co_spawn("tls-session", keep, kept)) {
        buf_release(&kept->id);
        buf_release(&kept->session);
        mem_free(kept);
    }
}

/* Sessions of a server are known by what OpenSSL made up, those of a client by our text. */
static void note_session(const struct tls_link *link, const char *done, struct slice id,
                         const char *where)
{
    const struct tls_settings *settings = tls_context_settings(link->context);
    CLEANUP(buf_release) struct buf text = BUF_INIT;

    if (!trace_shows_steps(link))
        return;
    if (settings->role == TLS_CLIENT) {
        log_info("%s session %.*s %s %s cache", done, SLICE_ARG(id), where,
                 settings->session_cache);
        return;
    }
    for (size_t i = 0; i < id.len; i++)
        buf_printf(&text, "%02X", (unsigned char)id.ptr[i]);
    log_info("%s: %s session %s %s %s cache", link->trace.name, done, text.data, where,
             settings->session_cache);
}

static int take_new_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls_link *link = link_from_ssl(ssl);
    const struct tls_settings *settings = tls_context_settings(link->context);
    unsigned id_len;
    const unsigned char *id = SSL_SESSION_get_id(session, &id_len);

    if (settings->role == TLS_CLIENT) {
        if (link->session_id.len > 0) {
            note_session(link, "save", buf_slice(&link->session_id), "to");
            begin_to_keep(settings->session_cache, buf_slice(&link->session_id), session);
        }
    } else if (SSL_version(ssl) < TLS1_3_VERSION && !SSL_SESSION_has_ticket(session)) {
        note_session(link, "save", slice_of(id, id_len), "to");
        begin_to_keep(settings->session_cache, slice_of(id, id_len), session);
    }
    return 0; /* we have not kept OpenSSL's object */
}

static SSL_SESSION *get_found_session(SSL *ssl, const unsigned char *id, int len, int *copy)
{
    struct tls_link *link = link_from_ssl(ssl);
    SSL_SESSION *found = link->found_session;

    *copy = 0;
    if (!found || !slice_same(buf_slice(&link->wanted_session), slice_of(id, (size_t)len)))
        return NULL;
    link->found_session = NULL;
    return found;
}

static void forget_session(SSL_CTX *context, SSL_SESSION *session)
{
    (void)context;
    (void)session; /* it expires */
}

static SSL_SESSION *find(const char *cache, struct slice id, deadline_t until)
{
    CLEANUP(buf_release) struct buf der = BUF_INIT;
    struct error error;

    if (tlsmgr_find_session(cache, id, sooner(until), &der, &error) < 0) {
        log_warning("TLS session cache: %s", error.text);
        return NULL;
    }
    const unsigned char *at = (const unsigned char *)der.data;
    SSL_SESSION *session = der.len ? d2i_SSL_SESSION(NULL, &at, (long)der.len) : NULL;

    ERR_clear_error();
    return session;
}

void sessions_find_wanted(struct tls_link *link, deadline_t until)
{
    struct slice id = buf_slice(&link->wanted_session);

    if (id.len == 0)
        return;
    note_session(link, "looking up", id, "in");
    link->found_session = find(tls_context_settings(link->context)->session_cache, id, until);
    if (link->found_session)
        note_session(link, "reloaded", id, "from");
}

void sessions_resume(struct tls_link *link, deadline_t until)
{
    const char *cache = tls_context_settings(link->context)->session_cache;
    SSL_SESSION *session = NULL;

    if (cache && *cache) {
        note_session(link, "looking for", buf_slice(&link->session_id), "in");
        session = find(cache, buf_slice(&link->session_id), until);
    } else {
        buf_reset(&link->session_id);
    }
    if (session)
        note_session(link, "reloaded", buf_slice(&link->session_id), "from");
    if (session && !SSL_set_session(link->ssl, session))
        ERR_clear_error();
    SSL_SESSION_free(session);
}

/* -- set-up ------------------------------------------------------------------------------ */

static void install_server(SSL_CTX *context, const struct tls_settings *settings)
{
    bool has_cache = settings->session_cache && *settings->session_cache;
    int mode = SSL_SESS_CACHE_NO_INTERNAL | SSL_SESS_CACHE_NO_AUTO_CLEAR;

    SSL_CTX_set_timeout(context, (long)(settings->session_timeout_ms / 1000));
    if (uses_tickets(settings)) {
        SSL_CTX_set_tlsext_ticket_key_evp_cb(context, ticket_key);
        SSL_CTX_set_num_tickets(context, 1);
    } else {
        SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
        SSL_CTX_set_num_tickets(context, 0);
    }
    if (has_cache && settings->session_timeout_ms > 0) {
        SSL_CTX_sess_set_new_cb(context, take_new_session);
        SSL_CTX_sess_set_get_cb(context, get_found_session);
        SSL_CTX_sess_set_remove_cb(context, forget_session);
        mode |= SSL_SESS_CACHE_SERVER;
    } else if (uses_tickets(settings) || settings->always_issue_session_ids) {
        mode |= SSL_SESS_CACHE_SERVER;
    }
    SSL_CTX_set_session_cache_mode(context, mode);
}

void sessions_install(SSL_CTX *context, const struct tls_settings *settings)
{
    if (settings->role == TLS_SERVER) {
        install_server(context, settings);
        return;
    }
    if (!settings->session_cache || !*settings->session_cache) {
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
        return;
    }
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL |
                                                SSL_SESS_CACHE_NO_AUTO_CLEAR);
    SSL_CTX_sess_set_new_cb(context, take_new_session);
}

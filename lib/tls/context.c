#include "tls/context.h"

#include <openssl/sha.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/mem.h"
#include "co/co.h"
#include "conf/params.h"
#include "ipc/tlskey_client.h"
#include "tls/context_private.h"
#include "tls/dh.h"
#include "tls/link.h"
#include "tls/openssl.h"
#include "tls/pairs.h"
#include "tls/sessions.h"
#include "tls/trace.h"
#include "tls/trust.h"

#define LOOK_INTERVAL SECONDS(1)

/* Names with pairs of their own that a process remembers. */
#define NAMES_MAX 256

/* The pairs of one request to tlskey, in OpenSSL's hands. */
struct pairs {
    SSL_CTX *current; /* NULL: none so far */
    struct buf stamp; /* of tlskey */
    int64_t next_look;
    unsigned n_users; /* in the middle of asking, or waiting for the answer */
    bool is_asking;
    struct co_queue asked;
    struct error trouble; /* why there are none */
    struct buf faults;    /* of their files */
};

struct tls_context {
    struct tls_settings settings;
    unsigned n_owners;
    X509_STORE *authorities;
    STACK_OF(X509_NAME) * authority_names;
    EVP_PKEY *dh;
    unsigned char session_context[SHA256_DIGEST_LENGTH]; /* what sessions are bound to */
    struct pairs pairs;
    struct hash names; /* SNI -> struct pairs */
};

static bool is_set(const char *text)
{
    return text && *text && strcmp(text, "none") != 0;
}

static const struct tls_settings *link_settings(const struct tls_link *link)
{
    return &link->context->settings;
}

static bool has_cache(const struct tls_settings *settings)
{
    return is_set(settings->session_cache);
}

/* -- OpenSSL's context ------------------------------------------------------------------- */

/* The handshake goes on: the verdict is read afterwards. */
static int note_verdict(int ok, X509_STORE_CTX *store)
{
    const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls_link *link = link_from_ssl(ssl);
    X509 *certificate = X509_STORE_CTX_get_current_cert(store);

    trace_certificate(link, store, ok);
    if (!ok && certificate) {
        X509_free(link->culprit);
        X509_up_ref(certificate);
        link->culprit = certificate;
    }
    return 1;
}

static int verify_mode(const struct tls_settings *settings)
{
    if (settings->role == TLS_CLIENT)
        return SSL_VERIFY_NONE;
    return settings->asks_certificate ? SSL_VERIFY_PEER | SSL_VERIFY_CLIENT_ONCE
                                      : SSL_VERIFY_NONE;
}

static void note_name(SSL *ssl, struct tls_link *link)
{
    const unsigned char *extension;
    size_t len;

    if (!is_set(link_settings(link)->sni_maps) ||
        !SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &extension, &len) || len <= 5)
        return;
    /* A list of one: two bytes of length, type 0, two bytes of length, the name. */
    size_t name_len = ((size_t)extension[3] << 8) | extension[4];

    if (extension[2] != TLSEXT_NAMETYPE_host_name || name_len > len - 5 || name_len > 255)
        return;
    buf_set(&link->sni, slice_of(extension + 5, name_len));
    buf_lower(&link->sni);
}

/* TLS 1.3 has an ID for show alone, and sessions in tickets. */
static void note_session(SSL *ssl, struct tls_link *link)
{
    const unsigned char *id, *versions;
    size_t len, n_versions;

    if (!has_cache(link_settings(link)) ||
        SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_supported_versions, &versions, &n_versions))
        return;
    len = SSL_client_hello_get0_session_id(ssl, &id);
    if (len <= SSL_MAX_SSL_SESSION_ID_LENGTH)
        buf_set(&link->wanted_session, slice_of(id, len));
}

/* What the client's hello asks for is looked up outside of OpenSSL, since that may wait. */
static int note_wishes(SSL *ssl, int *alert, void *argument)
{
    struct tls_link *link = link_from_ssl(ssl);

    *alert = SSL_AD_UNRECOGNIZED_NAME;
    (void)argument;
    if (link->has_looked_up)
        return SSL_CLIENT_HELLO_SUCCESS;
    note_name(ssl, link);
    note_session(ssl, link);
    return link->sni.len || link->wanted_session.len ? SSL_CLIENT_HELLO_RETRY
                                                     : SSL_CLIENT_HELLO_SUCCESS;
}

static int acknowledge_name(SSL *ssl, int *alert, void *argument)
{
    *alert = SSL_AD_UNRECOGNIZED_NAME;
    (void)argument;
    return link_from_ssl(ssl)->sni_is_known ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

static void set_up_server(const struct tls_context *context, SSL_CTX *made)
{
    const struct tls_settings *settings = &context->settings;

    if (context->dh) {
        EVP_PKEY_up_ref(context->dh);
        if (!SSL_CTX_set0_tmp_dh_pkey(made, context->dh))
            EVP_PKEY_free(context->dh);
    } else {
        SSL_CTX_set_dh_auto(made, 1);
    }
    if (params.tls_preempt_cipherlist)
        SSL_CTX_set_options(made, SSL_OP_CIPHER_SERVER_PREFERENCE);
    if (params.tls_trust_server_ccerts)
        (void)SSL_CTX_set_purpose(made, X509_PURPOSE_ANY);
    if (settings->asks_certificate)
        SSL_CTX_set_client_CA_list(made, SSL_dup_CA_list(context->authority_names));
    if (is_set(settings->sni_maps) || has_cache(settings))
        SSL_CTX_set_client_hello_cb(made, note_wishes, NULL);
    SSL_CTX_set_tlsext_servername_callback(made, acknowledge_name);
    SSL_CTX_set_session_id_context(made, context->session_context,
                                   sizeof(context->session_context));
}

static int set_up(const struct tls_context *context, SSL_CTX *made, struct error *error)
{
    const struct tls_settings *settings = &context->settings;
    void *kept;

    memcpy(&kept, &context, sizeof(kept)); /* OpenSSL wants it writable, and keeps it only */
    SSL_CTX_set_app_data(made, kept);
    /* As Postfix: whoever would not get a weak cipher gets none at all. */
    SSL_CTX_set_security_level(made, 0);
    SSL_CTX_set_mode(made, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                               SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(made, 1);
    SSL_CTX_set_options(made, SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set1_cert_store(made, context->authorities);
    /* OpenSSL does not count the leaf; 1 means issued by a trusted authority itself. */
    SSL_CTX_set_verify_depth(made, settings->verify_depth);
    SSL_CTX_set_verify(made, verify_mode(settings), note_verdict);
    /* A client's terms are those of each connection, where wrong ones end that one alone. */
    if ((settings->role == TLS_SERVER &&
         tls_terms_apply_to_context(made, &settings->terms, error) < 0) ||
        tls_groups_apply(made, settings->role == TLS_SERVER ? settings->eecdh_grade : "auto",
                         error) < 0 ||
        tls_options_apply(made, error) < 0)
        return -1;
    if (settings->role == TLS_SERVER)
        set_up_server(context, made);
    else if (SSL_CTX_dane_enable(made) <= 0)
        return tls_error(error, ERROR_PERMANENT, "DANE");
    sessions_install(made, settings);
    return 0;
}

static SSL_CTX *make(const struct tls_context *context, struct error *error)
{
    SSL_CTX *made = SSL_CTX_new(context->settings.role == TLS_SERVER ? TLS_server_method()
                                                                     : TLS_client_method());

    if (!made) {
        tls_error(error, ERROR_PERMANENT, "new TLS context");
        return NULL;
    }
    if (set_up(context, made, error) == 0)
        return made;
    SSL_CTX_free(made);
    return NULL;
}

/* -- the beginning and the end ----------------------------------------------------------- */

bool tls_pair_files_name_any(const struct tls_pair_files *files)
{
    return is_set(files->chain_files) || is_set(files->cert_file) ||
           is_set(files->dcert_file) || is_set(files->eccert_file);
}

/* A session of other terms must not be resumed under these. */
static void bind_sessions(struct tls_context *context)
{
    const struct tls_settings *settings = &context->settings;
    CLEANUP(buf_release) struct buf text = BUF_INIT;

    buf_printf(&text, "%u\n%d\n%s\n%s\n%s\n%s\n", settings->role, settings->asks_certificate,
               settings->session_cache ? settings->session_cache : "",
               settings->ca_file ? settings->ca_file : "",
               settings->ca_path ? settings->ca_path : "", settings->terms.protocols);
    SHA256((const unsigned char *)text.data, text.len, context->session_context);
}

struct tls_context *tls_context_new(const struct tls_settings *settings, struct error *error)
{
    struct tls_context *context = mem_new(struct tls_context);
    SSL_CTX *made = NULL;

    context->n_owners = 1;
    context->settings = *settings;
    context->pairs.stamp = context->pairs.faults = BUF_INIT;
    context->names = HASH_INIT;
    bind_sessions(context);
    if (tls_library_open(error) == 0 &&
        (context->authorities = trust_open(settings->ca_file, settings->ca_path, error))) {
        context->authority_names = trust_names(settings->ca_file);
        context->dh = dh_read(settings->dh_file, error);
        made = make(context, error);
    }
    if (!made) {
        tls_context_free(context);
        return NULL;
    }
    /* Without pairs it is ready; with some it has shown that the settings are right. */
    if (tls_pair_files_name_any(&settings->pairs))
        SSL_CTX_free(made);
    else
        context->pairs.current = made;
    return context;
}

static void pairs_free(void *data)
{
    struct pairs *pairs = data;

    SSL_CTX_free(pairs->current);
    buf_release(&pairs->stamp);
    buf_release(&pairs->faults);
    mem_free(pairs);
}

struct tls_context *context_hold(struct tls_context *context)
{
    context->n_owners++;
    return context;
}

void tls_context_free(struct tls_context *context)
{
    if (!context || --context->n_owners > 0)
        return;
    SSL_CTX_free(context->pairs.current);
    buf_release(&context->pairs.stamp);
    buf_release(&context->pairs.faults);
    hash_release(&context->names, pairs_free);
    X509_STORE_free(context->authorities);
    sk_X509_NAME_pop_free(context->authority_names, X509_NAME_free);
    EVP_PKEY_free(context->dh);
    mem_free(context);
}

const struct tls_settings *tls_context_settings(const struct tls_context *context)
{
    return &context->settings;
}

SSL_CTX *context_current(const struct tls_context *context)
{
    return context->pairs.current;
}

struct tls_context *context_of(const SSL_CTX *current)
{
    return SSL_CTX_get_app_data(current);
}

/* -- pairs ------------------------------------------------------------------------------- */

static struct slice text_of(const char *text)
{
    return is_set(text) ? slice_from(text) : SLICE_EMPTY;
}

static struct tlskey_pairs make_request(const struct tls_context *context,
                                        const struct pairs *pairs, struct slice name)
{
    const struct tls_pair_files *files = &context->settings.pairs;

    return (struct tlskey_pairs){
        .chain_files = text_of(files->chain_files),
        .cert_file = text_of(files->cert_file),
        .key_file = text_of(files->key_file),
        .dcert_file = text_of(files->dcert_file),
        .dkey_file = text_of(files->dkey_file),
        .eccert_file = text_of(files->eccert_file),
        .eckey_file = text_of(files->eckey_file),
        .sni_maps = name.len ? text_of(context->settings.sni_maps) : SLICE_EMPTY,
        .sni_name = name,
        .stamp = buf_slice(&pairs->stamp),
    };
}

static int take_chains(const struct tls_context *context, struct pairs *pairs,
                       const struct tlskey_chains *reply, struct error *error)
{
    SSL_CTX *made = make(context, error);

    if (!made)
        return -1;
    if (pairs_install(made, reply->chains, error) < 0) {
        SSL_CTX_free(made);
        return -1;
    }
    /* Connections that began with the old one hold it. */
    SSL_CTX_free(pairs->current);
    pairs->current = made;
    buf_set(&pairs->stamp, reply->stamp);
    return 0;
}

/* A client does without a list of chains that cannot be opened, as Postfix does. */
static bool can_do_without(const struct tls_context *context, const struct tlskey_chains *reply)
{
    return context->settings.role == TLS_CLIENT && reply->status == TLSKEY_UNREADABLE &&
           is_set(context->settings.pairs.chain_files);
}

static int take_reply(const struct tls_context *context, struct pairs *pairs,
                      const struct tlskey_chains *reply, struct error *error)
{
    bool has_old = pairs->current && pairs->stamp.len > 0;

    /* What is wrong with new files is of no account while the old pairs are in use. */
    buf_set(&pairs->faults, has_old ? SLICE_EMPTY : reply->faults);
    if (!has_old && can_do_without(context, reply))
        return take_chains(context, pairs, reply, error);
    switch ((enum tlskey_status)reply->status) {
    case TLSKEY_SAME:
        return 0;
    case TLSKEY_CHAINS:
        return take_chains(context, pairs, reply, error);
    case TLSKEY_NONE:
        SSL_CTX_free(pairs->current);
        pairs->current = NULL;
        buf_reset(&pairs->stamp);
        return 0;
    case TLSKEY_UNREADABLE:
    case TLSKEY_BAD:
    default:
        return error_set(error, reply->faults.len ? ERROR_PERMANENT : ERROR_TEMPORARY, "%.*s",
                         SLICE_ARG(reply->reason));
    }
}

/*
 * Ask if it is time to. Others who come meanwhile go on with what there is, or wait for the
 * answer if there is nothing.
 */
static void ask_when_due(struct tls_context *context, struct pairs *pairs, struct slice name,
                         deadline_t until)
{
    CLEANUP(buf_release) struct buf storage = BUF_INIT;
    struct tlskey_chains reply;

    while (pairs->is_asking && !pairs->current && co_self()) {
        if (co_wait(&pairs->asked, until) != WAKE_READY)
            return;
    }
    if (pairs->is_asking || time_now_ms() < pairs->next_look)
        return;
    pairs->is_asking = true;
    pairs->trouble = ERROR_INIT;
    const struct tlskey_pairs request = make_request(context, pairs, name);

    if (tlskey_load(&request, until, &reply, &storage, &pairs->trouble) == 0)
        (void)!take_reply(context, pairs, &reply, &pairs->trouble);
    pairs->next_look = time_now_ms() + LOOK_INTERVAL;
    pairs->is_asking = false;
    co_wake_all(&pairs->asked);
}

static void renew(struct tls_context *context, struct pairs *pairs, struct slice name,
                  deadline_t until)
{
    pairs->n_users++;
    ask_when_due(context, pairs, name, until);
    pairs->n_users--;
}

int tls_context_renew(struct tls_context *context, deadline_t until, struct error *error)
{
    struct pairs *pairs = &context->pairs;

    if (!tls_pair_files_name_any(&context->settings.pairs))
        return 0;
    renew(context, pairs, SLICE_EMPTY, until);
    if (pairs->current)
        return 0;
    if (pairs->trouble.kind == ERROR_NONE)
        return error_set(error, ERROR_TEMPORARY, "there is no certificate");
    *error = pairs->trouble;
    return -1;
}

struct slice tls_context_faults(const struct tls_context *context)
{
    return buf_slice(&context->pairs.faults);
}

/* -- pairs by name ----------------------------------------------------------------------- */

/* Room for one more: any that nobody is about to use goes. */
static void make_room(struct hash *names)
{
    struct hash_cursor cursor = {0};
    struct slice key;
    void *value;

    while (names->n_entries >= NAMES_MAX && hash_next(names, &cursor, &key, &value)) {
        if (((struct pairs *)value)->n_users == 0)
            pairs_free(hash_remove(names, key));
    }
}

static struct pairs *pairs_of_name(struct tls_context *context, struct slice name)
{
    struct pairs *pairs = hash_get(&context->names, name);

    if (pairs)
        return pairs;
    make_room(&context->names);
    pairs = mem_new(struct pairs);
    pairs->stamp = pairs->faults = BUF_INIT;
    hash_set(&context->names, name, pairs);
    return pairs;
}

int context_for_name(struct tls_context *context, struct slice name, deadline_t until,
                     SSL_CTX **found, struct error *error)
{
    struct pairs *pairs = pairs_of_name(context, name);

    renew(context, pairs, name, until);
    *found = pairs->current;
    if (pairs->current || pairs->trouble.kind == ERROR_NONE)
        return 0;
    *error = pairs->trouble;
    return -1;
}

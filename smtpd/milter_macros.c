/* Values of macros. */
#include "milter_macros.h"

#include "base/log.h"
#include "conf/params.h"
#include "milter_filters.h"
#include "route/resolve.h"
#include "session.h"
#include "tls/peer.h"
#include "transaction.h"

typedef const char *macro_fn(struct session *session);

static const char *text_of(struct session *session, struct slice text)
{
    return arena_text(&session->filters->scratch, text);
}

static const char *queue_id(struct session *session)
{
    if (!session->transaction || !session->transaction->has_destination)
        return NULL;
    (void)session_queue_id(session); /* waits for it */
    return transaction_queue_id(session->transaction);
}

static const char *host(struct session *session)
{
    (void)session;
    return params.myhostname;
}

static const char *version(struct session *session)
{
    (void)session;
    return params.milter_macro_v;
}

/* "name [address]" */
static const char *client(struct session *session)
{
    const struct client_attributes *text = &session->peer.text;

    return arena_printf(&session->filters->scratch, "%.*s [%.*s]%s",
                        SLICE_ARG(text->reverse_name), SLICE_ARG(text->address),
                        slice_same_nocase(text->name, text->reverse_name) ? ""
                                                                          : " (may be forged)");
}

static const char *client_address(struct session *session)
{
    return text_of(session, session->peer.text.address);
}

static const char *client_name(struct session *session)
{
    return text_of(session, session->peer.text.name);
}

static const char *client_pointer(struct session *session)
{
    return text_of(session, session->peer.text.reverse_name);
}

static const char *client_port(struct session *session)
{
    return text_of(session, session->peer.text.port);
}

static const char *client_connections(struct session *session)
{
    return arena_printf(&session->filters->scratch, "%lld", (long long)session->n_connections);
}

static const char *client_resolve(struct session *session)
{
    switch (session->peer.name_status) {
    case NAME_STATUS_OK:
        return "OK";
    case NAME_STATUS_TEMPORARY:
        return "TEMP";
    case NAME_STATUS_FORGED:
        return "FORGED";
    case NAME_STATUS_UNKNOWN:
    default:
        return "FAIL";
    }
}

static const char *daemon_name(struct session *session)
{
    (void)session;
    return params.milter_macro_daemon_name;
}

static const char *daemon_address(struct session *session)
{
    return text_of(session, session->peer.server_address);
}

static const char *daemon_port(struct session *session)
{
    return text_of(session, session->peer.server_port);
}

static const char *tls_version(struct session *session)
{
    return session->tls ? session->tls->protocol : NULL;
}

static const char *cipher(struct session *session)
{
    return session->tls ? session->tls->cipher : NULL;
}

static const char *cipher_bits(struct session *session)
{
    if (!session->tls)
        return NULL;
    return arena_printf(&session->filters->scratch, "%d", session->tls->used_bits);
}

/* Whose certificate nobody vouches for may call himself what he likes. */
static bool is_trusted(const struct session *session)
{
    return session->tls && session->tls->trust >= TLS_TRUSTED;
}

static const char *certificate_subject(struct session *session)
{
    return is_trusted(session) ? text_of(session, session->tls->subject) : NULL;
}

static const char *certificate_issuer(struct session *session)
{
    return is_trusted(session) ? text_of(session, session->tls->issuer) : NULL;
}

static const char *server_name(struct session *session)
{
    if (!session->tls || session->tls->sni.len == 0)
        return NULL;
    return text_of(session, session->tls->sni);
}

static const char *sasl_method(struct session *session)
{
    return session->sasl_method.len ? text_of(session, session->sasl_method) : NULL;
}

static const char *sasl_username(struct session *session)
{
    return session->sasl_method.len ? text_of(session, session->sasl_username) : NULL;
}

/* Where an address leads; false when nobody can say for now. */
static bool resolve(struct session *session, struct slice address, struct resolved *resolved)
{
    struct slice sender = session->transaction ? session->transaction->sender : SLICE_EMPTY;
    struct error error;

    if (resolve_address(sender, address, false, &session->filters->scratch, resolved, &error) ==
        0)
        return true;
    log_warning("%s", error.text);
    return false;
}

static bool resolve_sender(struct session *session, struct resolved *resolved)
{
    *resolved = (struct resolved){0};
    if (!session->transaction)
        return false;
    if (session->transaction->sender.len == 0) /* <> leads nowhere */
        return true;
    return resolve(session, session->transaction->sender, resolved);
}

static const char *login_method(struct session *session)
{
    return session->sasl_method.len ? text_of(session, session->sasl_method) : NULL;
}

static const char *login_name(struct session *session)
{
    return session->sasl_username.len ? text_of(session, session->sasl_username) : NULL;
}

static const char *login_author(struct session *session)
{
    const struct transaction *transaction = session->transaction;

    return transaction && transaction->sasl_sender.len
               ? text_of(session, transaction->sasl_sender)
               : NULL;
}

static const char *mail_address(struct session *session)
{
    struct resolved resolved;

    return resolve_sender(session, &resolved) ? text_of(session, resolved.recipient) : NULL;
}

static const char *mail_host(struct session *session)
{
    struct resolved resolved;

    return resolve_sender(session, &resolved) ? text_of(session, resolved.nexthop) : NULL;
}

static const char *mail_mailer(struct session *session)
{
    struct resolved resolved;

    return resolve_sender(session, &resolved) ? text_of(session, resolved.transport) : NULL;
}

static const char *rcpt_address(struct session *session)
{
    struct resolved resolved;

    if (session->filters->refusal[1].ptr)
        return text_of(session, session->filters->refusal[1]);
    if (!session->filters->recipient.ptr ||
        !resolve(session, session->filters->recipient, &resolved))
        return NULL;
    return text_of(session, resolved.recipient);
}

static const char *rcpt_host(struct session *session)
{
    struct resolved resolved;

    if (session->filters->refusal[0].ptr)
        return text_of(session, session->filters->refusal[0]);
    if (!session->filters->recipient.ptr ||
        !resolve(session, session->filters->recipient, &resolved))
        return NULL;
    return text_of(session, resolved.nexthop);
}

static const char *rcpt_mailer(struct session *session)
{
    struct resolved resolved;

    if (session->filters->refusal[0].ptr)
        return "error";
    if (!session->filters->recipient.ptr ||
        !resolve(session, session->filters->recipient, &resolved))
        return NULL;
    return text_of(session, resolved.transport);
}

static const struct {
    const char *name;
    macro_fn *value;
} macros[] = {
    {"i", queue_id},
    {"j", host},
    {"v", version},
    {"_", client},
    {"client_addr", client_address},
    {"client_name", client_name},
    {"client_port", client_port},
    {"client_ptr", client_pointer},
    {"client_resolve", client_resolve},
    {"client_connections", client_connections},
    {"daemon_name", daemon_name},
    {"daemon_addr", daemon_address},
    {"daemon_port", daemon_port},
    {"tls_version", tls_version},
    {"cipher", cipher},
    {"cipher_bits", cipher_bits},
    {"cert_subject", certificate_subject},
    {"cert_issuer", certificate_issuer},
    {"tls_sni", server_name},
    {"auth_type", sasl_method},
    {"auth_authen", sasl_username},
    {"auth_type", login_method},
    {"auth_authen", login_name},
    {"auth_author", login_author},
    {"mail_addr", mail_address},
    {"mail_host", mail_host},
    {"mail_mailer", mail_mailer},
    {"rcpt_addr", rcpt_address},
    {"rcpt_host", rcpt_host},
    {"rcpt_mailer", rcpt_mailer},
};

const char *milter_macro(void *context, struct slice name)
{
    struct session *session = context;

    arena_reset(&session->filters->scratch);
    for (size_t i = 0; i < ARRAY_SIZE(macros); i++) {
        if (slice_equals(name, macros[i].name))
            return macros[i].value(session);
    }
    return NULL;
}

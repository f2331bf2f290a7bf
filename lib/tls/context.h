/*
 * What all TLS connections of one kind share: settings, trusted authorities, and the key pairs
 * of the moment.
 *
 * Private keys are not in here. They live in the tlskey worker, which signs on request; a
 * context has certificates only. It asks tlskey at most once a second whether the files have
 * changed; connections keep the pair they began with.
 *
 * Reads the global params that belong to no single program (tls/terms.h, tls/openssl.h,
 * tls_preempt_cipherlist, tls_append_default_CA, tls_trust_server_ccerts,
 * tls_session_ticket_cipher).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/error.h"
#include "base/time.h"
#include "tls/terms.h"

struct tls_context;

enum tls_role { TLS_SERVER, TLS_CLIENT };

/* Files with our own key pairs, as the parameters name them; "" and "none": none. */
struct tls_pair_files {
    const char *chain_files; /* in place of the others */
    const char *cert_file, *key_file;
    const char *dcert_file, *dkey_file;
    const char *eccert_file, *eckey_file;
};

/* Do they name any key pair? */
bool tls_pair_files_name_any(const struct tls_pair_files *files);

/* Texts are as in main.cf and live as long as the process; NULL is as good as "". */
struct tls_settings {
    enum tls_role role;
    struct tls_pair_files pairs;
    const char *sni_maps; /* server: pairs by the name that the client asks for */
    const char *ca_file, *ca_path;
    int verify_depth;
    struct tls_terms terms;
    const char *fingerprint_digest; /* "sha256" */
    /*
     * Sessions that can be resumed: the name of tlsmgr's cache ("smtpd", "smtp", "lmtp"); "":
     * none but, on a server, those in tickets.
     */
    const char *session_cache;
    int64_t session_timeout_ms; /* server: 0: no resumption at all */

    /* server */
    bool asks_certificate;   /* of the client; the handshake goes on without one */
    bool logs_distrust;      /* of a certificate that cannot be verified, at log level 1 */
    const char *eecdh_grade; /* "auto", "none", "strong", "ultra" */
    const char *dh_file;     /* "", "auto" or a file of parameters */
    bool always_issue_session_ids;
};

/*
 * Read what is to be read before the jail (authorities, parameters), and check what is written.
 * The name of the service is part of what sessions are bound to. NULL: permanent error that
 * names file or value. error: ERROR_INIT before; set beside a context, too, whose file of DH
 * parameters was no good, and that has the built-in ones.
 */
MUST_USE struct tls_context *tls_context_new(const struct tls_settings *settings,
                                             struct error *error);
void tls_context_free(struct tls_context *context); /* connections may live on */

/*
 * Have the pairs, newly asked for where that is due. 0: the context can be used. -1: there is
 * no pair, with the reason; a broken new pair alone is no failure, since the old one stays, and
 * a client needs none of a list of chains that cannot be opened. The error is permanent where
 * the files are no good, temporary where it is not known whether they are.
 */
MUST_USE MAY_WAIT int tls_context_renew(struct tls_context *context, deadline_t until,
                                        struct error *error);

/*
 * What is wrong with the files of the pairs, in lines as Postfix would log them; empty:
 * nothing. As it was when they were asked for the last time; valid until they are asked for
 * again.
 */
struct slice tls_context_faults(const struct tls_context *context);

const struct tls_settings *tls_context_settings(const struct tls_context *context);

/*
 * The tlskey service, which alone has the private keys: it gives out certificates, and signs.
 */
#pragma once

#include "base/buf.h"
#include "base/compiler.h"
#include "base/error.h"
#include "base/time.h"
#include "ipc/message.h"

/* A key is named by the SHA-256 of its public half (SubjectPublicKeyInfo, DER). */
#define TLSKEY_NAME_BYTES 32

/* In front of each chain of certificates. */
#define TLSKEY_CHAIN_MARK "-----chain-----\n"

/* What to do with the bytes. */
enum tlskey_operation {
    TLSKEY_SIGN,     /* PKCS #1 v1.5, ECDSA, EdDSA */
    TLSKEY_SIGN_PSS, /* RSA-PSS, the salt as long as the digest */
    TLSKEY_DECRYPT,  /* the premaster secret of an RSA key exchange */
};

enum tlskey_status {
    TLSKEY_SAME,       /* nothing has changed since that stamp */
    TLSKEY_CHAINS,     /* here they are */
    TLSKEY_NONE,       /* there is no such name in the maps, or no file is named */
    TLSKEY_BAD,        /* the files are no good, for the reason given */
    TLSKEY_UNREADABLE, /* a chain of them cannot even be opened */
};

/*
 * Ask for the certificate chains of key pairs: PEM, each chain behind TLSKEY_CHAIN_MARK with
 * its leaf in front. The reply's texts live in *storage. Temporary error when the service
 * cannot be asked.
 */
MUST_USE MAY_WAIT int tlskey_load(const struct tlskey_pairs *pairs, deadline_t until,
                                  struct tlskey_chains *reply, struct buf *storage,
                                  struct error *error);

/*
 * Sign or decrypt; the outcome replaces *result. A process has a few such requests under way at
 * a time, the others wait for their turn. Temporary error.
 */
MUST_USE MAY_WAIT int tlskey_use(const struct tlskey_use *use, deadline_t until,
                                 struct buf *result, struct error *error);

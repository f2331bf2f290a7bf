/*
 * A service that knows passwords: Dovecot (auth_dovecot.c), or libsasl2 in the sasl worker
 * (auth_cyrus.c).
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/compiler.h"
#include "base/slice.h"

enum auth_status {
    AUTH_DONE,      /* username is who it is */
    AUTH_MORE,      /* text is the next challenge, in base64 */
    AUTH_FAILED,    /* text says why, or is empty */
    AUTH_TEMPORARY, /* the same, and nothing is known of the password */
};

struct auth_request {
    struct slice mechanism; /* as the client wrote it; case does not matter */
    bool has_response;      /* an initial one */
    struct slice response;  /* in base64, as sent; "=" is the empty one */
    struct slice client_address, client_port, server_address, server_port;
    bool is_encrypted;
    unsigned demands; /* SECURITY_ bits of auth/sasl_security.h */
};

/* One AUTH command. All texts lie in the arena. */
struct auth_dialogue {
    struct arena *arena;
    struct slice text;
    struct slice username; /* empty: not known */
    void *state;           /* the service's; NULL: nothing to end */
};

struct auth_backend {
    /* Before the jail; bad values end the start. */
    void (*open)(void);
    /*
     * Append the names of the mechanisms that meet the demands, each with a blank in front.
     * False: not known for now; the reason has been logged.
     */
    MAY_WAIT bool (*mechanisms)(unsigned demands, struct buf *names);
    /* Begin a dialogue; answer a challenge (in base64, as sent). Both are bounded in time. */
    MAY_WAIT enum auth_status (*begin)(struct auth_dialogue *dialogue,
                                       const struct auth_request *request);
    MAY_WAIT enum auth_status (*next)(struct auth_dialogue *dialogue, struct slice response);
    /* The dialogue is over, whatever came of it. */
    void (*end)(struct auth_dialogue *dialogue);
};

extern const struct auth_backend auth_dovecot, auth_cyrus;

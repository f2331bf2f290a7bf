/*
 * The SMTP commands of the dialogue: one row each.
 */
#pragma once

#include <stdbool.h>

#include "base/compiler.h"
#include "base/slice.h"
#include "dialogue.h"

struct command {
    const char *name;
    /* Sends the reply, or drops the session. -1: the client is gone. */
    MAY_WAIT int (*run)(struct dialogue *dialogue, struct slice arguments);
    bool before_tls;  /* allowed in the clear where TLS is required */
    bool has_payload; /* bytes follow at once */
    bool ends_session;
    bool shows_speech; /* a client that has come so far speaks SMTP */
};

/* NULL: there is none of that name. */
const struct command *command_find(struct slice verb);
/* The command must wait until the client has said STARTTLS. */
bool command_needs_tls(const struct dialogue *dialogue, const struct command *command);

/*
 * The address in "FROM:<user@example.com> SIZE=1": without <> and source route, quotes as they
 * are. False without a colon.
 */
bool command_address(struct slice arguments, struct slice *address);

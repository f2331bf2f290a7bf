/*
 * An SMTP server that takes no mail: the client must show how it speaks, and those that are
 * refused tell to whom they would have sent.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "session.h"

struct dialogue {
    struct session *session;
    unsigned watched;     /* deep tests in effect: a mask */
    const char *where;    /* the last command, for the log */
    const char *protocol; /* "SMTP" or "ESMTP" */
    int n_commands;
    bool has_sender;
    bool is_encrypted;
    struct buf line; /* the command at hand, then its arguments */
    struct buf helo; /* empty: none yet */
    struct buf sender;
};

/* Greet the client and talk until the session is over. It stays here. */
MAY_WAIT void dialogue_run(struct session *session);
/* Greet the client, and end the session with this reply to the first command. */
MAY_WAIT void dialogue_refuse(struct session *session, const char *reply);

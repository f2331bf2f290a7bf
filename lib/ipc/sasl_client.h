/*
 * libsasl2, which may block, in the sasl worker: dialogues of clients that log in to us, and of
 * ours with other servers. The messages (ipc/message.h) say what the fields are.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/error.h"
#include "base/slice.h"
#include "base/time.h"
#include "ipc/client.h"

enum sasl_status {
    SASL_STATUS_DONE,
    SASL_STATUS_MORE,      /* send the text and give the answer to sasl_dialogue_step */
    SASL_STATUS_FAILED,    /* the text says why */
    SASL_STATUS_TEMPORARY, /* the same; nothing is known of the password */
};

struct sasl_dialogue {
    struct client_call call;
    bool is_over; /* the worker has said its last word */
};

/* Mechanisms for smtpd, into names (separated by blanks). Temporary error. */
MUST_USE MAY_WAIT int sasl_mechanisms(const struct sasl_mechanisms_request *request,
                                      deadline_t until, struct buf *names, struct error *error);

/*
 * Begin a dialogue with the message sasl_server_begin or sasl_client_begin. The texts of
 * *result are valid until the next step. Temporary error: the worker could not be asked.
 */
MUST_USE MAY_WAIT int sasl_dialogue_begin(struct sasl_dialogue *dialogue,
                                          enum message_number number, const void *begin,
                                          deadline_t until, struct sasl_result *result,
                                          struct error *error);
/* The next step, after MORE. */
MUST_USE MAY_WAIT int sasl_dialogue_step(struct sasl_dialogue *dialogue, struct slice response,
                                         deadline_t until, struct sasl_result *result,
                                         struct error *error);
/* Over, wherever it stands; for CLEANUP. Harmless on one that was only zeroed. */
void sasl_dialogue_release(struct sasl_dialogue *dialogue);

/*
 * An access token from one of sasl_token_sources, for a user of a server; sasltoken(8) gets it.
 * refused: one that the server has just refused, empty at first; the same one may come back.
 * Temporary error: the source has none.
 */
MUST_USE MAY_WAIT int sasl_token_get(const struct sasl_token_request *request, deadline_t until,
                                     struct buf *token, struct error *error);

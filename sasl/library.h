/*
 * What the server's and the client's side of libsasl2 have in common.
 */
#pragma once

#include <sasl/sasl.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/slice.h"
#include "ipc/sasl_client.h"

/* One step's outcome, its texts owned here. */
struct step {
    enum sasl_status status;
    bool has_text;
    struct buf text;       /* in base64 to send, or what went wrong */
    struct buf username;   /* server: of the one who logs in */
    const char *mechanism; /* client: the one chosen */
};

/* A client step is the password, in some mechanisms. */
#define STEP_INIT ((struct step){.text = BUF_SECRET_INIT, .username = BUF_INIT})

void step_release(struct step *step); /* for CLEANUP */

/* Errors and warnings of the library go to the log, with the texts that Postfix gives them. */
int library_log(void *context, int level, const char *message);
/* The callback's type is not the one that the library declares for all of them. */
#define LIBRARY_CALLBACK(function) ((int (*)(void))(void (*)(void))(function))

/* The step failed with this code of the library. */
void library_failed(struct step *step, int code);
/* The step asks for more, or gives its last words: encode them. */
void library_says(struct step *step, const char *bytes, unsigned len);
/*
 * Decode what the other side sent. A code of the library; *out has room for text.len + 1 bytes.
 */
MUST_USE int library_decode(struct slice text, struct buf *out);

/* Tell the connection which mechanisms will do (SECURITY_ bits). */
MUST_USE int library_demand(sasl_conn_t *connection, unsigned demands);

/*
 * We log in to a server: libsasl2's client side.
 */
#pragma once

#include "library.h"

/* One dialogue: what the library asks for, and its state. */
struct client {
    sasl_conn_t *connection;
    struct buf user, mechanisms, service, host, local, remote;
    sasl_secret_t *secret;
    sasl_callback_t callbacks[6];
    bool sends_authzid;
};

void client_init(struct client *client);
void client_release(struct client *client);

void client_begin(struct client *client, const struct sasl_client_begin *begin,
                  struct step *step);
void client_step(struct client *client, struct slice response, struct step *step);

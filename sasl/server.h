/*
 * A client of ours logs in: libsasl2's server side.
 */
#pragma once

#include "library.h"

/* Read the configuration "NAME.conf" of smtpd_sasl_path. Trouble is logged and met again. */
void server_prepare(struct slice path);

/* The mechanisms, separated by blanks; empty where there are none. */
void server_mechanisms(const struct sasl_mechanisms_request *request, struct buf *names);

/* One dialogue; *connection is the library's state, to be given to server_end. */
void server_begin(const struct sasl_server_begin *begin, sasl_conn_t **connection,
                  struct step *step);
void server_step(sasl_conn_t *connection, struct slice response, struct step *step);
void server_end(sasl_conn_t **connection);

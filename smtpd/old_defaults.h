/*
 * What compatibility_level does to a session: where a default of an old release decided about
 * a request, a line says so, so that the administrator can make it a setting.
 *
 * Each function logs when the default is in force and mattered; most say nothing.
 */
#pragma once

#include "base/slice.h"

struct check;
struct peer;
struct session;

/* permit_mynetworks has permitted the client. */
void old_defaults_note_network(const struct peer *peer);

/* A restriction lets the recipient pass as one of a domain that we take mail for. */
void old_defaults_note_relaying(struct check *check);

/* The recipient is no unknown one. */
void old_defaults_note_relay_recipient(struct check *check);

/* The first of the recipient's two lists has rejected it. */
void old_defaults_note_order(const struct check *check);

/* That list has not rejected it: would smtpd_relay_restrictions have done so? */
void old_defaults_note_relay_restrictions(const struct check *check);

/* ETRN has been obeyed. */
void old_defaults_note_flush(struct slice domain);

/* An address beyond ASCII is let in; role is "sender" or "recipient". */
void old_defaults_note_8bit(const struct session *session, const char *role,
                            struct slice address);

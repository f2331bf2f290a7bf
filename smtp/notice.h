/*
 * The transcript of a conversation with a server, and the notice to the postmaster that is made
 * of it where the server said what shows that we and it don't understand each other, or where a
 * table of ours could not be asked. Nothing is kept where notify_classes has neither "protocol"
 * nor "data".
 */
#pragma once

#include "base/compiler.h"
#include "base/slice.h"

struct session;

/* From the global params; before the jail. Ends the program where a value makes no sense. */
void notice_open(void);

/* Remember a command (its CRLF may be there); that something was said that nobody may see,
 * after "AUTH" and the mechanism if that was there; and one line of a reply. */
void notice_add_sent(struct session *session, struct slice command);
void notice_add_secret(struct session *session, struct slice line);
void notice_add_received(struct session *session, struct slice line);

/* The server said what is no reply at all; or refused with the session's last code. */
void notice_note_garbage(struct session *session);
void notice_note_refusal(struct session *session);
/* Whose message the session is for now: reports, and notices above all, beget no notices. */
void notice_set_sender(struct session *session, struct slice sender);
/* A table without which the session cannot go on is out of order. */
void notice_note_data_trouble(struct session *session);

/*
 * What was to be done on the session is done: send the notice, if one is due, and forget what
 * was said. Trouble is logged; it takes a minute at most.
 */
MAY_WAIT void notice_send(struct session *session);

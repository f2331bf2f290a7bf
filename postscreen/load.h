/*
 * How many clients there are, and what follows from it.
 */
#pragma once

#include <stdbool.h>

/* A session begins, ends; near the limit of those under test, parameters are those of stress.
 */
void load_arrived(void);
void load_left(void);
/* A client waits for smtpd to take it, no longer waits. */
void load_waits_for_server(void);
void load_has_server(void);

/* postscreen_post_queue_limit is reached. */
bool load_has_no_server(void);
/* postscreen_pre_queue_limit is reached, by the session that asks. */
bool load_has_no_place(void);

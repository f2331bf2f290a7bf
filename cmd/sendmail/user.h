/* Who runs sendmail: the defaults for sender and full name. */
#pragma once

#include "base/buf.h"

/* The login name, or the number of a user without one. */
const char *user_login(void);

/* $NAME, or the full name of the password file; empty when there is none. */
void user_full_name(struct buf *name);

/* Ends the program unless authorized_submit_users lets this user submit mail. */
void user_check_submit(void);

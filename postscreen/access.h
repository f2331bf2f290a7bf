/*
 * postscreen_access_list: who is let in at once, who is refused, by address.
 */
#pragma once

#include "base/compiler.h"
#include "net/endpoint.h"

enum access_result { ACCESS_DUNNO, ACCESS_PERMIT, ACCESS_REJECT };

/* Open the tables; before the jail. */
void access_open(void);
/* Trouble ends the list with a warning: then the client is tested as others are. */
MUST_USE MAY_WAIT enum access_result access_check(const struct endpoint *client);

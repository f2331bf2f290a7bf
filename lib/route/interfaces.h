/*
 * The addresses that mail to user@[address] is ours for: inet_interfaces and proxy_interfaces.
 */
#pragma once

#include <stdbool.h>

#include "base/slice.h"

/* Read both parameters; names are looked up now, so call it before the jail. Trouble is logged.
 */
void interfaces_open(void);

/* "[192.0.2.1]" or "[IPv6:2001:db8::1]" of ours? False for what is no address literal. */
bool interfaces_have_literal(struct slice literal);

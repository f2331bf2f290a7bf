/*
 * tassis check: is DNSSEC there for those who count on it?
 */
#pragma once

#include "base/compiler.h"

/*
 * Where main.cf has DANE or DNSSEC for the SMTP client, log a warning when the name server does
 * not validate, or when one setting is of no use without the other. Waits some seconds for the
 * name server.
 */
MAY_WAIT void resolver_check(void);

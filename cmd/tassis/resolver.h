/*
 * tassis check: is DNSSEC there for those who count on it?
 */
#pragma once

#include "check.h"

/*
 * Where main.cf or a service has DANE or DNSSEC for the SMTP client, report when the name
 * server does not validate, or when one setting is of no use without the other. Waits some
 * seconds for the name server.
 */
MAY_WAIT void resolver_check(struct check *check);

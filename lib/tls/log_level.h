/*
 * The values of ..._tls_loglevel.
 */
#pragma once

/*
 * "0" to "4", or the words "none", "routine" (1), "debug" (2), "ssl-expert" (3) and
 * "ssl-developer" (4); of several the highest. -1: something else.
 */
int tls_log_level_parse(const char *text);

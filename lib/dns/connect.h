/*
 * Connecting to a server that main.cf names by host and port, or by the path of its socket:
 * policy servers, filters.
 */
#pragma once

#include "base/compiler.h"
#include "base/error.h"
#include "base/time.h"
#include "net/hostport.h"

/*
 * A connected, close-on-exec, non-blocking descriptor, or -1 with a temporary error in the bare
 * words of strerror ("Connection refused"). The addresses of a host are tried one after the
 * other; an inet name without host means the machine itself. dns_open must have been called.
 */
MUST_USE MAY_WAIT int connect_server(const struct socket_name *name, deadline_t until,
                                     struct error *error);

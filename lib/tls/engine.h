/*
 * How a program comes to its TLS, before the jail.
 */
#pragma once

#include "tls/context.h"

/*
 * A context of these settings, or NULL: then the log says what is wrong with them, and that
 * there will be no TLS.
 */
struct tls_context *tls_engine_start(const struct tls_settings *settings);

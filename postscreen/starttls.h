/*
 * STARTTLS in the dialogue.
 */
#pragma once

#include <stdbool.h>

#include "base/compiler.h"
#include "dialogue.h"

/* Read postscreen_tls_...; before the jail. Fatal when a value is none. */
void starttls_open(void);

bool starttls_is_offered(void);
bool starttls_is_required(void); /* for all but the first commands */
/* The command. */
MUST_USE MAY_WAIT int starttls_run(struct dialogue *dialogue, struct slice arguments);

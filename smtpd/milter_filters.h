/*
 * What a session keeps about its filters; for smtpd/milter*.c.
 */
#pragma once

#include "base/arena.h"
#include "milter/milter.h"

struct mail_filters {
    struct milter_list list;
    struct milter_macros macros;
    struct milters milters;
    struct arena arena;      /* the list, if it is this client's own */
    struct arena scratch;    /* the macro asked for last */
    struct slice recipient;  /* of the RCPT at hand, internal form; ptr NULL: none */
    struct slice refusal[2]; /* its enhanced status and text, if we refused it; ptr NULL: no */
    struct arena loan;       /* while cleanup has them */
};

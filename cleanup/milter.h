/*
 * The mail filters of a message: those of the SMTP session that brought it, handed over by
 * smtpd, or non_smtpd_milters, for which the SMTP session is made up.
 */
#pragma once

#include "ipc/channel.h"
#include "transaction.h"

/* Parse non_smtpd_milters, before the jail; a bad value ends the start. */
void milter_settings_open(void);

/* The message begins: shall filters see it? Sets transaction->has_milters. */
void milter_begin(struct transaction *transaction);
/* Smtpd's filters, behind the last record. -1: the connection is of no use any more. */
MUST_USE MAY_WAIT int milter_receive(struct transaction *transaction, struct channel *channel,
                                     struct error *error);

/* The made-up session; nothing happens where smtpd has asked already. */
MAY_WAIT void milter_sender(struct transaction *transaction);
MAY_WAIT void milter_recipient(struct transaction *transaction, struct slice address);

/* All records are there: show the message to the filters and do what they want. */
MAY_WAIT void milter_inspect(struct transaction *transaction);

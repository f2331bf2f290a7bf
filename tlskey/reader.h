/*
 * The files with keys are root's, and change: so a process of its own keeps the right to read
 * them, those that main.cf and master.cf name and no others. It talks to nobody but us and
 * parses nothing but the names in look-up tables.
 */
#pragma once

#include "base/buf.h"
#include "base/compiler.h"
#include "base/error.h"
#include "base/slice.h"
#include "ipc/tlskey_client.h"

/* Start that process, before the jail. It ends with us. */
void reader_start(void);

/*
 * The file's contents, unless *stamp says that we have them: TLSKEY_SAME. Else TLSKEY_CHAINS
 * with *stamp replaced; TLSKEY_BAD: the reason. Ends the process when the reader has gone.
 */
MAY_WAIT enum tlskey_status reader_read(struct slice path, struct buf *stamp,
                                        struct buf *contents, struct error *error);

/*
 * The contents for a name in the tables of the list, PEM: TLSKEY_CHAINS. TLSKEY_NONE: no table
 * has it. TLSKEY_BAD: the reason.
 */
MAY_WAIT enum tlskey_status reader_find(struct slice maps, struct slice name,
                                        struct buf *contents, struct error *error);

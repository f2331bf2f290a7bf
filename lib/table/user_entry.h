/*
 * Who the user of a number is, for commands that are linked statically. Such a program cannot
 * load the modules that nsswitch.conf names; the program `lookup` can (table/elsewhere.h), and
 * is asked about users whom /etc/passwd does not have.
 */
#pragma once

#include <sys/types.h>

#include "base/buf.h"
#include "base/error.h"
#include "table/table.h"

struct user_entry {
    struct buf name;
    struct buf full_name; /* the whole GECOS field */
};

#define USER_ENTRY_INIT    \
    {                      \
        BUF_INIT, BUF_INIT \
    }

void user_entry_release(struct user_entry *entry);

/*
 * Fill the entry of a user, whom the system may not know. Reads params.daemon_directory. The
 * error is a temporary one: nobody could be asked.
 */
MUST_USE enum table_result user_entry_find(struct user_entry *entry, uid_t uid,
                                           struct error *error);

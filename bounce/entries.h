/*
 * The recipients that a notification is about: entries of a status log, or a single one.
 */
#pragma once

#include <stdbool.h>

#include "base/compiler.h"
#include "base/error.h"
#include "mail/message.h"
#include "mail/status_log.h"

struct entries {
    const char *path;                /* of the log; unused with `only` */
    const struct status_entry *only; /* just this one */
    struct status_defaults defaults;
    int wanted; /* NOTIFY_ bits: only recipients that asked for such; 0: all but NEVER */
    bool for_postmaster; /* all, whatever they asked for */
    /*
     * When not NULL: its recipients that are neither done nor in the log count as well. A
     * message that expires must not lose them because an agent died before it could write the
     * log.
     */
    const struct message *complete_from;
};

typedef void entry_fn(void *arg, const struct status_entry *entry);

/*
 * Call each(arg, entry) for those wanted; each may be NULL. Returns how many there were, or -1
 * with a temporary error. A log that does not exist has no entries.
 */
MUST_USE MAY_WAIT int entries_walk(const struct entries *entries, entry_fn *each, void *arg,
                                   struct error *error);

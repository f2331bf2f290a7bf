/*
 * The delivery of one recipient: what it expands to (aliases, .forward, :include:), as a list
 * of targets that is worked off one by one, and what has become of them so far.
 *
 * Nothing recurses: expanding a target appends to the list, with the origin that made it.
 */
#pragma once

#include <pwd.h>
#include <stdbool.h>

#include "base/hash.h"
#include "base/list.h"
#include "delivery/delivery.h"
#include "delivery/user.h"

enum origin_kind { ORIGIN_REQUEST, ORIGIN_ALIAS, ORIGIN_INCLUDE, ORIGIN_FORWARD };

/* Where a target comes from; lives as long as the delivery. */
struct origin {
    enum origin_kind kind;
    const struct origin *parent; /* NULL: the request itself */
    int depth;
    struct slice name;      /* the alias, the file, the user of the .forward */
    struct user user;       /* whose rights commands and files get */
    bool has_user;          /* else default_privs */
    struct slice sender;    /* envelope sender: the owner of a list, else as the message */
    bool has_owner;         /* sender is that of an owner- alias */
    struct slice extension; /* not matched yet: added to addresses as configured */
    struct slice address;   /* whom the log names for commands, files, forwarding */
};

enum target_kind { TARGET_ADDRESS, TARGET_COMMAND, TARGET_FILE, TARGET_INCLUDE };

struct target {
    struct list_link link;
    enum target_kind kind;
    struct slice text; /* internal form, or what follows "|", "/...", ":include:" */
    const struct origin *origin;
};

/* A new message for those of a recipient's targets that are elsewhere. */
struct forward {
    struct list_link link;
    const struct origin *origin;
    struct slice *addresses;
    size_t n_addresses, capacity;
};

struct job {
    struct delivery *delivery;
    struct recipient *recipient; /* of the request */
    struct list targets;         /* struct target */
    struct list forwards;        /* struct forward */
    struct hash seen;            /* what was delivered to: nothing twice */
    bool is_incomplete;          /* something was deferred: the recipient stays */
    bool is_handled;             /* anything was accounted for */
    size_t n_targets;            /* in all: bounded */
};

/* Append a target; duplicates and more than the limit are dropped (the latter: deferred). */
void job_add(struct job *job, enum target_kind kind, struct slice text,
             const struct origin *origin);

/* True when the mailbox of the address was delivered to before; remembers it. */
bool job_has_seen_mailbox(struct job *job, struct slice address);

/* A copy of the request's recipient under another address, for the log and the status logs. */
void job_derive(const struct job *job, struct slice address, struct recipient *derived);

/* Account for an outcome under the address. 4xx keeps the request's recipient in the queue. */
MAY_WAIT void job_ended(struct job *job, struct slice address, const struct dsn *dsn);

/* Collect an address for a new message from that origin. */
void job_forward(struct job *job, struct slice address, const struct origin *origin);

/* The environment of commands: for whom, from whom, NULL-terminated. user may be NULL. */
const char *const *job_environment(struct job *job, const struct origin *origin,
                                   struct slice address, const struct passwd *user);

/* default_privs, where a file or command has no owner of its own. Set by local.c. */
extern struct user default_user;

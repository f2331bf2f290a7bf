/*
 * A parameter's list of tables ("virtual_alias_maps = lmdb:/a, pcre:/b") and the ways to ask
 * it.
 *
 * When a table fails, its reason goes to the log as a warning, and the error of the call is
 * Postfix's second line, "lmdb:/a lookup error for "key"", for the caller to log or not.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"
#include "table/table.h"

struct maps;

/*
 * Open all tables of the list. Never NULL and never fails: a table that cannot be opened
 * answers TABLE_ERROR with the reason at each look-up, and the reason goes to *error once
 * (error->kind stays ERROR_NONE when all is well). The same spec is opened once a process.
 * title is the parameter's name, for messages. Open maps before the jail.
 */
struct maps *maps_open(const char *title, const char *list, struct error *error);
/* For aliases, mailbox owners and the like: see table_options.sensitive. */
struct maps *maps_open_sensitive(const char *title, const char *list, struct error *error);
/* For transports and next hops: see table_options.no_substitution. */
struct maps *maps_open_verbatim(const char *title, const char *list, struct error *error);
/* For header and body checks: see table_options.binary_keys. */
struct maps *maps_open_for_text(const char *title, const char *list, struct error *error);
void maps_free(struct maps *maps);
bool maps_is_empty(const struct maps *maps);

/*
 * The first table that knows the key exactly. *value is replaced when found; an empty value is
 * an error naming table and key, as in Postfix.
 */
MUST_USE MAY_WAIT enum table_result maps_find(struct maps *maps, struct slice key,
                                              struct buf *value, struct error *error);

/*
 * The forms of an address that are tried, in this order, of those that are asked for:
 * user+ext@domain, user@domain, user+ext, user, @domain, domain, .parents.
 */
enum maps_form {
    MAPS_FULL = 1,        /* user+ext@domain */
    MAPS_NO_EXT = 2,      /* user@domain */
    MAPS_LOCAL = 4,       /* user+ext, user: when the caller says the domain is local */
    MAPS_AT_DOMAIN = 8,   /* @domain */
    MAPS_DOMAIN = 16,     /* domain */
    MAPS_PARENTS = 32,    /* .parent (or parent, see parent_domain_matches_subdomains) */
    MAPS_LOCAL_PART = 64, /* user@ (access tables) */
};

struct maps_address {
    struct slice address;     /* internal form */
    const char *delimiters;   /* recipient_delimiter */
    unsigned forms;           /* MAPS_ bits */
    bool parents_without_dot; /* parent_domain_matches_subdomains names this feature */
    /* Out: the extension that was left off to match (with its delimiter), else empty. */
    struct slice extension;
};

/*
 * Tables whose driver is_pattern see the full address alone. Each form is looked up in quoted
 * form first and then, where that differs, in internal form; all tables are asked for one form
 * before the next. *value is replaced when found. Keys are folded as table_lookup does. Reads
 * params.owner_request_special.
 */
MUST_USE MAY_WAIT enum table_result maps_find_address(struct maps *maps,
                                                      struct maps_address *query,
                                                      struct buf *value, struct error *error);

/* True when the file of any of the process's open tables changed since it was opened. */
bool maps_any_changed(const char **spec);

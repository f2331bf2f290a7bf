/*
 * Inside access control: what a restriction is, and what it may do. Each restriction is one
 * function in one of access_*.c and one row in conf/restrictions.def.
 */
#pragma once

#include <stdbool.h>

#include "access.h"
#include "base/compiler.h"
#include "reply.h"
#include "route/resolve.h"
#include "session.h"
#include "table/maps.h"

enum access_result {
    ACCESS_DUNNO,  /* ask the next restriction */
    ACCESS_PERMIT, /* nothing more is asked in this list */
    ACCESS_REJECT, /* check->reply says why */
};

/* DEFER_IF_PERMIT and DEFER_IF_REJECT: the reply to give if it comes to that. */
struct deferral {
    bool is_active;
    struct smtp_reply reply;
};

/* One evaluation: the request, and what has been decided so far. */
struct check {
    struct session *session;
    struct slice recipient; /* of RCPT or VRFY, or the only one; internal form */
    bool has_recipient;
    bool has_all_recipients; /* the transaction: it is at DATA */
    struct slice etrn_domain;

    /* What the list at hand is about: "<subject>: class rejected: ..." */
    struct slice subject;
    const char *class;

    bool warn_only; /* warn_if_reject */
    int depth;      /* of restriction classes and table results */
    struct deferral if_permit, if_reject;
    struct smtp_reply reply; /* of ACCESS_REJECT */

    struct resolved resolved; /* the recipient; see check_resolve_recipient */
    bool has_resolved;
    bool recipient_was_listed, sender_was_listed; /* checked: do not ask again */
};

/* A table in a restriction. */
struct access_table {
    struct maps *maps;
    const char *spec;
    bool is_pattern; /* partial keys are not tried */
};

struct restriction;
typedef enum access_result restriction_fn(struct check *check,
                                          const struct restriction *restriction);

struct restriction {
    restriction_fn *run;
    const char *name;
    const char *argument; /* as written; NULL: none */
    struct access_table table;
    const struct restriction_list *list; /* of a restriction class */
    struct policy_server *policy;        /* of check_policy_service */
    int number;
    bool only_warns; /* behind warn_if_reject */
};

struct restriction_list {
    const char *name; /* the parameter, or the restriction class */
    struct restriction *items;
    size_t count;
};

/* -- making lists (restriction.c) -------------------------------------------------------------
 */

/*
 * Parse the list of the parameter `name`, which must stay. What is wrong in it becomes a
 * restriction that logs the trouble and answers 451 whenever it is met (a list in the DNS
 * without a name: that is passed over), as in Postfix. Lists live as long as the process.
 */
const struct restriction_list *restriction_list_parse(const char *name, const char *text);
/*
 * The same for the right-hand side of an access table, into the arena: tables are not allowed
 * there. table_name is for the log.
 */
const struct restriction_list *
restriction_list_parse_result(struct slice text, const char *table_name, struct arena *arena);
/* For base/trace.h: "permit", "no opinion" or what the refusal says. */
const char *access_result_name(const struct check *check, enum access_result result);

/*
 * Does the list contain a restriction of that name, directly or in restriction classes?
 * RESTRICTION_ENFORCED: what stands behind warn_if_reject does not count.
 */
enum restriction_force { RESTRICTION_ANY, RESTRICTION_ENFORCED };

bool restriction_list_has(const struct restriction_list *list, const char *name,
                          enum restriction_force force);

/* Ask one, with a trace of what it answers. */
MAY_WAIT enum access_result restriction_run(struct check *check,
                                            const struct restriction *item);
/* Ask one restriction after the other (restriction_run.c). */
MAY_WAIT enum access_result restriction_list_run(struct check *check,
                                                 const struct restriction_list *list);

/* -- deciding (access_reject.c)
 * ----------------------------------------------------------------- */

/*
 * Refuse: logs, and sets check->reply. Under warn_if_reject it only logs and the result is
 * ACCESS_DUNNO. A 5xx becomes what DEFER_IF_REJECT asked for. dsn has the class digit of the
 * code put in.
 */
MUST_USE MAY_WAIT enum access_result check_reject(struct check *check, unsigned notice,
                                                  int code, const char *dsn, const char *format,
                                                  ...) PRINTF_LIKE(5, 6);
/* "<subject>: class rejected: text" */
MUST_USE MAY_WAIT enum access_result check_reject_subject(struct check *check, int code,
                                                          const char *dsn, struct slice subject,
                                                          const char *class, const char *text);
/* 451 4.3.5 Server configuration error; the trouble has been logged. */
MUST_USE MAY_WAIT enum access_result check_misconfigured(struct check *check);
/* 451 4.3.0 Temporary lookup failure. */
MUST_USE MAY_WAIT enum access_result check_lookup_failed(struct check *check,
                                                         struct slice subject);

/* Defer if nothing better (or worse) comes; the first one counts. Always ACCESS_DUNNO. */
enum access_result check_defer_if_permit(struct check *check, int code, const char *dsn,
                                         const char *format, ...) PRINTF_LIKE(4, 5);
enum access_result check_defer_if_reject(struct check *check, int code, const char *dsn,
                                         const char *format, ...) PRINTF_LIKE(4, 5);
/*
 * A look-up failed for the moment; action is an *_tempfail_action parameter: "defer" refuses
 * now, anything else defers if the request would be permitted.
 */
MUST_USE MAY_WAIT enum access_result check_tempfail(struct check *check, const char *action,
                                                    const char *dsn, const char *format, ...)
    PRINTF_LIKE(4, 5);

/* Put the class digit of the code into the status. */
void check_fit_dsn(char dsn[DSN_STATUS_BYTES], int code);
/*
 * A status about recipients makes no sense for a sender or a host, and vice versa: access(5),
 * "enhanced status codes".
 */
void check_map_dsn(char dsn[DSN_STATUS_BYTES], const char *class);

/*
 * The request was permitted: a line where smtpd_log_access_permit_actions asks for one. table
 * is that of an access table's OK, or NULL.
 */
MAY_WAIT void check_log_permit(const struct check *check, const char *action,
                               struct slice subject, const char *class, const char *table);
/* Log an event of the request. */
MAY_WAIT void check_log(const struct check *check, const char *what, const char *text);

/* -- helpers
 * --------------------------------------------------------------------------------------- */

/* The sender in internal form; false outside of a transaction. */
bool check_sender(const struct check *check, struct slice *sender);
/* Resolve the recipient, once for a check. NULL: temporary trouble, logged. */
MAY_WAIT const struct resolved *check_resolve_recipient(struct check *check);
/* Resolve any address. */
MAY_WAIT int check_resolve(struct check *check, struct slice address,
                           struct resolved *resolved);
/* Do we take mail for the recipient? ACCESS_PERMIT or ACCESS_DUNNO; ACCESS_REJECT: trouble. */
MUST_USE MAY_WAIT enum access_result check_auth_destination(struct check *check);

/* An address (of this form after resolving) that our own probes and notices come from. */
bool check_is_own_address(struct slice address);

#define CLASS_CLIENT    "Client host"
#define CLASS_REVERSE   "Unverified Client host"
#define CLASS_HELO      "Helo command"
#define CLASS_SENDER    "Sender address"
#define CLASS_RECIPIENT "Recipient address"
#define CLASS_ETRN      "Etrn command"
#define CLASS_LOGIN     "SASL login name"
#define CLASS_DATA      "Data command"
#define CLASS_END       "End-of-data"

/* The right-hand side of an access table (access_action.c). */
struct access_match {
    const char *table; /* spec */
    struct slice key;  /* what was looked up */
    struct slice subject;
    const char *class;
};

MUST_USE MAY_WAIT enum access_result access_act(struct check *check, struct slice value,
                                                const struct access_match *match);

/* Looking up hosts and addresses in one access table (access_table.c). */
MUST_USE MAY_WAIT enum access_result
access_look_up_domain(struct check *check, const struct access_table *table,
                      struct slice domain, struct slice subject, const char *class);
MUST_USE MAY_WAIT enum access_result
access_look_up_address(struct check *check, const struct access_table *table,
                       struct slice address, struct slice subject, const char *class);

/* One key and no other. */
MUST_USE MAY_WAIT enum access_result access_look_up_key(struct check *check,
                                                        const struct access_table *table,
                                                        struct slice key, struct slice subject,
                                                        const char *class);

/* The search_order of check_ccert_access as a number for struct restriction; -1: not one. */
int restriction_parse_ccert_order(struct slice list);

/* -- the restrictions
 * ------------------------------------------------------------------------------ */

restriction_fn restrict_address_map;
restriction_fn restrict_permit, restrict_reject, restrict_defer, restrict_sleep,
    restrict_defer_if_permit, restrict_defer_if_reject, restrict_class,
    restrict_unauth_pipelining;
restriction_fn restrict_permit_mynetworks, restrict_permit_inet_interfaces,
    restrict_unknown_client_hostname, restrict_unknown_reverse_hostname,
    restrict_plaintext_session, restrict_permit_clientcerts, restrict_permit_all_clientcerts,
    restrict_ccert_access;
restriction_fn restrict_permit_login, restrict_login_mismatch, restrict_known_login_mismatch,
    restrict_login_of_others, restrict_no_login, restrict_login_access;
restriction_fn restrict_invalid_helo, restrict_non_fqdn_helo, restrict_unknown_helo;
restriction_fn restrict_non_fqdn_sender, restrict_non_fqdn_recipient,
    restrict_unknown_sender_domain, restrict_unknown_recipient_domain, restrict_unknown_address,
    restrict_multi_recipient_bounce;
restriction_fn restrict_permit_auth_destination, restrict_unauth_destination,
    restrict_defer_unauth_destination, restrict_unlisted_recipient, restrict_unlisted_sender;
restriction_fn restrict_table, restrict_client_access, restrict_reverse_client_access,
    restrict_helo_access, restrict_sender_access, restrict_recipient_access,
    restrict_etrn_access;
restriction_fn restrict_permit_mx_backup, restrict_nothing, restrict_check_relay_domains;
restriction_fn restrict_policy_service, restrict_unverified_sender,
    restrict_unverified_recipient;
restriction_fn restrict_rbl_client, restrict_rhsbl_client, restrict_rhsbl_reverse_client,
    restrict_rhsbl_helo, restrict_rhsbl_sender, restrict_rhsbl_recipient, permit_dnswl_client,
    permit_rhswl_client;
restriction_fn restrict_client_a, restrict_client_mx, restrict_client_ns,
    restrict_reverse_client_a, restrict_reverse_client_mx, restrict_reverse_client_ns,
    restrict_helo_a, restrict_helo_mx, restrict_helo_ns, restrict_sender_a, restrict_sender_mx,
    restrict_sender_ns, restrict_recipient_a, restrict_recipient_mx, restrict_recipient_ns;

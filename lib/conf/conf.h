/*
 * What a program's start-up calls to have its configuration: finds and reads main.cf, applies
 * overrides, and fills the global `params`.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/error.h"
#include "base/slice.h"
#include "conf/main_cf.h"
#include "conf/params.h"

#define CONF_DEFAULT_DIRECTORY "/etc/postfix"

enum conf_trust {
    CONF_TRUST_CALLER, /* daemons, commands without privileges of their own */
    CONF_TRUST_NOBODY, /* set-gid commands: the directory must be known to the default main.cf
                        */
};

struct master_service;

struct conf_request {
    const char *program;   /* whose parameters must be right (params_load); NULL: all */
    const char *directory; /* -c; NULL: the environment's MAIL_CONFIG, else the default */
    const char *service;   /* $service_name; NULL: "" */
    const char *const *overrides; /* "name=value", n_overrides of them; later ones win */
    size_t n_overrides;
    enum conf_trust trust;
    bool drops_mistakes; /* a bad value counts as not set: for those who look for all of them */
    bool with_stress; /* evaluate for stress=yes, too: for master, which checks, and daemons */
};

/*
 * Read main.cf of the directory and fill `params`. NULL request: all defaults. The directory
 * becomes params.config_directory and the environment variable MAIL_CONFIG, for children. A
 * directory that CONF_TRUST_NOBODY refuses is a permanent error; that check is made in a
 * process whose real and effective ids differ and whose user is not root. On -1 `params` is
 * unchanged. May be called again, for a reload; strings of earlier calls stay valid.
 */
MUST_USE int conf_load(const struct conf_request *request, struct error *error);

/* The same from the bytes that main_cf_serialize made: what a worker gets from master. */
MUST_USE int conf_adopt(struct slice bytes, const struct conf_request *request,
                        struct error *error);

/* The configuration of this process as text; valid after conf_load or conf_adopt. */
const struct main_cf *conf_main_cf(void);

/*
 * True when the parameter has the default that it had before that compatibility level, since
 * main.cf asks for a lower one: the administrator may rely on it without knowing. False before
 * conf_load.
 */
bool conf_uses_old_default(const char *name, const char *level);

/*
 * Log what is odd in the configuration: entries that override earlier ones, a daemon_directory
 * that is passed over, parameters that are set but not acted on, old names. One warning each;
 * for master at start and reload.
 */
void conf_log_warnings(void);

/* The same for what a service sets with -o: parameters that are not acted on. */
void conf_log_service_warnings(const struct master_service *service);

/* Directories that are passed over: a line each. */
const struct buf *conf_notices(void);

/* The values that drops_mistakes left out: "FILE, line N: what is wrong", a line each. */
const struct buf *conf_mistakes(void);

/*
 * Overload: exchange `params` for the set that was evaluated with stress=yes, or back. Both
 * sets are made at load (with_stress, conf_adopt), so this is a copy and cannot fail.
 */
void conf_set_stress(bool stressed);

/*
 * Expanded value of any name, built in or defined by the user (restriction classes, ...); NULL
 * when nothing defines it or its expansion fails. Valid as long as the process.
 */
const char *conf_lookup(const char *name);

/*
 * <service>_<suffix> of a TEMPLATE row, such as ("smtp", "destination_concurrency_limit"): what
 * main.cf sets for the service, else the PLAIN row of that name (local_destination_...), else
 * the template's default. Times are milliseconds. The error is as in params_load.
 */
MUST_USE int conf_service_number(const char *service, const char *suffix, int64_t *number,
                                 struct error *error);
/* The same for STRING templates; NULL on error. Valid as long as the process. */
const char *conf_service_text(const char *service, const char *suffix, struct error *error);

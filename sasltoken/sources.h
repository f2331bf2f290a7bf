/*
 * Where access tokens come from (sasl_token_sources). Only main.cf can name a file or a
 * command: tables and requests name a source.
 */
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "base/error.h"
#include "base/slice.h"
#include "delivery/user.h"

struct token_source {
    const char *name;
    const char *file;      /* NULL: a command */
    const char **command;  /* NULL-terminated words */
    bool has_user;         /* false: mail_owner reads the file */
    struct user user;      /* who reads the file or runs the command */
    int64_t lifetime_ms;   /* how long a command's token is used again unasked */
    int64_t time_limit_ms; /* of the command */
};

struct token_sources {
    struct token_source *list;
    size_t count;
};

/* The smtp side waits longer than any command may run. */
#define TOKEN_TIME_LIMIT_MAX MINUTES(1)

/*
 * "{ name, file=/path }, { name, { command = /path word ... }, user=oauth, lifetime=50m,
 * time_limit=20s }". Users are looked up, so call it before the jail. Permanent error.
 */
MUST_USE int token_sources_parse(struct token_sources *sources, struct slice text,
                                 struct arena *arena, struct error *error);

/* The source of that name, or NULL. */
const struct token_source *token_sources_find(const struct token_sources *sources,
                                              struct slice name);

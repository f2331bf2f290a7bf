/*
 * What main.cf says of the filters: smtpd_milters and its like.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "base/error.h"
#include "net/hostport.h"

/* What happens when a filter cannot be asked (milter_default_action). */
enum milter_default {
    MILTER_DEFAULT_ACCEPT,
    MILTER_DEFAULT_REJECT,
    MILTER_DEFAULT_TEMPFAIL,
    MILTER_DEFAULT_QUARANTINE,
    MILTER_DEFAULT_SHUTDOWN, /* tempfail, then hang up */
    MILTER_DEFAULT_UNKNOWN,  /* a word that we do not know */
};

struct milter_config {
    const char *name;    /* "inet:127.0.0.1:8891": for messages */
    const char *trouble; /* why it cannot be asked at all; NULL when it can */
    struct socket_name address;
    int64_t connect_timeout, command_timeout, content_timeout; /* milliseconds */
    uint32_t version;
    bool no_header_reply; /* of an old filter that does not answer to headers */
    enum milter_default default_action;
    const char *default_action_text; /* as written */
};

struct milter_list {
    struct milter_config *items;
    size_t count;
};

/* The parameters that hold where a filter has no setting of its own. */
struct milter_defaults {
    int64_t connect_timeout, command_timeout, content_timeout;
    const char *protocol, *default_action;
};

/*
 * Parse "inet:host:port, { unix:path, default_action = accept, connect_timeout = 5s, ... }".
 * All lies in the arena. A permanent error for an unknown setting or a bad value; an address
 * that makes no sense becomes the filter's `trouble`. Looks service names up (net/hostport.h).
 */
MUST_USE int milter_list_parse(struct milter_list *list, struct slice text,
                               const struct milter_defaults *defaults, struct arena *arena,
                               struct error *error);

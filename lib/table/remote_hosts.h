/*
 * The servers of a database table: which to ask next, and connections kept open in between.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "table/plugin.h"

struct remote_host {
    char *name; /* as configured: "unix:/path", "inet:host:port", "host" */
    struct plugin_connection *connection;
    int64_t used_at;  /* when the connection was last used */
    int64_t retry_at; /* it has failed: not before that */
    bool was_tried;   /* for the look-up in progress */
};

struct remote_hosts {
    const struct table_plugin *plugin;
    struct remote_host *hosts;
    size_t n_hosts;
    int64_t idle_ms, retry_ms;
};

/* list: names with white space or commas between. The intervals are the caller's to set. */
void remote_hosts_init(struct remote_hosts *hosts, const struct table_plugin *plugin,
                       struct slice list);
void remote_hosts_release(struct remote_hosts *hosts);

/* A look-up begins: any host that is not in its penalty may be tried, once. */
void remote_hosts_rewind(struct remote_hosts *hosts);
/*
 * The one to try next: connected ones first, Unix sockets before others, at random among equals
 * so that the load spreads. NULL: none is left. Connections that were idle too long are closed.
 */
struct remote_host *remote_hosts_next(struct remote_hosts *hosts);
/* It did not answer: close its connection and leave it alone for the retry interval. */
void remote_host_failed(struct remote_hosts *hosts, struct remote_host *host);
void remote_host_disconnect(struct remote_hosts *hosts, struct remote_host *host);
/* Seconds until one of them may be tried again. */
int64_t remote_hosts_penalty_seconds(const struct remote_hosts *hosts);

/*
 * Choosing among servers.
 */
#include "table/remote_hosts.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/time.h"
#include "conf/words.h"

void remote_hosts_init(struct remote_hosts *hosts, const struct table_plugin *plugin,
                       struct slice list)
{
    struct slice word;

    *hosts = (struct remote_hosts){.plugin = plugin};
    while ((word = slice_word(&list, WORDS_COMMA_SPACE)).ptr) {
        hosts->hosts = mem_resize(hosts->hosts, hosts->n_hosts + 1, sizeof(struct remote_host));
        hosts->hosts[hosts->n_hosts++] = (struct remote_host){.name = slice_dup(word)};
    }
}

void remote_host_disconnect(struct remote_hosts *hosts, struct remote_host *host)
{
    if (host->connection)
        hosts->plugin->close(host->connection);
    host->connection = NULL;
}

void remote_hosts_release(struct remote_hosts *hosts)
{
    for (size_t i = 0; i < hosts->n_hosts; i++) {
        remote_host_disconnect(hosts, &hosts->hosts[i]);
        mem_free(hosts->hosts[i].name);
    }
    mem_free(hosts->hosts);
    *hosts = (struct remote_hosts){.hosts = NULL};
}

void remote_hosts_rewind(struct remote_hosts *hosts)
{
    int64_t now = time_now_ms();

    for (size_t i = 0; i < hosts->n_hosts; i++) {
        struct remote_host *host = &hosts->hosts[i];

        host->was_tried = false;
        if (host->connection && now - host->used_at > hosts->idle_ms)
            remote_host_disconnect(hosts, host);
    }
}

static int rank(const struct remote_host *host)
{
    return (host->connection ? 2 : 0) + slice_starts_with(slice_from(host->name), "unix:");
}

struct remote_host *remote_hosts_next(struct remote_hosts *hosts)
{
    int64_t now = time_now_ms();
    struct remote_host *best = NULL;
    uint32_t n_equals = 0;

    for (size_t i = 0; i < hosts->n_hosts; i++) {
        struct remote_host *host = &hosts->hosts[i];

        if (host->was_tried || now < host->retry_at)
            continue;
        if (!best || rank(host) > rank(best)) {
            best = host;
            n_equals = 1;
        } else if (rank(host) == rank(best) && arc4random_uniform(++n_equals) == 0) {
            best = host;
        }
    }
    if (best)
        best->was_tried = true;
    return best;
}

void remote_host_failed(struct remote_hosts *hosts, struct remote_host *host)
{
    remote_host_disconnect(hosts, host);
    host->retry_at = time_now_ms() + hosts->retry_ms;
}

int64_t remote_hosts_penalty_seconds(const struct remote_hosts *hosts)
{
    int64_t first = INT64_MAX, now = time_now_ms();

    for (size_t i = 0; i < hosts->n_hosts; i++) {
        if (hosts->hosts[i].retry_at < first)
            first = hosts->hosts[i].retry_at;
    }
    return first > now ? (first - now + 999) / 1000 : 0;
}

/* Asking DNS lists, and adding up. */
#include "dnsbl.h"

#include <sysexits.h>

#include "base/bug.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/params.h"
#include "dns/dns.h"
#include "dns/filter.h"
#include "dnsbl_sites.h"
#include "settings.h"

static struct dnsbl_sites sites;
static struct hash scores = HASH_INIT; /* by client address */
static struct arena arena;             /* as long as the process */

/* One question. */
struct question {
    struct dnsbl_score *score;
    const struct dnsbl_domain *domain;
};

/* -- opening --------------------------------------------------------------------------------
 */

/* Names of lists may hold a password: what the map does not know for trouble stays secret. */
static const char *public_name(struct maps *maps, const char *name)
{
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    struct error error;

    switch (maps_find(maps, slice_from(name), &value, &error)) {
    case TABLE_FOUND:
        return arena_text(&arena, buf_slice(&value));
    case TABLE_NOT_FOUND:
        return name;
    case TABLE_ERROR:
        break;
    }
    log_warning("postscreen_dnsbl_reply_map: %s", error.text);
    return "a DNS list";
}

void dnsbl_open(void)
{
    struct error error = ERROR_INIT;

    if (dnsbl_sites_parse(&sites, params.postscreen_dnsbl_sites, &arena, &error) < 0)
        fatal(EX_CONFIG, "postscreen_dnsbl_sites: %s", error.text);
    struct maps *maps =
        maps_open("postscreen_dnsbl_reply_map", params.postscreen_dnsbl_reply_map, &error);

    if (error.kind != ERROR_NONE)
        log_error("postscreen_dnsbl_reply_map: %s", error.text);
    for (size_t i = 0; i < sites.n_domains && !maps_is_empty(maps); i++)
        sites.domains[i].public_name = public_name(maps, sites.domains[i].name);
}

/* -- adding up ------------------------------------------------------------------------------
 */

static void score_free(struct dnsbl_score *score)
{
    if (score->n_users == 0 && score->n_pending == 0)
        mem_free(score);
}

static bool site_matches(const struct dnsbl_site *site, const struct dns_answer *answer)
{
    char text[ENDPOINT_TEXT_BYTES];

    for (size_t i = 0; i < answer->n_records; i++) {
        struct slice address = slice_from(endpoint_text(&answer->records[i].address, text));

        if (site->filter.len == 0 || dns_filter_matches(site->filter, address))
            return true;
    }
    return false;
}

static void add_up(struct dnsbl_score *score, const struct dnsbl_domain *domain,
                   const struct dns_answer *answer)
{
    char text[ENDPOINT_TEXT_BYTES];

    for (size_t i = 0; i < answer->n_records; i++)
        log_info_as(settings.dnsblog_tag, "addr %s listed by domain %s as %s", score->address,
                    domain->name, endpoint_text(&answer->records[i].address, text));
    for (const struct dnsbl_site *site = domain->sites; site; site = site->next) {
        if (!site_matches(site, answer))
            continue;
        score->rank += site->weight;
        if (site->weight > score->weight) {
            score->weight = site->weight;
            score->public_name = domain->public_name;
        }
    }
}

static void note_ttl(struct dnsbl_score *score, uint32_t seconds)
{
    int64_t least = params.postscreen_dnsbl_min_ttl / 1000;
    int64_t ttl = seconds;

    if (ttl > settings.tests[TEST_DNSBL].ttl_seconds)
        ttl = settings.tests[TEST_DNSBL].ttl_seconds;
    if (ttl < least)
        ttl = least;
    if (ttl < score->ttl_seconds)
        score->ttl_seconds = ttl;
}

bool dnsbl_is_finished(const struct dnsbl_score *score)
{
    return score->n_pending == 0;
}

bool dnsbl_allows(const struct dnsbl_score *score)
{
    return params.postscreen_dnsbl_allowlist_threshold < 0 &&
           score->rank <= params.postscreen_dnsbl_allowlist_threshold;
}

static void finish(struct dnsbl_score *score)
{
    co_wake_all(&score->finished);
    if (!dnsbl_allows(score))
        return;
    LIST_FOREACH(&score->watchers, link)
    co_forget_fd(CONTAINER_OF(link, struct dnsbl_watcher, link)->fd);
}

/* Called from the event loop. */
static void answered(void *arg, enum dns_result result, const struct dns_answer *answer)
{
    struct question *question = arg;
    struct dnsbl_score *score = question->score;
    bool is_late = time_now_ms() > score->give_up;

    if (result == DNS_TEMPORARY || is_late)
        note_ttl(score, 0);
    else
        note_ttl(score, answer->ttl_seconds);
    if (result == DNS_OK && !is_late)
        add_up(score, question->domain, answer);
    mem_free(question);
    score->n_pending--;
    if (score->n_users == 0)
        score_free(score);
    else if (score->n_pending == 0)
        finish(score);
}

/* -- asking ---------------------------------------------------------------------------------
 */

static void ask(struct dnsbl_score *score, const struct endpoint *client)
{
    CLEANUP(arena_release) struct arena scratch = ARENA_INIT;
    struct slice key = dns_reversed(client, &scratch);

    /* All are counted before the first may answer. */
    score->n_pending = (int)sites.n_domains;
    for (size_t i = 0; i < sites.n_domains; i++) {
        struct question *question = mem_new(struct question);
        const char *name =
            arena_printf(&scratch, "%.*s.%s", SLICE_ARG(key), sites.domains[i].name);

        *question = (struct question){.score = score, .domain = &sites.domains[i]};
        dns_lookup_later(slice_from(name), DNS_A, answered, question);
    }
}

struct dnsbl_score *dnsbl_begin(const struct endpoint *client)
{
    char text[ENDPOINT_TEXT_BYTES];
    struct slice address = slice_from(endpoint_text(client, text));
    struct dnsbl_score *score = hash_get(&scores, address);

    if (score) {
        score->n_users++;
        return score;
    }
    score = mem_zeroed(1, sizeof(*score) + address.len + 1);
    memcpy(score->address, address.ptr, address.len);
    score->ttl_seconds = settings.tests[TEST_DNSBL].ttl_seconds;
    score->give_up = deadline_in(params.postscreen_dnsbl_timeout);
    score->n_users = 1;
    list_init(&score->watchers);
    hash_set(&scores, address, score);
    ask(score, client);
    return score;
}

void dnsbl_end(struct dnsbl_score *score)
{
    bug_if(score->n_users <= 0);
    if (--score->n_users > 0)
        return;
    hash_remove(&scores, slice_from(score->address));
    score_free(score);
}

void dnsbl_wait(struct dnsbl_score *score, deadline_t until)
{
    if (until > score->give_up)
        until = score->give_up;
    while (!dnsbl_is_finished(score) && co_wait(&score->finished, until) == WAKE_READY)
        ;
}

void dnsbl_watch(struct dnsbl_score *score, struct dnsbl_watcher *watcher, int fd)
{
    watcher->fd = fd;
    list_append(&score->watchers, &watcher->link);
}

void dnsbl_unwatch(struct dnsbl_watcher *watcher)
{
    list_remove(&watcher->link);
}

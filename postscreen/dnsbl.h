/*
 * What DNS lists say of a client: all are asked at once, and those sessions of the client that
 * are under test together share the answers.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/list.h"
#include "base/time.h"
#include "co/co.h"
#include "net/endpoint.h"

struct dnsbl_score {
    int rank;                /* the sum of the weights so far */
    const char *public_name; /* of the list that weighs most; NULL: none */
    int64_t ttl_seconds;     /* how long that is good for, within the bounds of main.cf */
    /* The rest is for dnsbl.c. */
    int weight; /* of public_name */
    int n_pending;
    int n_users;
    deadline_t give_up; /* lists that are silent until then stay so */
    struct co_queue finished;
    struct list watchers;
    char address[];
};

/* A session that waits for its client's first byte, not for us. */
struct dnsbl_watcher {
    struct list_link link;
    int fd;
};

/* Before the jail; fatal when postscreen_dnsbl_sites is wrong. */
void dnsbl_open(void);

/* Ask about the client, or join those who have. */
MUST_USE struct dnsbl_score *dnsbl_begin(const struct endpoint *client);
/* Drop the score; questions on their way are for nobody then. */
void dnsbl_end(struct dnsbl_score *score);

bool dnsbl_is_finished(const struct dnsbl_score *score);
/* Wait until all lists have answered, at most until the deadline. */
MAY_WAIT void dnsbl_wait(struct dnsbl_score *score, deadline_t until);
/*
 * While the watcher is there: once all lists have answered, and so that the client passes by
 * that alone, co_forget_fd(fd) wakes whoever waits for the descriptor.
 */
void dnsbl_watch(struct dnsbl_score *score, struct dnsbl_watcher *watcher, int fd);
void dnsbl_unwatch(struct dnsbl_watcher *watcher);

/* postscreen_dnsbl_allowlist_threshold is in use and the score is that good. */
bool dnsbl_allows(const struct dnsbl_score *score);

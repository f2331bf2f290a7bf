/*
 * The distribution that qshape shows: how many recipients or messages each domain has, by age.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/hash.h"
#include "base/slice.h"

#define BUCKETS_MAX 50

enum bucket_growth { BUCKETS_GEOMETRIC, BUCKETS_LINEAR };

struct shape_options {
    size_t n_buckets;      /* 1 to BUCKETS_MAX */
    double bucket_minutes; /* how old the first bucket goes, above 0 */
    enum bucket_growth growth;
    bool with_parents;
    size_t min_subdomains; /* a parent domain with fewer is not shown */
    size_t width;          /* columns of a line */
};

/* One line of the table. */
struct shape_row {
    struct slice name; /* lies in the hash; without the dot of a parent domain */
    bool is_parent;
    size_t n_children; /* of a parent domain: domains and parent domains right below it */
    uint64_t total;
    uint64_t counts[BUCKETS_MAX];
};

struct shape {
    const struct shape_options *options; /* borrowed */
    struct hash domains, parents;        /* name -> struct shape_row */
    struct shape_row all;
};

/* options is kept. */
void shape_init(struct shape *shape, const struct shape_options *options);
void shape_release(struct shape *shape);

/* Count one address of that age. Without "@" all of it is the domain; "" is MAILER-DAEMON. */
void shape_add(struct shape *shape, struct slice address, double age_minutes);

/*
 * Write the table: the total, then the domains with the most in front, at most max_rows lines
 * of these together.
 */
void shape_print(const struct shape *shape, size_t max_rows, FILE *out);

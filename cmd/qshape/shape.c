/*
 * Counting addresses by domain and age, and the table of it.
 */
#include "shape.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/bug.h"
#include "base/mem.h"

/* A domain is never shown with less than this, "+" in front included. */
#define NAME_COLUMNS_MIN 18
#define COUNT_COLUMNS    2
#define LABEL_BYTES      32

struct columns {
    char labels[BUCKETS_MAX][LABEL_BYTES];
    int total;                /* width, with the space in front */
    int buckets[BUCKETS_MAX]; /* the same */
    size_t name;
};

void shape_init(struct shape *shape, const struct shape_options *options)
{
    bug_if(options->n_buckets < 1 || options->n_buckets > BUCKETS_MAX);
    *shape = (struct shape){.options = options,
                            .domains = HASH_INIT,
                            .parents = HASH_INIT,
                            .all = {.name = SLICE("TOTAL")}};
}

void shape_release(struct shape *shape)
{
    hash_release(&shape->domains, mem_free);
    hash_release(&shape->parents, mem_free);
}

/* Where the bucket ends, in minutes; the last one has no end. */
static double bucket_limit(const struct shape_options *options, size_t bucket)
{
    if (options->growth == BUCKETS_LINEAR)
        return options->bucket_minutes * (double)(bucket + 1);
    return options->bucket_minutes * (double)(UINT64_C(1) << bucket);
}

static size_t find_bucket(const struct shape_options *options, double age_minutes)
{
    size_t bucket = 0;

    while (bucket + 1 < options->n_buckets && age_minutes >= bucket_limit(options, bucket))
        bucket++;
    return bucket;
}

static void count(struct shape_row *row, size_t bucket)
{
    row->total++;
    row->counts[bucket]++;
}

static struct shape_row *add_row(struct hash *rows, struct slice name, bool *is_new)
{
    struct shape_row *row = hash_get(rows, name);

    *is_new = !row;
    if (!row) {
        row = mem_new(struct shape_row);
        (void)hash_set(rows, name, row);
    }
    return row;
}

/* "b.example.com" gives "example.com"; nothing when only a top level domain would be left. */
static struct slice parent_of(struct slice domain)
{
    struct slice parent = slice_from_offset(domain, slice_find(domain, '.') + 1);

    return slice_find(parent, '.') < parent.len ? parent : SLICE_EMPTY;
}

static void count_parents(struct shape *shape, struct slice domain, size_t bucket,
                          bool is_new_child)
{
    struct slice parent = parent_of(domain);

    for (; parent.len > 0; parent = parent_of(parent)) {
        bool is_new;
        struct shape_row *row = add_row(&shape->parents, parent, &is_new);

        count(row, bucket);
        row->n_children += is_new_child;
        is_new_child = is_new;
    }
}

/* What the table calls the domain; control bytes would do harm on a terminal. */
static void domain_name(struct slice address, struct buf *name)
{
    size_t at = slice_find_last(address, '@');

    buf_reset(name);
    if (address.len == 0)
        buf_set_text(name, "MAILER-DAEMON");
    else
        buf_set(name, at < address.len ? slice_from_offset(address, at + 1) : address);
    if (address.len > 0)
        buf_lower(name);
    for (size_t i = 0; i < name->len; i++) {
        unsigned char c = (unsigned char)name->data[i];

        if (c < 32 || c == 127)
            name->data[i] = '?';
    }
}

void shape_add(struct shape *shape, struct slice address, double age_minutes)
{
    CLEANUP(buf_release) struct buf name = BUF_INIT;
    size_t bucket = find_bucket(shape->options, age_minutes);
    bool is_new;

    domain_name(address, &name);
    count(&shape->all, bucket);
    count(add_row(&shape->domains, buf_slice(&name), &is_new), bucket);
    if (shape->options->with_parents)
        count_parents(shape, buf_slice(&name), bucket, is_new);
}

/* Most first; then the shorter name, a parent's dot included. */
static int compare_rows(const void *left, const void *right)
{
    const struct shape_row *a = *(const struct shape_row *const *)left;
    const struct shape_row *b = *(const struct shape_row *const *)right;
    size_t a_length = a->name.len + a->is_parent, b_length = b->name.len + b->is_parent;

    if (a->total != b->total)
        return a->total > b->total ? -1 : 1;
    if (a_length != b_length)
        return a_length < b_length ? -1 : 1;
    return slice_compare(a->name, b->name);
}

static size_t collect(const struct hash *hash, size_t min_children, struct shape_row **rows)
{
    struct hash_cursor cursor = {0};
    struct slice name;
    void *value;
    size_t n = 0;

    while (hash_next(hash, &cursor, &name, &value)) {
        struct shape_row *row = value;

        row->name = name;
        row->is_parent = min_children > 0;
        if (row->n_children >= min_children)
            rows[n++] = row;
    }
    return n;
}

static int column_width(const char *label, uint64_t number)
{
    char text[LABEL_BYTES];
    int width = snprintf(text, sizeof(text), "%ju", (uintmax_t)number);

    if (width < (int)strlen(label))
        width = (int)strlen(label);
    return 1 + (width < COUNT_COLUMNS ? COUNT_COLUMNS : width);
}

/* As wide as the widest entry: that is the label or what stands in the line of the total. */
static void measure(const struct shape *shape, struct columns *columns)
{
    const struct shape_options *options = shape->options;
    size_t last = options->n_buckets - 1;
    size_t used;

    columns->total = column_width("T", shape->all.total);
    used = (size_t)columns->total;
    for (size_t i = 0; i < options->n_buckets; i++) {
        double limit = i < last ? bucket_limit(options, i) : 0;

        if (i == last && last > 0)
            limit = bucket_limit(options, last - 1);
        snprintf(columns->labels[i], LABEL_BYTES, "%.15g%s", limit, i == last ? "+" : "");
        columns->buckets[i] = column_width(columns->labels[i], shape->all.counts[i]);
        used += (size_t)columns->buckets[i];
    }
    columns->name =
        options->width > used + NAME_COLUMNS_MIN ? options->width - used : NAME_COLUMNS_MIN;
}

static void print_name(const struct shape_row *row, size_t width, FILE *out)
{
    const char *mark = row->is_parent ? "." : "";
    size_t room = width - row->is_parent;
    struct slice name = row->name;

    if (name.len > room) {
        mark = row->is_parent ? ".+" : "+";
        name = slice_from_offset(name, name.len - (room - 1));
        room--;
    }
    fprintf(out, "%*s%s%.*s", (int)(room - name.len), "", mark, SLICE_ARG(name));
}

static void print_row(const struct shape_row *row, const struct columns *columns,
                      size_t n_buckets, FILE *out)
{
    print_name(row, columns->name, out);
    fprintf(out, "%*ju", columns->total, (uintmax_t)row->total);
    for (size_t i = 0; i < n_buckets; i++)
        fprintf(out, "%*ju", columns->buckets[i], (uintmax_t)row->counts[i]);
    fprintf(out, "\n");
}

void shape_print(const struct shape *shape, size_t max_rows, FILE *out)
{
    struct shape_row **rows =
        mem_array(struct shape_row *, shape->domains.n_entries + shape->parents.n_entries + 1);
    size_t n_buckets = shape->options->n_buckets;
    struct columns columns;
    size_t n = collect(&shape->domains, 0, rows);

    n += collect(&shape->parents, shape->options->min_subdomains, rows + n);
    qsort(rows, n, sizeof(struct shape_row *), compare_rows);
    measure(shape, &columns);
    fprintf(out, "%*s%*s", (int)columns.name, "", columns.total, "T");
    for (size_t i = 0; i < n_buckets; i++)
        fprintf(out, "%*s", columns.buckets[i], columns.labels[i]);
    fprintf(out, "\n");
    print_row(&shape->all, &columns, n_buckets, out);
    for (size_t i = 0; i < n && i + 1 < max_rows; i++)
        print_row(rows[i], &columns, n_buckets, out);
    mem_free(rows);
}

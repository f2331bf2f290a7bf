/*
 * cdb: D. J. Bernstein's constant database, through tinycdb.
 */
/* needs: libcdb */
#include <cdb.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/poison.h"
#include "table/plugin.h"

struct plugin_index {
    struct cdb database;
};

struct plugin_make {
    struct cdb_make database;
};

static struct plugin_index *open_index(int fd, struct plugin_report *report)
{
    struct plugin_index *index = calloc(1, sizeof(*index));

    if (index && cdb_init(&index->database, fd) == 0)
        return index;
    snprintf(report->text, sizeof(report->text), "%s",
             errno == EPROTO ? "the file is truncated" : strerror(errno));
    free(index);
    return NULL;
}

static void close_index(struct plugin_index *index)
{
    cdb_free(&index->database);
    free(index);
}

static int find(struct plugin_index *index, const char *key, size_t len, const char **value,
                size_t *value_len)
{
    int result = len > UINT_MAX ? 0 : cdb_find(&index->database, key, (unsigned)len);

    if (result <= 0)
        return result;
    *value = cdb_getdata(&index->database);
    *value_len = cdb_datalen(&index->database);
    return *value ? 1 : -1;
}

static int walk(struct plugin_index *index, plugin_entry_fn *entry, void *arg)
{
    struct cdb *database = &index->database;
    unsigned position;
    int result;

    cdb_seqinit(&position, database);
    while ((result = cdb_seqnext(&position, database)) > 0) {
        const char *key = cdb_getkey(database), *value = cdb_getdata(database);

        if (!key || !value)
            return -1;
        if (!entry(arg, key, cdb_keylen(database), value, cdb_datalen(database)))
            return 0;
    }
    return result;
}

static struct plugin_make *begin(int fd, struct plugin_report *report)
{
    struct plugin_make *make = calloc(1, sizeof(*make));

    if (make && cdb_make_start(&make->database, fd) == 0)
        return make;
    snprintf(report->text, sizeof(report->text), "%s", strerror(errno));
    free(make);
    return NULL;
}

/* cdb_make_put would look for the key among all those before it, which takes square time. */
static bool put(struct plugin_make *make, const char *const texts[2], const size_t lengths[2])
{
    if (lengths[0] > UINT_MAX || lengths[1] > UINT_MAX) {
        errno = EFBIG;
        return false;
    }
    return cdb_make_add(&make->database, texts[0], (unsigned)lengths[0], texts[1],
                        (unsigned)lengths[1]) == 0;
}

static bool finish(struct plugin_make *make)
{
    int result = cdb_make_finish(&make->database), saved_errno = errno;

    free(make);
    errno = saved_errno;
    return result == 0;
}

static void abandon(struct plugin_make *make)
{
    /* The only way to free what it has: writes to a file that goes away. */
    (void)finish(make);
}

const struct index_plugin index_plugin = {
    .abi = TABLE_PLUGIN_ABI,
    .open = open_index,
    .find = find,
    .walk = walk,
    .close = close_index,
    .begin = begin,
    .put = put,
    .finish = finish,
    .abandon = abandon,
};

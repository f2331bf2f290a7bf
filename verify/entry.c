#include "entry.h"

#include <inttypes.h>

/* A probe without a result after this many seconds is lost, and another one is sent. */
#define PROBE_TTL 1000

void entry_format(struct buf *out, const struct entry *entry)
{
    buf_printf(out, "%d:%" PRId64 ":%" PRId64 ":%.*s", (int)entry->status, entry->probed,
               entry->updated, SLICE_ARG(entry->text));
}

bool entry_parse(struct entry *entry, struct slice value)
{
    struct slice status = slice_split(&value, ':');
    struct slice probed = slice_split(&value, ':');
    struct slice updated = slice_split(&value, ':');
    int64_t number;
    struct entry found = {.text = value};

    if (!slice_to_int(status, VERIFY_RECIPIENT_OK, VERIFY_RECIPIENT_PROBE, &number) ||
        !slice_to_int(probed, 0, INT64_MAX, &found.probed) ||
        !slice_to_int(updated, 0, INT64_MAX, &found.updated) || value.len == 0)
        return false;
    found.status = (enum verify_recipient_status)number;
    *entry = found;
    return true;
}

static bool is_older(const struct entry *entry, int64_t positive, int64_t negative, int64_t now)
{
    return now - entry->updated > (entry->status == VERIFY_RECIPIENT_OK ? positive : negative);
}

static bool is_probed(const struct entry *entry, int64_t now)
{
    return now - entry->probed <= PROBE_TTL;
}

bool entry_is_expired(const struct entry *entry, const struct lifetimes *lifetimes, int64_t now)
{
    return !is_probed(entry, now) &&
           is_older(entry, lifetimes->positive_expire, lifetimes->negative_expire, now);
}

bool entry_wants_probe(const struct entry *entry, const struct lifetimes *lifetimes,
                       int64_t now)
{
    return !is_probed(entry, now) &&
           is_older(entry, lifetimes->positive_refresh, lifetimes->negative_refresh, now);
}

bool entry_yields(const struct entry *entry, enum verify_recipient_status status,
                  const struct lifetimes *lifetimes, int64_t now)
{
    return status == VERIFY_RECIPIENT_OK || entry->status != VERIFY_RECIPIENT_OK ||
           is_older(entry, lifetimes->positive_expire, lifetimes->negative_expire, now);
}

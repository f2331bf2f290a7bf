#include "proven.h"

#define GENERATION_MAX 5000

void proven_add(struct proven *proven, struct slice key)
{
    static char present;

    if (hash_has(&proven->recent, key))
        return;
    if (proven->recent.n_entries >= GENERATION_MAX) {
        hash_release(&proven->older, NULL);
        proven->older = proven->recent;
        proven->recent = HASH_INIT;
    }
    hash_set(&proven->recent, key, &present);
}

void proven_remove(struct proven *proven, struct slice key)
{
    hash_remove(&proven->recent, key);
    hash_remove(&proven->older, key);
}

bool proven_has(const struct proven *proven, struct slice key)
{
    return hash_has(&proven->recent, key) || hash_has(&proven->older, key);
}

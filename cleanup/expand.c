/* Recursive expansion with the limits of main.cf. */
#include "expand.h"

#include "base/log.h"
#include "base/mem.h"
#include "conf/params.h"
#include "tables.h"

/* An expansion while it grows: the address at `turn` is being looked up. */
struct expansion_state {
    struct transaction *transaction;
    struct slice original;
    struct slice *addresses; /* heap */
    size_t n_addresses;
    struct hash self_seen; /* addresses that have expanded to themselves */
};

static void release(struct expansion_state *state)
{
    mem_free(state->addresses);
    hash_release(&state->self_seen, NULL);
}

static int refuse(struct expansion_state *state)
{
    transaction_fail_because(state->transaction, CLEANUP_STATUS_SERVICE, SLICE("4.6.0"),
                             SLICE("Alias expansion error"));
    return -1;
}

static int too_much(struct expansion_state *state, const char *what)
{
    log_warning("%s: unreasonable %s map %s for %.*s -- message not accepted, try again later",
                state->transaction->file.id, tables.virtual_alias.name, what,
                SLICE_ARG(state->original));
    return refuse(state);
}

static int too_long(struct expansion_state *state, struct slice result)
{
    log_warning("%s: unreasonable %s result %.*s... -- message not accepted, try again later",
                state->transaction->file.id, tables.virtual_alias.name,
                SLICE_ARG(slice_sub(result, 0, 300)));
    return refuse(state);
}

static int lookup_failed(struct expansion_state *state, struct slice address,
                         const struct error *error)
{
    log_warning("%s", error->text);
    log_warning("%s: %s map lookup problem for %.*s -- message not accepted, try again later",
                state->transaction->file.id, tables.virtual_alias.name, SLICE_ARG(address));
    transaction_fail_because(state->transaction, CLEANUP_STATUS_WRITE, SLICE("4.6.0"),
                             SLICE("Alias expansion error"));
    return -1;
}

/* The first result takes the place of what was looked up, the others queue up behind. */
static int take_results(struct expansion_state *state, size_t at,
                        const struct address_list *results)
{
    struct slice asked = state->addresses[at];

    for (size_t i = 0; i < results->count; i++) {
        struct slice result = results->items[i];

        if (result.len > (size_t)params.virtual_alias_address_length_limit)
            return too_long(state, result);
        if (i == 0) {
            state->addresses[at] = result;
        } else {
            state->addresses =
                mem_resize(state->addresses, state->n_addresses + 1, sizeof(*state->addresses));
            state->addresses[state->n_addresses++] = result;
        }
        if (slice_same_nocase(asked, result))
            (void)hash_set(&state->self_seen, asked, state);
    }
    return 0;
}

/* Follow one address to its end. */
static int follow(struct expansion_state *state, size_t at)
{
    struct arena *arena = &state->transaction->arena;
    enum address_extension extension =
        tables.propagate_virtual ? EXTENSION_PROPAGATE : EXTENSION_DROP;

    for (int depth = 0;; depth++) {
        struct address_list results;
        struct error error;
        int found;

        if (state->n_addresses > (size_t)params.virtual_alias_expansion_limit)
            return too_much(state, "expansion size");
        if (hash_has(&state->self_seen, state->addresses[at]))
            return 0;
        if (depth >= params.virtual_alias_recursion_limit)
            return too_much(state, "nesting");
        found = address_map(tables.virtual_alias.maps, state->addresses[at], extension, arena,
                            &results, &error);
        if (found < 0)
            return lookup_failed(state, state->addresses[at], &error);
        if (found > 0 && results.count == 0) {
            error_set(&error, ERROR_TEMPORARY, "%s: no address for %.*s",
                      tables.virtual_alias.name, SLICE_ARG(state->addresses[at]));
            return lookup_failed(state, state->addresses[at], &error);
        }
        if (found == 0)
            return 0;
        if (take_results(state, at, &results) < 0)
            return -1;
    }
}

void virtual_expand(struct transaction *transaction, struct slice address,
                    struct address_list *list)
{
    CLEANUP(release)
    struct expansion_state state = {.transaction = transaction,
                                    .original = address,
                                    .n_addresses = 1,
                                    .self_seen = HASH_INIT_NOCASE};
    struct arena *arena = &transaction->arena;

    list->count = 1;
    list->items = arena_array(arena, struct slice, 1);
    list->items[0] = address;
    if (maps_is_empty(tables.virtual_alias.maps))
        return;
    state.addresses = mem_array(struct slice, 1);
    state.addresses[0] = address;
    for (size_t i = 0; i < state.n_addresses; i++) {
        if (follow(&state, i) < 0)
            return;
    }
    list->count = state.n_addresses;
    list->items = arena_array(arena, struct slice, state.n_addresses);
    memcpy(list->items, state.addresses, state.n_addresses * sizeof(*list->items));
}

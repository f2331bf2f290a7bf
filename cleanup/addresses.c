/* Canonical tables and masquerading. */
#include "addresses.h"

#include "base/log.h"
#include "base/trace.h"
#include "conf/params.h"
#include "conf/words.h"
#include "mail/address.h"
#include "route/address_map.h"

/* A result is looked up again, in case it is itself an old name; this often at most. */
#define CANONICAL_TURNS_MAX 10

static void lookup_failed(struct transaction *transaction, const char *table,
                          struct slice address, const struct error *error)
{
    log_warning("%s", error->text);
    log_warning("%s: %s map lookup problem for %.*s -- message not accepted, try again later",
                transaction->file.id, table, SLICE_ARG(address.len ? address : SLICE("\"\"")));
    transaction_fail(transaction, CLEANUP_STATUS_WRITE);
}

static struct slice canonical(struct transaction *transaction,
                              const struct address_table *table, struct slice address,
                              struct arena *arena)
{
    enum address_extension extension =
        tables.propagate_canonical ? EXTENSION_PROPAGATE : EXTENSION_DROP;

    for (int turn = 0; turn < CANONICAL_TURNS_MAX; turn++) {
        struct error error;
        struct address_list list;
        int found = address_map(table->maps, address, extension, arena, &list, &error);

        if (found < 0)
            lookup_failed(transaction, table->name, address, &error);
        if (found <= 0 || list.count == 0)
            return address;
        if (list.count > 1)
            log_warning("%s: multi-valued %s entry for %.*s", transaction->file.id, table->name,
                        SLICE_ARG(address));
        if (slice_same_nocase(list.items[0], address))
            return list.items[0];
        address = list.items[0];
    }
    log_warning("%s: unreasonable %s map nesting for %.*s -- message not accepted, "
                "try again later",
                transaction->file.id, table->name, SLICE_ARG(address));
    return address; /* which is accepted all the same, as in Postfix, whatever the line says */
}

/*
 * The list's domain for one below it; the list's first match counts, and a "!" in front of it
 * means: leave alone.
 */
static struct slice masqueraded(struct slice address, struct arena *arena)
{
    struct slice rest = slice_from(params.masquerade_domains), parent;
    struct slice local_part = address_local_part(address);
    struct slice domain = address_domain(address);

    if (domain.len == 0 || words_have(slice_from(params.masquerade_exceptions), local_part))
        return address;
    while (words_next(&rest, WORDS_COMMA_SPACE, &parent)) {
        bool truncate = true;
        size_t excess;

        while (parent.len && parent.ptr[0] == '!') {
            truncate = !truncate;
            parent = slice_from_offset(parent, 1);
        }
        if (parent.len == 0 || parent.len > domain.len)
            continue;
        excess = domain.len - parent.len;
        if (excess && domain.ptr[excess - 1] != '.')
            continue;
        if (!slice_same_nocase(slice_from_offset(domain, excess), parent))
            continue;
        if (!truncate || excess == 0)
            return address;
        return slice_from(
            arena_printf(arena, "%.*s@%.*s", SLICE_ARG(local_part), SLICE_ARG(parent)));
    }
    return address;
}

static bool table_applies(const struct address_table *table, enum address_class class)
{
    return (table->classes & class) && !maps_is_empty(table->maps);
}

static const struct address_table *table_of(enum address_role role)
{
    return role == ROLE_SENDER ? &tables.sender_canonical : &tables.recipient_canonical;
}

static bool masquerading_applies(enum address_class class)
{
    return *params.masquerade_domains && (tables.masquerade_classes & class);
}

bool address_mapping_applies(const struct transaction *transaction, enum address_role role,
                             enum address_class class)
{
    return (transaction->flags & CLEANUP_MAP) &&
           (table_applies(table_of(role), class) || table_applies(&tables.canonical, class) ||
            masquerading_applies(class));
}

struct slice address_mapped(struct transaction *transaction, enum address_role role,
                            enum address_class class, struct slice address, struct arena *arena)
{
    const struct address_table *in_order[] = {table_of(role), &tables.canonical};

    if (!(transaction->flags & CLEANUP_MAP))
        return address;
    for (size_t i = 0; i < ARRAY_SIZE(in_order); i++) {
        if (table_applies(in_order[i], class))
            address = canonical(transaction, in_order[i], address, arena);
    }
    if (!masquerading_applies(class))
        return address;
    address = masqueraded(address, arena);
    trace_step("masquerade_domains: %.*s", SLICE_ARG(address));
    return address;
}

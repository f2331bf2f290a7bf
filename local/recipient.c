#include "recipient.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "aliases.h"
#include "base/log.h"
#include "conf/params.h"
#include "delivery/mail_copy.h"
#include "dotforward.h"
#include "expand.h"
#include "mail/address.h"
#include "mailbox.h"
#include "outside.h"
#include "route/open_maps.h"
#include "system_user.h"
#include "table/maps.h"

static struct maps *mailbox_transport_maps, *fallback_transport_maps;

/* An address taken apart. */
struct local_name {
    struct slice address; /* without the backslash */
    struct slice local;   /* user+extension */
    struct slice user, extension;
    struct slice domain;
    bool is_literal; /* "\user": no alias, no .forward */
};

void recipient_open(void)
{
    mailbox_transport_maps =
        open_maps(maps_open_sensitive, "mailbox_transport_maps", params.mailbox_transport_maps);
    fallback_transport_maps = open_maps(maps_open_sensitive, "fallback_transport_maps",
                                        params.fallback_transport_maps);
}

static void take_apart(struct slice address, struct local_name *name)
{
    *name = (struct local_name){.is_literal = slice_starts_with(address, "\\")};
    name->address = slice_from_offset(address, name->is_literal);
    name->local = address_local_part(name->address);
    name->domain = address_domain(name->address);
    name->user = name->local;
    address_split_extension(name->local, params.recipient_delimiter,
                            params.owner_request_special, &name->user, &name->extension);
}

static void settle(struct job *job, struct slice address, const char *status, const char *text)
{
    struct dsn dsn;

    delivery_dsn(job->delivery, &dsn, status, "%s", text);
    job_ended(job, address, &dsn);
}

static void fail_for_now(struct job *job, struct slice address, const struct error *error)
{
    log_warning("%s", error->text);
    settle(job, address, "4.3.0", "table lookup failure");
}

/* -- aliases
 * ------------------------------------------------------------------------------------- */

enum alias_result { ALIAS_NONE, ALIAS_EXPANDED, ALIAS_FAILED };

/* The alias of that name among the origins, or NULL; *distance counts the steps to it. */
static const struct origin *find_in_chain(const struct origin *origin, struct slice name,
                                          int *distance)
{
    *distance = 0;
    for (; origin; origin = origin->parent) {
        if (origin->kind == ORIGIN_ALIAS && slice_same_nocase(origin->name, name))
            return origin;
        *distance += origin->kind == ORIGIN_ALIAS;
    }
    return NULL;
}

/* "owner-NAME" takes the place of the sender, so trouble of a list is its owner's. */
static int find_list_owner(struct job *job, struct origin *origin, struct error *error)
{
    struct arena *arena = &job->delivery->arena;
    struct slice list = arena_lower(arena, origin->name);
    struct slice owner = slice_from(arena_printf(arena, "owner-%.*s", SLICE_ARG(list)));
    struct alias alias;

    switch (aliases_find_owner(owner, arena, &alias, error)) {
    case TABLE_ERROR:
        return -1;
    case TABLE_NOT_FOUND:
        if (params.reset_owner_alias)
            origin->has_owner = false;
        return 0;
    case TABLE_FOUND:
        break;
    }
    struct slice domain = address_domain(job->recipient->address);
    if (domain.len > 0)
        owner =
            slice_from(arena_printf(arena, "%.*s@%.*s", SLICE_ARG(owner), SLICE_ARG(domain)));
    if (params.expand_owner_alias) {
        struct slice rest = alias.value;
        owner = slice_trim(slice_split(&rest, ','));
    }
    origin->sender = owner;
    origin->has_owner = true;
    return 0;
}

static struct origin *alias_origin(struct job *job, const struct local_name *name,
                                   struct slice key, const struct alias *alias,
                                   const struct origin *parent)
{
    struct origin *origin = arena_new(&job->delivery->arena, struct origin);

    *origin = *parent;
    origin->kind = ORIGIN_ALIAS;
    origin->parent = parent;
    origin->depth = parent->depth + 1;
    origin->name = key;
    origin->user = alias->owner;
    origin->has_user = alias->has_owner;
    origin->address = name->address;
    /* A key with the extension has matched it. */
    origin->extension = slice_same(key, name->local) ? SLICE_EMPTY : name->extension;
    return origin;
}

static enum alias_result try_alias(struct job *job, const struct local_name *name,
                                   struct slice key, const struct origin *parent)
{
    struct alias alias;
    struct error error;
    int distance;

    if (find_in_chain(parent, key, &distance)) {
        if (distance == 0)
            return ALIAS_NONE; /* "self: self, other": now the user is meant */
        log_warning("alias database loop for %.*s", SLICE_ARG(parent->name));
        settle(job, parent->address, "5.4.6",
               arena_printf(&job->delivery->arena, "alias database loop for %.*s",
                            SLICE_ARG(parent->name)));
        return ALIAS_FAILED;
    }
    switch (aliases_find(key, &job->delivery->arena, &alias, &error)) {
    case TABLE_NOT_FOUND:
        return ALIAS_NONE;
    case TABLE_ERROR:
        log_warning("%s", error.text);
        settle(job, name->address, "4.3.0", "alias database unavailable");
        return ALIAS_FAILED;
    case TABLE_FOUND:
        break;
    }
    struct origin *origin = alias_origin(job, name, key, &alias, parent);
    if (params.owner_request_special && find_list_owner(job, origin, &error) < 0) {
        log_warning("%s", error.text);
        settle(job, name->address, "4.3.0", "alias database unavailable");
        return ALIAS_FAILED;
    }
    if (expand_list(job, alias.value, origin) == 0) {
        log_warning("no recipient in alias lookup result for %.*s", SLICE_ARG(key));
        settle(job, name->address, "4.3.0", "alias database unavailable");
        return ALIAS_FAILED;
    }
    delivery_expanded(job->delivery, job->recipient, SLICE("local"),
                      origin->has_owner ? "delivered" : "expanded");
    return ALIAS_EXPANDED;
}

bool recipient_is_alias(struct job *job, struct slice address)
{
    struct local_name name;
    struct alias alias;
    struct error error;

    take_apart(address, &name);
    return !name.is_literal &&
           (aliases_find(name.local, &job->delivery->arena, &alias, &error) == TABLE_FOUND ||
            aliases_find(name.user, &job->delivery->arena, &alias, &error) == TABLE_FOUND);
}

/* "user+extension", then "user". */
static enum alias_result try_aliases(struct job *job, const struct local_name *name,
                                     const struct origin *origin)
{
    enum alias_result result = try_alias(job, name, name->local, origin);

    if (result == ALIAS_NONE && name->user.len < name->local.len)
        result = try_alias(job, name, name->user, origin);
    return result;
}

/* -- other transports
 * ------------------------------------------------------------------------------ */

/* The transport for a name: the map's, else the parameter's; "" for none. -1 on table trouble.
 */
static int find_transport(struct maps *maps, const char *otherwise, struct slice name,
                          struct buf *transport, struct error *error)
{
    if (!maps_is_empty(maps)) {
        switch (maps_find(maps, name, transport, error)) {
        case TABLE_ERROR:
            return -1;
        case TABLE_FOUND:
            return 0;
        case TABLE_NOT_FOUND:
            break;
        }
    }
    buf_set_text(transport, otherwise);
    return 0;
}

/* True when the recipient was handed over (or that failed for now). */
static bool is_passed(struct job *job, const struct local_name *name, struct maps *maps,
                      const char *otherwise)
{
    CLEANUP(buf_release) struct buf transport = BUF_INIT;
    struct error error;

    if (find_transport(maps, otherwise, name->user, &transport, &error) < 0) {
        fail_for_now(job, name->address, &error);
        return true;
    }
    if (transport.len == 0)
        return false;
    outside_pass(job, name->address, transport.data);
    return true;
}

/* -- users
 * ------------------------------------------------------------------------------------------ */

/* Those that everybody has (RFC 5321 section 4.5.1), though nobody here reads their mail. */
static bool is_required(struct slice user)
{
    return slice_equals(user, "postmaster") || slice_equals(user, "mailer-daemon");
}

static void unknown_user(struct job *job, const struct local_name *name,
                         const struct origin *origin)
{
    if (is_passed(job, name, fallback_transport_maps, params.fallback_transport))
        return;
    if (dotforward_luser_relay(job, name->address, origin))
        return;
    struct slice user = arena_lower(&job->delivery->arena, name->user);
    if (is_required(user)) {
        log_warning("required alias not found: %.*s", SLICE_ARG(user));
        settle(job, name->address, "2.0.0", "discarded");
        return;
    }
    settle(job, name->address, "5.1.1",
           arena_printf(&job->delivery->arena, "unknown user: \"%.*s\"", SLICE_ARG(user)));
}

static void deliver_to_user(struct job *job, const struct local_name *name,
                            const struct origin *origin)
{
    const struct passwd *user = NULL;
    struct slice key = arena_lower(&job->delivery->arena, name->user);

    switch (system_user_find(key, &job->delivery->arena, &user)) {
    case SYSTEM_USER_ERROR:
        log_warning("look up user %.*s: %m", SLICE_ARG(key));
        settle(job, name->address, "4.3.0", "user database unavailable");
        return;
    case SYSTEM_USER_UNKNOWN:
        unknown_user(job, name, origin);
        return;
    case SYSTEM_USER_FOUND:
        break;
    }
    struct stat home;
    if (params.require_home_directory && stat(user->pw_dir, &home) < 0) {
        /* Not mounted now, most likely. */
        settle(job, name->address, "4.3.0",
               arena_printf(&job->delivery->arena, "cannot access home directory %s: %s",
                            user->pw_dir, strerror(errno)));
        return;
    }
    if (!name->is_literal && dotforward_expand(job, name->address, user, origin))
        return;
    mailbox_deliver(job, name->address, user, origin);
}

bool recipient_is_loop(struct job *job, struct slice address)
{
    if (!mail_copy_is_loop(job->delivery, address))
        return false;
    settle(job, address, "5.4.6",
           arena_printf(&job->delivery->arena, "mail forwarding loop for %.*s",
                        SLICE_ARG(address)));
    return true;
}

void recipient_deliver(struct job *job, struct slice address, const struct origin *origin)
{
    struct local_name name;

    take_apart(address, &name);
    if (recipient_is_loop(job, name.address))
        return;
    if (!name.is_literal && try_aliases(job, &name, origin) != ALIAS_NONE)
        return;
    if (is_passed(job, &name, mailbox_transport_maps, params.mailbox_transport))
        return;
    deliver_to_user(job, &name, origin);
}

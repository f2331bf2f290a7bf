/* Restrictions on where mail goes: relaying, and addresses that do not exist. */
#include "base/log.h"
#include "conf/params.h"
#include "ipc/verify_sender.h"
#include "mail/address.h"
#include "mail/dsn.h"
#include "old_defaults.h"
#include "restriction.h"
#include "settings.h"

enum access_result restrict_permit_auth_destination(struct check *check,
                                                    const struct restriction *restriction)
{
    (void)restriction;
    return check->has_recipient ? check_auth_destination(check) : ACCESS_DUNNO;
}

static enum access_result require_auth_destination(struct check *check, int code)
{
    enum access_result result;

    if (!check->has_recipient)
        return ACCESS_DUNNO;
    result = check_auth_destination(check);
    if (result == ACCESS_PERMIT) {
        old_defaults_note_relaying(check);
        return ACCESS_DUNNO;
    }
    if (result != ACCESS_DUNNO)
        return result;
    return check_reject(check, NOTICE_POLICY, code, "5.7.1", "<%.*s>: Relay access denied",
                        SLICE_ARG(check->recipient));
}

enum access_result restrict_unauth_destination(struct check *check,
                                               const struct restriction *restriction)
{
    (void)restriction;
    return require_auth_destination(check, params.relay_domains_reject_code);
}

enum access_result restrict_defer_unauth_destination(struct check *check,
                                                     const struct restriction *restriction)
{
    (void)restriction;
    return require_auth_destination(check, params.relay_domains_reject_code - 100);
}

/* -- unlisted addresses -------------------------------------------------------------------- */

/* A sender or a recipient that is looked for. */
struct quest {
    struct slice address;
    const struct resolved *resolved;
    bool is_sender;
};

static struct maps_address query_for(struct slice address)
{
    return (struct maps_address){
        .address = address,
        .delimiters = params.recipient_delimiter,
        .forms = MAPS_FULL | MAPS_NO_EXT | MAPS_AT_DOMAIN,
    };
}

/* 1 listed, 0 not, -1 trouble (logged). */
static int is_listed(struct maps *maps, struct slice address, bool is_local)
{
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    struct maps_address query = query_for(address);
    struct error error;

    if (maps_is_empty(maps))
        return 0;
    if (is_local)
        query.forms |= MAPS_LOCAL;
    switch (maps_find_address(maps, &query, &value, &error)) {
    case TABLE_FOUND:
        return 1;
    case TABLE_NOT_FOUND:
        return 0;
    case TABLE_ERROR:
        break;
    }
    log_warning("%s", error.text);
    return -1;
}

/* What rewrites the address before delivery makes it valid, wherever it leads. */
static int is_rewritten(const struct quest *quest)
{
    struct slice address = quest->resolved->recipient;
    bool is_local = quest->resolved->flags & RESOLVE_CLASS_LOCAL;

    struct maps *const tables[] = {
        quest->is_sender ? settings.sender_canonical : settings.recipient_canonical,
        settings.canonical,
        settings.virtual_aliases,
    };

    for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
        int found = is_listed(tables[i], address, is_local);

        if (found)
            return found;
    }
    return 0;
}

static enum access_result unknown_user(struct check *check, const struct quest *quest, int code,
                                       const char *table)
{
    const char *text = "User unknown";

    if (params.show_user_unknown_table_name)
        text = arena_printf(&check->session->scratch, "User unknown in %s", table);
    return check_reject(check, NOTICE_BOUNCE, code, quest->is_sender ? "5.1.0" : "5.1.1",
                        "<%.*s>: %s rejected: %s", SLICE_ARG(quest->address),
                        quest->is_sender ? CLASS_SENDER : CLASS_RECIPIENT, text);
}

/* Resolving said that it cannot be delivered: relocated, virtual alias domain, error transport.
 */
static enum access_result undeliverable(struct check *check, const struct quest *quest,
                                        struct slice reason)
{
    const char *class = quest->is_sender ? CLASS_SENDER : CLASS_RECIPIENT;
    bool is_for_now = slice_equals(quest->resolved->transport, "retry");
    char dsn[DSN_STATUS_BYTES];
    int code = is_for_now ? 450 : 550;

    if (dsn_status_parse(reason, dsn, &reason))
        check_map_dsn(dsn, class);
    else
        snprintf(dsn, sizeof(dsn), "%c.1.%c", is_for_now ? '4' : '5',
                 quest->is_sender ? '0' : '1');
    if (quest->resolved->flags & RESOLVE_CLASS_ALIAS)
        code = params.unknown_virtual_alias_reject_code;
    return check_reject(check, NOTICE_BOUNCE, code, dsn, "<%.*s>: %s rejected: %.*s",
                        SLICE_ARG(quest->address), class, SLICE_ARG(slice_trim(reason)));
}

/* The tables that list who exists, by address class. */
static enum access_result require_in_table(struct check *check, const struct quest *quest)
{
    const struct {
        unsigned class;
        struct maps *maps;
        const char *text;
        int code;
    } tables[] = {
        {RESOLVE_CLASS_LOCAL, settings.local_recipients, "local recipient table",
         params.unknown_local_recipient_reject_code},
        {RESOLVE_CLASS_VIRTUAL, settings.virtual_mailboxes, "virtual mailbox table",
         params.unknown_virtual_mailbox_reject_code},
        {RESOLVE_CLASS_RELAY, settings.relay_recipients, "relay recipient table",
         params.unknown_relay_recipient_reject_code},
    };

    for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
        int found;

        if (!(quest->resolved->flags & tables[i].class) || maps_is_empty(tables[i].maps))
            continue;
        found = is_listed(tables[i].maps, quest->resolved->recipient,
                          tables[i].class == RESOLVE_CLASS_LOCAL);
        if (found < 0)
            return check_lookup_failed(check, quest->address);
        return found ? ACCESS_DUNNO
                     : unknown_user(check, quest, tables[i].code, tables[i].text);
    }
    return ACCESS_DUNNO;
}

/* Where our own probes and notices come from: nobody has it, but it is no mistake. */
bool check_is_own_address(struct slice address)
{
    return verify_sender_is_ours(address) ||
           (slice_same_nocase(address_local_part(address),
                              slice_from(params.double_bounce_sender)) &&
            slice_same_nocase(address_domain(address), slice_from(params.myorigin)));
}

static enum access_result require_listed(struct check *check, const struct quest *quest)
{
    int found;

    if (!quest->resolved)
        return check_lookup_failed(check, quest->address);
    found = is_rewritten(quest);
    if (found < 0)
        return check_lookup_failed(check, quest->address);
    if (found || check_is_own_address(quest->resolved->recipient))
        return ACCESS_DUNNO;
    if (quest->resolved->flags & RESOLVE_ERROR)
        return undeliverable(check, quest, quest->resolved->error);
    if (slice_equals(quest->resolved->transport, "error") ||
        slice_equals(quest->resolved->transport, "retry"))
        return undeliverable(check, quest, quest->resolved->nexthop);
    return require_in_table(check, quest);
}

enum access_result restrict_unlisted_recipient(struct check *check,
                                               const struct restriction *restriction)
{
    struct quest quest = {.address = check->recipient};
    enum access_result result;

    (void)restriction;
    if (!check->has_recipient || check->recipient_was_listed ||
        (settings.overrides & OVERRIDE_NO_UNKNOWN_RECIPIENT_CHECKS))
        return ACCESS_DUNNO;
    if (!check->warn_only)
        check->recipient_was_listed = true;
    quest.resolved = check_resolve_recipient(check);
    result = require_listed(check, &quest);
    if (result == ACCESS_DUNNO)
        old_defaults_note_relay_recipient(check);
    return result;
}

enum access_result restrict_unlisted_sender(struct check *check,
                                            const struct restriction *restriction)
{
    struct quest quest = {.is_sender = true};
    struct resolved resolved;

    (void)restriction;
    if (!check_sender(check, &quest.address) || quest.address.len == 0 ||
        check->sender_was_listed)
        return ACCESS_DUNNO;
    if (!check->warn_only)
        check->sender_was_listed = true;
    if (check_resolve(check, quest.address, &resolved) == 0)
        quest.resolved = &resolved;
    return require_listed(check, &quest);
}

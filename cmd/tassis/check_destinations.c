/*
 * tassis check: are next hops written as smtp and lmtp read them, in parameters and in the
 * tables that override them?
 */
#include <string.h>

#include "base/mem.h"
#include "check.h"
#include "conf/params.h"
#include "net/hostport.h"
#include "route/next_hop.h"
#include "table/mention.h"

#define KIND "destination"

/* -- next hops ----------------------------------------------------------------------------- */

/* What exactly is wrong, where the parser of host and port knows it. */
static int bad_next_hop(struct slice text, struct error *error)
{
    struct slice rest =
        slice_from_offset(text, slice_starts_with(text, "inet:") ? strlen("inet:") : (size_t)0);
    struct hostport ignored;

    if (hostport_parse(&ignored, rest, HOSTPORT_ALONE_IS_HOST, 25, error) == 0)
        error_set(error, ERROR_PERMANENT, "bad next hop \"%.*s\"", SLICE_ARG(text));
    return -1;
}

/* There may be several, separated by commas. */
static int check_hops(struct slice list, enum next_hop_protocol protocol, struct error *error)
{
    struct next_hop next_hop;
    struct slice hop;

    while ((hop = slice_word(&list, ", \t\r\n")).ptr) {
        if (!next_hop_parse(hop, protocol, 25, &next_hop))
            return bad_next_hop(hop, error);
    }
    return 0;
}

/* "transport:nexthop" where the transport speaks SMTP or LMTP; others read what they like. */
static int check_transport(const struct check *check, struct slice text, struct error *error)
{
    struct slice nexthop = text;
    CLEANUP(mem_free_text) char *transport = slice_dup(slice_trim(slice_split(&nexthop, ':')));
    const struct master_service *service =
        master_cf_find(&check->master_cf, transport, MASTER_TYPE_UNIX);

    if (!*transport)
        return check_hops(nexthop, NEXT_HOP_SMTP, error);
    if (!service)
        return error_set(error, ERROR_PERMANENT, "master.cf has no service %s", transport);
    if (strcmp(service->program, "smtp") == 0)
        return check_hops(nexthop, NEXT_HOP_SMTP, error);
    if (strcmp(service->program, "lmtp") == 0)
        return check_hops(nexthop, NEXT_HOP_LMTP, error);
    return 0;
}

/* -- parameters ---------------------------------------------------------------------------- */

static void complain(struct check *check, const struct setting *setting,
                     const struct error *error)
{
    report(check->report, SEVERITY_ERROR, check_place(KIND, setting), "%s = %s: %s",
           setting->name, setting->value, error->text);
}

static void look_at_hops(struct check *check, const struct setting *setting)
{
    bool is_lmtp = slice_starts_with(slice_from(setting->name), "lmtp_");
    struct error error;

    if (check_hops(slice_from(setting->value), is_lmtp ? NEXT_HOP_LMTP : NEXT_HOP_SMTP,
                   &error) < 0)
        complain(check, setting, &error);
}

/* A service that is missing is said elsewhere. */
static void look_at_transport(struct check *check, const struct setting *setting)
{
    struct slice nexthop = slice_from(setting->value);
    CLEANUP(mem_free_text) char *transport = slice_dup(slice_split(&nexthop, ':'));
    struct error error;

    if (master_cf_find(&check->master_cf, transport, MASTER_TYPE_UNIX) &&
        check_transport(check, slice_from(setting->value), &error) < 0)
        complain(check, setting, &error);
}

static bool is_no_opinion(const struct entry *entry)
{
    return entry->value.len == 0 || slice_equals_nocase(entry->value, "DUNNO");
}

static void look_at_hops_entry(const struct entry *entry)
{
    struct error error;

    if (!is_no_opinion(entry) && check_hops(entry->value, NEXT_HOP_SMTP, &error) < 0)
        check_entry_report(entry, KIND, error.text);
}

static void look_at_transport_entry(const struct entry *entry)
{
    struct error error;

    if (!is_no_opinion(entry) && check_transport(entry->check, entry->value, &error) < 0)
        check_entry_report(entry, KIND, error.text);
}

static void look_at_hops_table(struct check *check, const struct setting *setting)
{
    check_entries(check, setting, look_at_hops_entry);
}

static void look_at_transport_table(struct check *check, const struct setting *setting)
{
    check_entries(check, setting, look_at_transport_entry);
}

static const struct {
    const char *suffix;
    void (*look)(struct check *check, const struct setting *setting);
} sources[] = {
    {"relayhost", look_at_hops},
    {"fallback_relay", look_at_hops},
    {"_transport", look_at_transport},
    {"content_filter", look_at_transport},
    {"relayhost_maps", look_at_hops_table},
    {"transport_maps", look_at_transport_table},
};

void check_destinations(struct check *check)
{
    for (size_t i = 0; i < check->n_settings; i++) {
        const struct setting *setting = &check->settings[i];
        struct slice name = slice_from(setting->name);

        for (size_t s = 0; param_row_find(name) && s < ARRAY_SIZE(sources); s++) {
            if (slice_ends_with(name, sources[s].suffix))
                sources[s].look(check, setting);
        }
    }
}

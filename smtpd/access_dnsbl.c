/* Lists in the DNS: reject_rbl_client, reject_rhsbl_*, permit_dnswl_client,
 * permit_rhswl_client. */
#include "base/log.h"
#include "conf/expand.h"
#include "conf/params.h"
#include "dns/filter.h"
#include "hosts.h"
#include "mail/address.h"
#include "restriction.h"
#include "settings.h"

/* What was found out about a client or a domain. */
struct listing {
    const struct restriction *restriction;
    const char *domain; /* of the list, without filter */
    const char *class;  /* $rbl_class */
    struct slice what;  /* $rbl_what */
    const char *query;  /* the name that was looked up */
    const char *reason; /* $rbl_reason: its TXT record; "" when it has none */
    struct slice value; /* one of its addresses, as text */
};

enum listed { LISTED, NOT_LISTED, LISTED_UNKNOWN };

/* "bl.example.com=127.0.0.[2..4]" */
static const char *split_filter(struct check *check, const char *argument, struct slice *filter)
{
    *filter = slice_from(argument);
    return arena_text(&check->session->scratch, slice_split(filter, '='));
}

static bool any_address_matches(const struct dns_answer *answer, struct slice filter,
                                struct arena *arena, struct slice *value)
{
    char text[ENDPOINT_TEXT_BYTES];

    for (size_t i = 0; i < answer->n_records; i++) {
        struct slice address = slice_from(endpoint_text(&answer->records[i].address, text));

        if (filter.len == 0 || dns_filter_matches(filter, address)) {
            *value = arena_slice(arena, address);
            return true;
        }
    }
    return false;
}

static void find_reason(struct check *check, struct listing *listing)
{
    struct arena *arena = &check->session->scratch;
    struct dns_answer answer;
    struct error error;

    listing->reason = "";
    if (hosts_look_up(slice_from(listing->query), DNS_TXT, arena, &answer, &error) == DNS_OK)
        listing->reason = arena_text(arena, answer.records[0].data);
}

/* Is key.domain there, with an address that the filter lets through? */
static enum listed find(struct check *check, struct listing *listing, struct slice key)
{
    struct arena *arena = &check->session->scratch;
    struct dns_answer answer;
    struct slice filter;
    struct error error;

    listing->domain = split_filter(check, listing->restriction->argument, &filter);
    listing->query = arena_printf(arena, "%.*s.%s", SLICE_ARG(key), listing->domain);
    switch (hosts_look_up(slice_from(listing->query), DNS_A, arena, &answer, &error)) {
    case DNS_OK:
        if (!any_address_matches(&answer, filter, arena, &listing->value))
            return NOT_LISTED;
        find_reason(check, listing);
        return LISTED;
    case DNS_TEMPORARY:
        log_warning("%s: RBL lookup error: %s", listing->query, error.text);
        return LISTED_UNKNOWN;
    case DNS_NO_NAME:
    case DNS_NO_DATA:
    case DNS_POLICY:
        break;
    }
    return NOT_LISTED;
}

/* -- the reply --------------------------------------------------------------------------------
 */

struct reply_names {
    const struct check *check;
    const struct listing *listing;
    struct arena *arena;
};

static const char *lookup(void *context, struct slice name)
{
    const struct reply_names *names = context;
    const struct listing *listing = names->listing;
    const struct session *session = names->check->session;

    const struct {
        const char *name;
        struct slice value;
    } known[] = {
        {"rbl_class", slice_from(listing->class)},
        {"rbl_what", listing->what},
        {"rbl_domain", slice_from(listing->domain)},
        {"rbl_reason", slice_from(listing->reason)},
        {"rbl_txt", slice_from(listing->reason)},
        {"client", session->peer.full_name},
        {"client_address", session->peer.text.address},
        {"client_name", session->peer.text.name},
        {"reverse_client_name", session->peer.text.reverse_name},
        {"helo_name", buf_slice(&session->helo)},
        {"recipient", names->check->recipient},
    };
    struct slice sender;

    if (slice_equals(name, "rbl_code"))
        return arena_printf(names->arena, "%d", params.maps_rbl_reject_code);
    if (slice_equals(name, "sender") && check_sender(names->check, &sender))
        return arena_text(names->arena, sender);
    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        if (slice_equals(name, known[i].name))
            return arena_text(names->arena, known[i].value);
    }
    return NULL;
}

/* rbl_reply_maps by list, else default_rbl_reply. */
static const char *template_for(struct check *check, const struct listing *listing)
{
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    struct error error;

    switch (maps_find(settings.rbl_replies, slice_from(listing->restriction->argument), &value,
                      &error)) {
    case TABLE_FOUND:
        return arena_text(&check->session->scratch, buf_slice(&value));
    case TABLE_NOT_FOUND:
        break;
    case TABLE_ERROR:
        log_warning("rbl_reply_maps: %s", error.text);
        break;
    }
    return params.default_rbl_reply;
}

static enum access_result refuse(struct check *check, const struct listing *listing)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    struct reply_names names = {
        .check = check, .listing = listing, .arena = &check->session->scratch};
    const struct expansion expansion = {
        .lookup = lookup, .context = &names, .allowed = settings.expansion_filter};
    struct smtp_reply reply;
    struct error error;

    if (expand_text(&text, slice_from(template_for(check, listing)), &expansion, &error) < 0) {
        log_warning("default_rbl_reply or rbl_reply_maps: %s", error.text);
        return check_misconfigured(check);
    }
    if (!smtp_reply_refuses(buf_slice(&text))) {
        log_warning("rbl response code configuration error: %s", text.data);
        return check_reject(check, NOTICE_POLICY, 450, "4.7.1", "Service unavailable");
    }
    reply = smtp_reply_parse(buf_slice(&text));
    check_map_dsn(reply.dsn, listing->class);
    return check_reject(check, NOTICE_POLICY, reply.code, reply.dsn[0] ? reply.dsn : "5.7.1",
                        "%.*s", SLICE_ARG(reply.text));
}

static enum access_result require_unlisted(struct check *check,
                                           const struct restriction *restriction,
                                           struct slice key, const char *class,
                                           struct slice what)
{
    struct listing listing = {.restriction = restriction, .class = class, .what = what};

    if (find(check, &listing, key) != LISTED)
        return ACCESS_DUNNO;
    return refuse(check, &listing);
}

/* Names that cannot be listed: none, "unknown", address literals. */
static bool is_listable(struct slice name)
{
    return name.len && !slice_equals(name, "unknown") && hostname_is_valid(name);
}

static enum access_result require_unlisted_name(struct check *check,
                                                const struct restriction *restriction,
                                                struct slice name, const char *class,
                                                struct slice what)
{
    if (!is_listable(name))
        return ACCESS_DUNNO;
    return require_unlisted(check, restriction, name, class, what);
}

enum access_result restrict_rbl_client(struct check *check,
                                       const struct restriction *restriction)
{
    struct slice key = dns_reversed(&check->session->peer.endpoint, &check->session->scratch);

    if (key.len == 0)
        return ACCESS_DUNNO;
    return require_unlisted(check, restriction, key, CLASS_CLIENT,
                            check->session->peer.text.address);
}

enum access_result restrict_rhsbl_client(struct check *check,
                                         const struct restriction *restriction)
{
    struct slice name = check->session->peer.text.name;

    return require_unlisted_name(check, restriction, name, CLASS_CLIENT, name);
}

enum access_result restrict_rhsbl_reverse_client(struct check *check,
                                                 const struct restriction *restriction)
{
    struct slice name = check->session->peer.text.reverse_name;

    return require_unlisted_name(check, restriction, name, CLASS_REVERSE, name);
}

enum access_result restrict_rhsbl_helo(struct check *check,
                                       const struct restriction *restriction)
{
    struct slice name = buf_slice(&check->session->helo);

    return require_unlisted_name(check, restriction, name, CLASS_HELO, name);
}

enum access_result restrict_rhsbl_sender(struct check *check,
                                         const struct restriction *restriction)
{
    struct slice sender;

    if (!check_sender(check, &sender))
        return ACCESS_DUNNO;
    return require_unlisted_name(check, restriction, address_domain(sender), CLASS_SENDER,
                                 sender);
}

enum access_result restrict_rhsbl_recipient(struct check *check,
                                            const struct restriction *restriction)
{
    if (!check->has_recipient)
        return ACCESS_DUNNO;
    return require_unlisted_name(check, restriction, address_domain(check->recipient),
                                 CLASS_RECIPIENT, check->recipient);
}

/* -- lists of the good -----------------------------------------------------------------------
 */

/*
 * They let nobody relay; and when they do not answer, a refusal by something else must not be
 * for good.
 */
static enum access_result permit_listed(struct check *check,
                                        const struct restriction *restriction, struct slice key,
                                        const char *class, struct slice what)
{
    struct listing listing = {.restriction = restriction, .class = class, .what = what};
    enum access_result most =
        check->has_recipient ? check_auth_destination(check) : ACCESS_PERMIT;

    if (most != ACCESS_PERMIT)
        return most; /* whatever the list may say */
    switch (find(check, &listing, key)) {
    case LISTED:
        return ACCESS_PERMIT;
    case NOT_LISTED:
        break;
    case LISTED_UNKNOWN:
        return check_defer_if_reject(check, 450, "4.7.1",
                                     "<%.*s>: %s rejected: Service unavailable",
                                     SLICE_ARG(what), class);
    }
    return ACCESS_DUNNO;
}

enum access_result permit_dnswl_client(struct check *check,
                                       const struct restriction *restriction)
{
    struct slice key = dns_reversed(&check->session->peer.endpoint, &check->session->scratch);

    if (key.len == 0)
        return ACCESS_DUNNO;
    return permit_listed(check, restriction, key, CLASS_CLIENT,
                         check->session->peer.text.address);
}

enum access_result permit_rhswl_client(struct check *check,
                                       const struct restriction *restriction)
{
    struct slice name = check->session->peer.text.name;

    if (!is_listable(name))
        return ACCESS_DUNNO;
    return permit_listed(check, restriction, name, CLASS_CLIENT, name);
}

/* check_*_access: which keys are looked up in an access table. */
#include "base/log.h"
#include "conf/params.h"
#include "mail/address.h"
#include "restriction.h"
#include "settings.h"

/* One request to a table. */
struct inquiry {
    struct check *check;
    const struct access_table *table;
    struct slice subject;
    const char *class;
    enum access_result result; /* where a key was found */
};

/* What is wrong with the table has been logged by the look-up. */
static enum access_result table_trouble(struct inquiry *inquiry, struct slice key)
{
    log_warning("%s lookup error for \"%.*s\"", inquiry->table->spec, SLICE_ARG(key));
    return check_reject(inquiry->check, NOTICE_DATA, 451, "4.3.5",
                        "<%.*s>: %s rejected: Server configuration error",
                        SLICE_ARG(inquiry->subject), inquiry->class);
}

/* The table's answer to a key: true when the search ends, with the result. */
static bool answered(struct inquiry *inquiry, enum table_result found, struct slice key,
                     const struct buf *value)
{
    struct access_match match = {
        .table = inquiry->table->spec,
        .key = key,
        .subject = inquiry->subject,
        .class = inquiry->class,
    };

    switch (found) {
    case TABLE_FOUND:
        inquiry->result = access_act(inquiry->check, buf_slice(value), &match);
        return true;
    case TABLE_NOT_FOUND:
        return false;
    case TABLE_ERROR:
        break;
    }
    inquiry->result = table_trouble(inquiry, key);
    return true;
}

static bool look_up(struct inquiry *inquiry, struct slice key)
{
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    struct error error;
    enum table_result found = maps_find(inquiry->table->maps, key, &value, &error);

    return answered(inquiry, found, key, &value);
}

/* host.example.com, then its parents: example.com or .example.com, as parent_domain_... says.
 */
static bool look_up_domain(struct inquiry *inquiry, struct slice domain)
{
    struct slice key = domain;

    if (look_up(inquiry, key))
        return true;
    if (inquiry->table->is_pattern || slice_starts_with(domain, "["))
        return false;
    for (;;) {
        /* A parent's own dot stays part of the key, unless bare names match subdomains. */
        size_t dot = slice_find(slice_from_offset(key, 1), '.') + 1;

        if (dot >= key.len)
            return false;
        key = slice_from_offset(key, settings.parents_match_access ? dot + 1 : dot);
        if (key.len && look_up(inquiry, key))
            return true;
    }
}

/* 192.0.2.1, 192.0.2, 192.0, 192; IPv6 by groups. */
static bool look_up_address(struct inquiry *inquiry, struct slice address)
{
    char separator = slice_find(address, ':') < address.len ? ':' : '.';

    while (address.len) {
        size_t end;

        if (look_up(inquiry, address))
            return true;
        end = slice_find_last(address, separator);
        if (inquiry->table->is_pattern || end == address.len)
            return false;
        address = slice_sub(address, 0, end);
        /* "2001:db8::1" is cut to "2001:db8", not to "2001:db8:". */
        while (address.len && address.ptr[address.len - 1] == separator)
            address.len--;
    }
    return false;
}

static struct inquiry inquire(struct check *check, const struct access_table *table,
                              struct slice subject, const char *class)
{
    return (struct inquiry){.check = check,
                            .table = table,
                            .subject = subject,
                            .class = class,
                            .result = ACCESS_DUNNO};
}

enum access_result access_look_up_domain(struct check *check, const struct access_table *table,
                                         struct slice domain, struct slice subject,
                                         const char *class)
{
    struct inquiry inquiry = inquire(check, table, subject, class);

    (void)look_up_domain(&inquiry, domain);
    return inquiry.result;
}

enum access_result access_look_up_address(struct check *check, const struct access_table *table,
                                          struct slice address, struct slice subject,
                                          const char *class)
{
    struct inquiry inquiry = inquire(check, table, subject, class);

    (void)look_up_address(&inquiry, address);
    return inquiry.result;
}

enum access_result access_look_up_key(struct check *check, const struct access_table *table,
                                      struct slice key, struct slice subject, const char *class)
{
    struct inquiry inquiry = inquire(check, table, subject, class);

    (void)look_up(&inquiry, key);
    return inquiry.result;
}

/* -- clients and HELO ------------------------------------------------------------------------
 */

enum access_result restrict_client_access(struct check *check,
                                          const struct restriction *restriction)
{
    const struct peer *peer = &check->session->peer;
    struct inquiry inquiry = inquire(check, &restriction->table, peer->full_name, CLASS_CLIENT);

    if (!look_up_domain(&inquiry, peer->text.name))
        (void)look_up_address(&inquiry, peer->text.address);
    return inquiry.result;
}

enum access_result restrict_reverse_client_access(struct check *check,
                                                  const struct restriction *restriction)
{
    struct slice name = check->session->peer.text.reverse_name;

    return access_look_up_domain(check, &restriction->table, name, name, CLASS_REVERSE);
}

enum access_result restrict_helo_access(struct check *check,
                                        const struct restriction *restriction)
{
    struct slice name = buf_slice(&check->session->helo);

    if (name.len == 0)
        return ACCESS_DUNNO;
    return access_look_up_domain(check, &restriction->table, name, name, CLASS_HELO);
}

enum access_result restrict_etrn_access(struct check *check,
                                        const struct restriction *restriction)
{
    if (check->etrn_domain.len == 0)
        return ACCESS_DUNNO;
    return access_look_up_domain(check, &restriction->table, check->etrn_domain,
                                 check->etrn_domain, CLASS_ETRN);
}

/* -- addresses -------------------------------------------------------------------------------
 */

/* user+ext@domain, user@domain, domain and parents, user+ext@, user@. */
static void look_up_mail(struct inquiry *inquiry, struct slice address)
{
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    struct maps_address query = {
        .address = address,
        .delimiters = params.recipient_delimiter,
        .forms = MAPS_FULL | MAPS_NO_EXT | MAPS_DOMAIN | MAPS_PARENTS | MAPS_LOCAL_PART,
        .parents_without_dot = settings.parents_match_access,
    };
    struct error error;
    enum table_result found = maps_find_address(inquiry->table->maps, &query, &value, &error);

    (void)answered(inquiry, found, address, &value);
}

enum access_result restrict_sender_access(struct check *check,
                                          const struct restriction *restriction)
{
    struct inquiry inquiry;
    struct slice sender;
    struct resolved resolved;

    if (!check_sender(check, &sender))
        return ACCESS_DUNNO;
    inquiry = inquire(check, &restriction->table, sender, CLASS_SENDER);
    if (sender.len == 0) {
        (void)look_up(&inquiry, slice_from(params.smtpd_null_access_lookup_key));
        return inquiry.result;
    }
    if (check_resolve(check, sender, &resolved) < 0)
        return check_lookup_failed(check, sender);
    look_up_mail(&inquiry, resolved.recipient);
    return inquiry.result;
}

enum access_result restrict_recipient_access(struct check *check,
                                             const struct restriction *restriction)
{
    struct inquiry inquiry =
        inquire(check, &restriction->table, check->recipient, CLASS_RECIPIENT);
    const struct resolved *resolved;

    if (!check->has_recipient)
        return ACCESS_DUNNO;
    resolved = check_resolve_recipient(check);
    if (!resolved)
        return check_lookup_failed(check, check->recipient);
    look_up_mail(&inquiry, resolved->recipient);
    return inquiry.result;
}

/* For local_header_rewrite_clients: the client whose address is in the table, with any value.
 */
enum access_result restrict_address_map(struct check *check,
                                        const struct restriction *restriction)
{
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    struct slice address = check->session->peer.text.address;
    struct error error;

    switch (maps_find(restriction->table.maps, address, &value, &error)) {
    case TABLE_FOUND:
        return ACCESS_PERMIT;
    case TABLE_NOT_FOUND:
        return ACCESS_DUNNO;
    case TABLE_ERROR:
        break;
    }
    log_warning("%s lookup error for \"%.*s\"", restriction->table.spec, SLICE_ARG(address));
    return ACCESS_DUNNO;
}

/* "type:table" in place of a restriction: asks about what the list is about. */
enum access_result restrict_table(struct check *check, const struct restriction *restriction)
{
    static const struct {
        const char *class;
        restriction_fn *run;
    } by_class[] = {
        {CLASS_CLIENT, restrict_client_access}, {CLASS_HELO, restrict_helo_access},
        {CLASS_SENDER, restrict_sender_access}, {CLASS_RECIPIENT, restrict_recipient_access},
        {CLASS_ETRN, restrict_etrn_access},
    };

    if (!check->class)
        return restrict_address_map(check, restriction);
    for (size_t i = 0; i < ARRAY_SIZE(by_class); i++) {
        if (strcmp(check->class, by_class[i].class) == 0)
            return by_class[i].run(check, restriction);
    }
    log_warning("specify one of (check_client_access, check_reverse_client_hostname_access, "
                "check_helo_access, check_sender_access, check_recipient_access, "
                "check_etrn_access) before table \"%s\"",
                restriction->argument);
    return check_misconfigured(check);
}

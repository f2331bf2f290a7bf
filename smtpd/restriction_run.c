/* Going through a list of restrictions. */
#include "base/log.h"
#include "base/trace.h"
#include "restriction.h"
#include "transaction.h"

#define DEPTH_MAX 20 /* classes in tables in classes ... */

/* Those that permit by themselves; tables, policy servers and classes have had their say. */
static void log_permit(const struct check *check, const struct restriction *item)
{
    bool is_own = strncmp(item->name, "permit", strlen("permit")) == 0 ||
                  item->run == restrict_check_relay_domains;
    bool is_about_list = strcmp(item->name, "permit") == 0 ||
                         item->run == restrict_permit_mx_backup ||
                         item->run == restrict_permit_auth_destination ||
                         item->run == restrict_check_relay_domains;

    /* Without a class nothing is permitted: local_header_rewrite_clients asks who is there. */
    if (!is_own || !check->class || item->list || item->table.maps)
        return;
    if (is_about_list)
        check_log_permit(check, item->name, check->subject, check->class, NULL);
    else
        check_log_permit(check, item->name, check->session->peer.full_name, CLASS_CLIENT, NULL);
}

const char *access_result_name(const struct check *check, enum access_result result)
{
    switch (result) {
    case ACCESS_PERMIT:
        return "permit";
    case ACCESS_REJECT:
        return arena_printf(&check->session->scratch, "refuse with %d %s %.*s",
                            check->reply.code, check->reply.dsn, SLICE_ARG(check->reply.text));
    case ACCESS_DUNNO:
        break;
    }
    return check->if_permit.is_active ? "no opinion (to be deferred if permitted)"
                                      : "no opinion";
}

enum access_result restriction_run(struct check *check, const struct restriction *item)
{
    enum access_result result;

    trace_begin("%s%s%s%s", check->warn_only ? "warn_if_reject " : "", item->name,
                item->argument ? " " : "", item->argument ? item->argument : "");
    result = item->run(check, item);
    trace_end("%s", access_result_name(check, result));
    return result;
}

enum access_result restriction_list_run(struct check *check,
                                        const struct restriction_list *list)
{
    const struct transaction *transaction = check->session->transaction;

    if (transaction && transaction->actions.discard)
        return ACCESS_PERMIT; /* whatever else may be said of it */
    if (check->depth >= DEPTH_MAX) {
        log_warning("restriction classes are nested deeper than %d", DEPTH_MAX);
        return check_misconfigured(check);
    }
    check->depth++;
    for (size_t i = 0; i < list->count; i++) {
        const struct restriction *item = &list->items[i];
        bool warn_only = check->warn_only;
        enum access_result result;

        check->warn_only = warn_only || item->only_warns;
        result = restriction_run(check, item);
        if (result == ACCESS_PERMIT)
            log_permit(check, item);
        check->warn_only = warn_only;
        if (result != ACCESS_DUNNO) {
            check->depth--;
            return result;
        }
    }
    check->depth--;
    return ACCESS_DUNNO;
}

enum access_result restrict_class(struct check *check, const struct restriction *restriction)
{
    return restriction_list_run(check, restriction->list);
}

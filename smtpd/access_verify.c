/* reject_unverified_sender, reject_unverified_recipient: would mail for the address arrive? */
#include "base/log.h"
#include "base/trace.h"
#include "co/co.h"
#include "conf/params.h"
#include "ipc/verify_client.h"
#include "ipc/verify_sender.h"
#include "mail/address.h"
#include "restriction.h"

#define REASON_MAX_BYTES 250

/* Where sender and recipient differ. */
struct rules {
    struct slice address;
    const char *class, *dsn;
    int defer_code, reject_code;
    const char *reason; /* told in place of the probe's own words, unless empty */
    const char *tempfail_action;
};

struct verdict {
    enum verify_recipient_status status;
    struct slice reason;
};

/* Ask until there is a result or patience ends. */
static int ask(struct check *check, struct slice address, struct verdict *verdict,
               struct error *error)
{
    deadline_t until = deadline_in(params.ipc_timeout);

    if (check->session->is_rehearsal) {
        trace_step("a probe of %.*s, which is not sent now, would decide", SLICE_ARG(address));
        verdict->status = VERIFY_RECIPIENT_OK;
        return 0;
    }
    for (int n = 1;; n++) {
        if (verify_query(address, &check->session->scratch, &verdict->status, &verdict->reason,
                         until, error) < 0)
            return -1;
        if (verdict->status != VERIFY_RECIPIENT_PROBE || n >= params.address_verify_poll_count)
            return 0;
        if (co_sleep_until(deadline_in(params.address_verify_poll_delay)) == WAKE_CANCELLED)
            return error_set(error, ERROR_TEMPORARY, "the session ends");
    }
}

static enum access_result defer(struct check *check, const struct rules *rules, int code,
                                const char *trouble, struct slice reason)
{
    if (strcmp(rules->tempfail_action, "defer") == 0)
        return check_reject(check, NOTICE_POLICY, code, rules->dsn,
                            "<%.*s>: %s rejected: %s%.*s", SLICE_ARG(rules->address),
                            rules->class, trouble, SLICE_ARG(reason));
    return check_defer_if_permit(check, code, rules->dsn, "<%.*s>: %s rejected: %s%.*s",
                                 SLICE_ARG(rules->address), rules->class, trouble,
                                 SLICE_ARG(reason));
}

/* A code of 2xx accepts the address all the same. */
static enum access_result act(struct check *check, const struct rules *rules,
                              const struct verdict *verdict)
{
    int code =
        verdict->status == VERIFY_RECIPIENT_BOUNCE ? rules->reject_code : rules->defer_code;
    struct slice reason = slice_sub(verdict->reason, 0, REASON_MAX_BYTES);

    if (*rules->reason)
        reason = slice_from(rules->reason);
    if (code < 400)
        return ACCESS_DUNNO;
    if (code < 500)
        return defer(check, rules, code, "unverified address: ", reason);
    return check_reject(check, NOTICE_POLICY, code, rules->dsn,
                        "<%.*s>: %s rejected: undeliverable address: %.*s",
                        SLICE_ARG(rules->address), rules->class, SLICE_ARG(reason));
}

static enum access_result require_deliverable(struct check *check, const struct rules *rules,
                                              const struct resolved *resolved)
{
    struct verdict verdict;
    struct error error;

    if (!resolved)
        return check_lookup_failed(check, rules->address);
    if (check_is_own_address(resolved->recipient))
        return ACCESS_DUNNO;
    if (ask(check, resolved->recipient, &verdict, &error) < 0) {
        log_warning("%s service failure: %s", params.address_verify_service_name, error.text);
        return defer(check, rules, 450, "address verification problem", SLICE_EMPTY);
    }
    if (verdict.status == VERIFY_RECIPIENT_OK)
        return ACCESS_DUNNO;
    return act(check, rules, &verdict);
}

enum access_result restrict_unverified_sender(struct check *check,
                                              const struct restriction *restriction)
{
    struct rules rules = {
        .class = CLASS_SENDER,
        .dsn = "4.1.7",
        .defer_code = params.unverified_sender_defer_code,
        .reject_code = params.unverified_sender_reject_code,
        .reason = params.unverified_sender_reject_reason,
        .tempfail_action = params.unverified_sender_tempfail_action,
    };
    struct resolved resolved;

    (void)restriction;
    if (!check_sender(check, &rules.address) || rules.address.len == 0)
        return ACCESS_DUNNO;
    return require_deliverable(
        check, &rules, check_resolve(check, rules.address, &resolved) < 0 ? NULL : &resolved);
}

enum access_result restrict_unverified_recipient(struct check *check,
                                                 const struct restriction *restriction)
{
    const struct rules rules = {
        .address = check->recipient,
        .class = CLASS_RECIPIENT,
        .dsn = "4.1.1",
        .defer_code = params.unverified_recipient_defer_code,
        .reject_code = params.unverified_recipient_reject_code,
        .reason = params.unverified_recipient_reject_reason,
        .tempfail_action = params.unverified_recipient_tempfail_action,
    };

    (void)restriction;
    if (!check->has_recipient)
        return ACCESS_DUNNO;
    return require_deliverable(check, &rules, check_resolve_recipient(check));
}

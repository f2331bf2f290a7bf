#include "tls_message.h"

#include <string.h>

#include "conf/params.h"
#include "tls_options.h"

enum tls_wish tls_wish_of(const struct delivery *delivery)
{
    int64_t send_options = delivery->request.send_options;

    if (params.requiretls_enable && (send_options & SEND_REQUIRETLS))
        return TLS_WISH_REQUIRED;
    if (params.tls_required_enable && (send_options & SEND_TLS_REQUIRED_NO))
        return TLS_WISH_OPTIONAL;
    return TLS_WISH_NONE;
}

bool tls_may_go_plain(const struct delivery *delivery, const struct tls_policy *policy)
{
    const struct delivery_times *times = &delivery->times;

    if (policy->level != TLS_LEVEL_MAY || tls_options.wrappermode)
        return false;
    return delivery_is_trial(delivery) || tls_wish_of(delivery) == TLS_WISH_OPTIONAL ||
           timeval_diff_seconds(times->incoming, times->active_start) * 1000 >=
               (double)params.minimal_backoff_time;
}

void tls_status_set(struct attempt *attempt, const struct tls_policy *policy,
                    const struct session *session)
{
    struct delivery *delivery = attempt->delivery;
    const char *requiretls = requiretls_status(attempt->requiretls, session);
    const char *wanted = tls_level_name(policy->wanted);
    bool is_undecided = !session && policy->level != TLS_LEVEL_INVALID;
    bool is_unmet = !session && tls_level_is_mandatory(policy->wanted);
    const char *final = !session                 ? tls_level_name(policy->level)
                        : session->tls.is_active ? tls_level_name(session->tls.level)
                                                 : "none";

    delivery->tls_status = NULL;
    if (!tls_options.log_status || (policy->wanted <= TLS_LEVEL_NONE && !*requiretls))
        return;
    if (policy->level == TLS_LEVEL_INVALID || strcmp(wanted, final) == 0)
        final = NULL;
    delivery->tls_status = arena_printf(&delivery->arena, "%s%s%s%s%s%s", is_unmet ? "!" : "",
                                        wanted, final ? ":" : "", final ? final : "",
                                        is_undecided && !is_unmet ? "?" : "", requiretls);
}

#include "probe.h"

#include "base/arena.h"
#include "base/log.h"
#include "base/mem.h"
#include "co/co.h"
#include "conf/params.h"
#include "ipc/cleanup_client.h"
#include "ipc/verify_sender.h"
#include "mail/message.h"
#include "mail/record.h"

#define WARNING_INTERVAL MINUTES(1)

static int n_under_way;

static void put_envelope(struct cleanup_client *cleanup, struct slice address)
{
    CLEANUP(buf_release) struct buf sender = BUF_INIT;
    struct timeval now = time_wall();

    verify_sender_make(&sender);
    cleanup_printf(cleanup, RECORD_TIME, "%ld %ld", (long)now.tv_sec, (long)now.tv_usec);
    cleanup_put_attribute(cleanup, "rewrite_context", SLICE("local"));
    cleanup_printf(cleanup, RECORD_ATTRIBUTE, "trace_flags=%d", TRACE_PROBE);
    cleanup_put(cleanup, RECORD_SENDER, buf_slice(&sender));
    cleanup_put(cleanup, RECORD_ORIGINAL_RECIPIENT, address);
    cleanup_put(cleanup, RECORD_RECIPIENT, address);
}

static void put_header(struct cleanup_client *cleanup)
{
    time_t now = time_wall_seconds();

    cleanup_put(cleanup, RECORD_MESSAGE, SLICE_EMPTY);
    cleanup_printf(cleanup, RECORD_LINE, "Received: by %s (%s)", params.myhostname,
                   params.mail_name);
    cleanup_put_id_and_date(cleanup, now);
    cleanup_printf(cleanup, RECORD_LINE, "Date: %s", time_rfc5322(now));
    cleanup_put(cleanup, RECORD_EXTRACTED, SLICE_EMPTY);
    cleanup_put(cleanup, RECORD_END, SLICE_EMPTY);
}

static const char *service(void)
{
    static struct arena arena;
    static const char *path;

    if (!path)
        path = arena_printf(&arena, "public/%s", params.cleanup_service_name);
    return path;
}

static int post(struct cleanup_client *cleanup, struct slice address, struct error *error)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    unsigned flags = CLEANUP_MAP | CLEANUP_REWRITE | cleanup_smtputf8_flag("verify");
    struct cleanup_result_texts result;

    cleanup_open(cleanup, service(), flags, 0, DEADLINE_NONE);
    put_envelope(cleanup, address);
    put_header(cleanup);
    if (cleanup_finish(cleanup, &arena, &result, error) < 0)
        return -1;
    if (result.status)
        return error_set(error, ERROR_TEMPORARY, "%s",
                         cleanup_status_detail(result.status)->text);
    return 0;
}

static void send(void *arg)
{
    CLEANUP(mem_free_text) char *address = arg;
    CLEANUP(cleanup_client_release) struct cleanup_client cleanup = {0};
    struct error error;

    if (post(&cleanup, slice_from(address), &error) < 0)
        log_warning("probe of <%s>: %s", address, error.text);
    n_under_way--;
}

/* Said once until it has become better: there may be one line for each address that comes. */
static void log_overload(void)
{
    static int64_t said;

    if (said && time_now_ms() < said + WARNING_INTERVAL)
        return;
    said = time_now_ms();
    log_warning("%d probes wait for the cleanup service: no others are made for now",
                n_under_way);
}

bool probe_send(struct slice address)
{
    char *copy;

    if (n_under_way >= params.address_verify_pending_request_limit) {
        log_overload();
        return false;
    }
    copy = slice_dup(address);
    if (co_spawn("verify probe", send, copy)) {
        n_under_way++;
        return true;
    }
    log_warning("probe of <%s>: no memory for another one", copy);
    mem_free(copy);
    return false;
}

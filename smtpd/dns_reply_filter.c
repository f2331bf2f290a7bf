#include "dns_reply_filter.h"

#include "base/buf.h"
#include "base/log.h"
#include "settings.h"

static void add_data(struct buf *text, const struct dns_record *record)
{
    char address[ENDPOINT_TEXT_BYTES];

    switch ((int)record->type) {
    case DNS_A:
    case DNS_AAAA:
        buf_add_text(text, endpoint_text(&record->address, address));
        break;
    case DNS_MX:
        buf_printf(text, "%u %.*s.", record->preference, SLICE_ARG(record->target));
        break;
    case DNS_TXT:
        buf_add_slice(text, record->data);
        break;
    default:
        buf_printf(text, "%.*s.", SLICE_ARG(record->target));
        break;
    }
}

/* 1: keep it, 0: drop it, -1: the table cannot be asked. */
static int judge(const struct dns_record *record, struct error *error)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    CLEANUP(buf_release) struct buf value = BUF_INIT;

    buf_printf(&text, "%.*s. %u IN %s ", SLICE_ARG(record->name), record->ttl_seconds,
               dns_type_name(record->type));
    add_data(&text, record);
    switch (maps_find(settings.dns_reply_filter, buf_slice(&text), &value, error)) {
    case TABLE_NOT_FOUND:
        return 1;
    case TABLE_FOUND:
        if (slice_equals_nocase(slice_trim(buf_slice(&value)), "IGNORE")) {
            log_info("ignoring DNS RR: %s", text.data);
            return 0;
        }
        return error_set(error, ERROR_TEMPORARY,
                         "smtpd_dns_reply_filter: unknown action: \"%s\"", value.data);
    case TABLE_ERROR:
        break;
    }
    return error_context(error, "smtpd_dns_reply_filter");
}

enum dns_result dns_reply_filter(struct dns_answer *answer, struct error *error)
{
    size_t n_kept = 0;

    if (maps_is_empty(settings.dns_reply_filter))
        return DNS_OK;
    for (size_t i = 0; i < answer->n_records; i++) {
        int kept = judge(&answer->records[i], error);

        if (kept < 0) {
            log_warning("%s", error->text);
            return DNS_TEMPORARY;
        }
        if (kept > 0)
            answer->records[n_kept++] = answer->records[i];
    }
    answer->n_records = n_kept;
    if (n_kept > 0)
        return DNS_OK;
    (void)error_set(error, ERROR_PERMANENT, DNS_REPLY_FILTER_DROPS_ALL);
    return DNS_PERMANENT;
}

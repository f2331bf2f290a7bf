#include "route/dns_reply_filter.h"

#include "base/log.h"
#include "route/open_maps.h"

static struct maps *filter;
static const char *title;

void dns_reply_filter_open(const char *name, const char *maps)
{
    title = name;
    filter = open_maps(maps_open, name, maps);
    dns_filter_set(maps_is_empty(filter) ? NULL : dns_reply_filter);
}

/* "example.com. 3600 IN MX 10 mail.example.com.", as a zone file has it. */
static void write_record(struct buf *text, const struct dns_record *record)
{
    char address[ENDPOINT_TEXT_BYTES];

    buf_printf(text, "%.*s. %u IN %s ", SLICE_ARG(record->name), record->ttl_seconds,
               dns_type_name(record->type));
    switch (record->type) {
    case DNS_A:
    case DNS_AAAA:
        buf_add_text(text, endpoint_text(&record->address, address));
        break;
    case DNS_MX:
        buf_printf(text, "%u %.*s.", record->preference, SLICE_ARG(record->target));
        break;
    case DNS_SRV:
        buf_printf(text, "%u %u %u %.*s.", record->preference, record->weight, record->port,
                   SLICE_ARG(record->target));
        break;
    case DNS_TXT:
        buf_add_slice(text, record->data);
        break;
    case DNS_TLSA:
        for (size_t i = 0; i < record->data.len; i++)
            buf_printf(text, i < 3 ? "%u " : "%02X",
                       (unsigned)(unsigned char)record->data.ptr[i]);
        break;
    case DNS_NS:
    case DNS_CNAME:
    case DNS_SOA:
    case DNS_PTR:
    default:
        buf_printf(text, "%.*s.", SLICE_ARG(record->target));
        break;
    }
}

enum fate { FATE_KEEP, FATE_DROP, FATE_UNKNOWN };

static enum fate fate_of(const struct dns_record *record)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT, action = BUF_INIT;
    struct error error;

    write_record(&text, record);
    switch (maps_find(filter, buf_slice(&text), &action, &error)) {
    case TABLE_FOUND:
        break;
    case TABLE_ERROR:
        log_warning("%s", error.text);
        return FATE_UNKNOWN;
    case TABLE_NOT_FOUND:
    default:
        return FATE_KEEP;
    }
    struct slice rest = buf_slice(&action);
    if (slice_equals_nocase(slice_word(&rest, " \t"), "IGNORE")) {
        log_info("ignoring DNS RR: %s", text.data);
        return FATE_DROP;
    }
    log_warning("%s: unknown DNS filter action: \"%s\"", title, action.data);
    return FATE_UNKNOWN;
}

enum dns_result dns_reply_filter(struct slice name, enum dns_type type,
                                 struct dns_answer *answer, struct error *error)
{
    size_t n_kept = 0;

    for (size_t i = 0; i < answer->n_records; i++) {
        switch (fate_of(&answer->records[i])) {
        case FATE_KEEP:
            answer->records[n_kept++] = answer->records[i];
            break;
        case FATE_DROP:
            break;
        case FATE_UNKNOWN:
        default:
            error_set(error, ERROR_TEMPORARY,
                      "Error looking up name=%.*s type=%s: Invalid DNS reply filter syntax",
                      SLICE_ARG(name), dns_type_name(type));
            return DNS_TEMPORARY;
        }
    }
    answer->n_records = n_kept;
    if (n_kept > 0)
        return DNS_OK;
    error_set(error, ERROR_TEMPORARY,
              "Error looking up name=%.*s type=%s: DNS reply filter drops all results",
              SLICE_ARG(name), dns_type_name(type));
    return DNS_POLICY;
}

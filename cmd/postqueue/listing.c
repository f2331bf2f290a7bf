#include "listing.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "base/bug.h"
#include "base/json.h"
#include "conf/params.h"
#include "entry.h"
#include "ipc/attributes.h"
#include "mail/queue_id.h"
#include "terminal.h"

#define ATTRIBUTE_MAX     100000
#define REASON_COLUMN_END 76

/* -- the classic listing ----------------------------------------------------------------------
 */

static void list_head(const struct entry *entry, struct totals *totals)
{
    bool is_long = queue_id_is_long(buf_slice(&entry->queue_id));
    char id[300], date[64];
    time_t arrival = entry->time;
    struct tm local;

    if (totals->n_messages++ == 0) {
        if (params.enable_long_queue_ids)
            printf("%-17s %-8s %-19s %s\n", "----Queue ID-----", "--Size--",
                   "---Arrival Time----", "--Sender/Recipient------");
        else
            printf("%-11s %7s %-20s %s\n", "-Queue ID-", "--Size--", "----Arrival Time----",
                   "-Sender/Recipient-------");
    } else {
        putchar('\n');
    }
    totals->bytes += entry->size;
    snprintf(id, sizeof(id), "%s%s%s", entry->queue_id.data,
             strcmp(entry->queue_name, "active") == 0 ? "*"
             : strcmp(entry->queue_name, "hold") == 0 ? "!"
                                                      : "",
             entry->is_forced ? "#" : "");
    if (!localtime_r(&arrival, &local) ||
        strftime(date, sizeof(date), "%a %b %e %H:%M:%S %Y", &local) == 0)
        date[0] = '\0';
    if (is_long || params.enable_long_queue_ids)
        printf("%-17s %8" PRId64 " %19.19s %s\n", id, entry->size, date, entry->sender.data);
    else
        printf("%-11s %7" PRId64 " %20.20s %s\n", id, entry->size, date, entry->sender.data);
}

static void list_recipient(struct entry *entry)
{
    bool same = slice_same(buf_slice(&entry->reason), buf_slice(&entry->last_reason));

    if (!same) {
        const char *text = entry->reason.len ? entry->reason.data : "reason unavailable";
        int width = (int)strlen(text); /* the parentheses stand outside of the column */
        printf("%*s(%s)\n", width < REASON_COLUMN_END ? REASON_COLUMN_END - width : 0, "",
               text);
        buf_set(&entry->last_reason, buf_slice(&entry->reason));
    }
    if (params.enable_long_queue_ids)
        printf("%47s%s\n", "", entry->address.data);
    else
        printf("%41s%s\n", "", entry->address.data);
}

static void list_totals(const struct totals *totals)
{
    if (totals->n_messages == 0)
        printf("Mail queue is empty\n");
    else
        printf("\n-- %" PRId64 " Kbytes in %" PRId64 " Request%s.\n", totals->bytes / 1024,
               totals->n_messages, totals->n_messages == 1 ? "" : "s");
}

/* -- JSON lines -------------------------------------------------------------------------------
 */

static void json_string(struct slice text)
{
    CLEANUP(buf_release) struct buf string = BUF_INIT;

    json_add_text(&string, text);
    (void)fputs(string.data, stdout);
}

static void json_head(const struct entry *entry)
{
    printf("{\"queue_name\": ");
    json_string(slice_from(entry->queue_name));
    printf(", \"queue_id\": ");
    json_string(buf_slice(&entry->queue_id));
    printf(", \"arrival_time\": %" PRId64 ", \"message_size\": %" PRId64
           ", \"forced_expire\": %s, \"sender\": ",
           entry->time, entry->size, entry->is_forced ? "true" : "false");
    json_string(buf_slice(&entry->sender));
    printf(", \"recipients\": [");
}

static void json_recipient(const struct entry *entry)
{
    printf("%s{", entry->n_recipients ? ", " : "");
    if (entry->original.len &&
        !slice_same(buf_slice(&entry->original), buf_slice(&entry->address))) {
        printf("\"orig_address\": ");
        json_string(buf_slice(&entry->original));
        printf(", ");
    }
    printf("\"address\": ");
    json_string(buf_slice(&entry->address));
    if (entry->reason.len) {
        printf(", \"%s\": ", slice_equals(buf_slice(&entry->log_class), "bounce")
                                 ? "bounce_reason"
                                 : "delay_reason");
        json_string(buf_slice(&entry->reason));
    }
    putchar('}');
}

/* -- reading what showq says ------------------------------------------------------------------
 */

static void start_message(struct entry *entry, enum listing_form form, struct totals *totals)
{
    if (entry->is_started)
        return;
    entry->is_started = true;
    entry->n_recipients = 0;
    buf_reset(&entry->last_reason);
    if (form == LISTING_JSON)
        json_head(entry);
    else if (form == LISTING_TERMINAL)
        terminal_head(entry, totals);
    else
        list_head(entry, totals);
}

static void end_recipient(struct entry *entry, enum listing_form form, struct totals *totals)
{
    start_message(entry, form, totals);
    if (form == LISTING_JSON)
        json_recipient(entry);
    else if (form == LISTING_TERMINAL)
        terminal_recipient(entry);
    else
        list_recipient(entry);
    entry->n_recipients++;
    buf_reset(&entry->original);
    buf_reset(&entry->log_class);
}

static int64_t number_of(const struct buf *value)
{
    int64_t number;

    return slice_to_int(buf_slice(value), INT64_MIN, INT64_MAX, &number) ? number : 0;
}

/* One attribute; a "reason" ends a recipient. */
static void take_attribute(struct entry *entry, struct slice name, const struct buf *value,
                           enum listing_form form, struct totals *totals)
{
    if (slice_equals(name, "queue_name"))
        snprintf(entry->queue_name, sizeof(entry->queue_name), "%s", value->data);
    else if (slice_equals(name, "queue_id"))
        buf_set(&entry->queue_id, buf_slice(value));
    else if (slice_equals(name, "time"))
        entry->time = number_of(value);
    else if (slice_equals(name, "size"))
        entry->size = number_of(value);
    else if (slice_equals(name, "forced_expire"))
        entry->is_forced = number_of(value) != 0;
    else if (slice_equals(name, "sender"))
        buf_set(&entry->sender, buf_slice(value));
    else if (slice_equals(name, "original_recipient"))
        buf_set(&entry->original, buf_slice(value));
    else if (slice_equals(name, "recipient"))
        buf_set(&entry->address, buf_slice(value));
    else if (slice_equals(name, "log_class"))
        buf_set(&entry->log_class, buf_slice(value));
    else if (slice_equals(name, "reason")) {
        buf_set(&entry->reason, buf_slice(value));
        end_recipient(entry, form, totals);
    }
}

void listing_show(struct stream *stream, enum listing_form form)
{
    struct entry entry = {.queue_id = BUF_INIT,
                          .sender = BUF_INIT,
                          .reason = BUF_INIT,
                          .last_reason = BUF_INIT,
                          .original = BUF_INIT,
                          .address = BUF_INIT,
                          .log_class = BUF_INIT};
    struct buf name = BUF_INIT, value = BUF_INIT;
    struct totals totals = {0};
    enum attribute_result result;
    bool in_message = false;

    /* The greeting's list comes first. */
    while ((result = attribute_read(stream, &name, &value, ATTRIBUTE_MAX)) == ATTRIBUTE_FOUND)
        ;
    while (result != ATTRIBUTE_FAILED) {
        result = attribute_read(stream, &name, &value, ATTRIBUTE_MAX);
        if (result == ATTRIBUTE_FOUND) {
            in_message = true;
            take_attribute(&entry, buf_slice(&name), &value, form, &totals);
            continue;
        }
        if (result == ATTRIBUTE_FAILED || !in_message)
            break; /* an empty list ends it all */
        start_message(&entry, form, &totals);
        if (form == LISTING_JSON)
            printf("]}\n");
        if (stream_pending(stream) == 0)
            (void)fflush(stdout); /* let it be seen; an error is reported at the end */
        in_message = entry.is_started = false;
    }
    if (form == LISTING_CLASSIC)
        list_totals(&totals);
    else if (form == LISTING_TERMINAL)
        terminal_totals(&totals);
    if (fflush(stdout) != 0 || ferror(stdout))
        fatal(EX_UNAVAILABLE, "write error: %m");
    if (result == ATTRIBUTE_FAILED)
        fatal(EX_UNAVAILABLE, "malformed showq server response");
}

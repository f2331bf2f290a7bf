/* Checks of mail that leaves. */
#include "checks.h"

#include "base/log.h"
#include "conf/params.h"
#include "generic.h"
#include "mail/header.h"
#include "options.h"
#include "route/line_check.h"
#include "route/open_maps.h"
#include "table/maps.h"

static struct check_table {
    const char *name; /* the parameter's */
    struct maps *maps;
} header_checks, mime_header_checks, nested_header_checks, body_checks;

/* In log lines, the start of what was looked at. */
enum { LOGGED_CONTENT_BYTES = 60 };

static void open_table(struct check_table *table, const char *name, const char *list)
{
    maps_free(table->maps);
    *table = (struct check_table){name, open_maps(maps_open_for_text, name, list)};
}

#define OPEN_TABLE(suffix)                                                     \
    open_table(&(suffix), options.is_lmtp ? "lmtp_" #suffix : "smtp_" #suffix, \
               options.is_lmtp ? params.lmtp_##suffix : params.smtp_##suffix)

void checks_open(void)
{
    OPEN_TABLE(header_checks);
    OPEN_TABLE(mime_header_checks);
    OPEN_TABLE(nested_header_checks);
    OPEN_TABLE(body_checks);
}

static bool is_used(const struct check_table *table)
{
    return table->maps && !maps_is_empty(table->maps);
}

static bool any_table_is_used(void)
{
    return is_used(&header_checks) || is_used(&mime_header_checks) ||
           is_used(&nested_header_checks) || is_used(&body_checks);
}

bool checks_are_wanted(void)
{
    return generic_is_used() || any_table_is_used();
}

void checks_init(struct checks *checks, struct slice queue_id)
{
    const struct mime_options limits = {
        .disabled = !any_table_is_used(), /* generic addresses are in the first header alone */
        .header_size_limit = (size_t)params.header_size_limit,
        .boundary_length_limit = (size_t)params.mime_boundary_length_limit,
        .nesting_limit = (size_t)params.mime_nesting_limit,
    };

    *checks = (struct checks){.queue_id = queue_id, .line = BUF_INIT};
    mime_init(&checks->mime, &limits);
}

void checks_release(struct checks *checks)
{
    mime_release(&checks->mime);
    buf_release(&checks->line);
}

/* -- writing
 * ------------------------------------------------------------------------------------------
 */

/* A header of several lines: each that continues it starts with white space. */
static void put(void *context, struct slice text)
{
    struct checks *checks = context;
    bool is_first = true;

    do {
        struct slice line = slice_split(&text, '\n');

        if (!is_first && !header_is_continuation(line))
            buf_add_char(checks->out, '\t');
        buf_add_slice(checks->out, line);
        buf_add_char(checks->out, '\n');
        is_first = false;
    } while (text.len);
}

/* -- looking
 * ------------------------------------------------------------------------------------------
 */

static void log_action(const struct checks *checks, const char *action, const char *where,
                       struct slice text)
{
    struct slice content = slice_sub(buf_slice(&checks->line), 0, LOGGED_CONTENT_BYTES);

    if (text.len)
        log_info("%.*s: %s: %s %.*s: %.*s", SLICE_ARG(checks->queue_id), action, where,
                 SLICE_ARG(content), SLICE_ARG(text));
    else
        log_info("%.*s: %s: %s %.*s", SLICE_ARG(checks->queue_id), action, where,
                 SLICE_ARG(content));
}

static void log_header(void *context, const char *action, struct slice text)
{
    log_action(context, action, "header", text);
}

static void log_body(void *context, const char *action, struct slice text)
{
    log_action(context, action, "body", text);
}

/* What the table makes of checks->line; the verdict UNKNOWN stands for a table that failed. */
static enum line_verdict look(struct checks *checks, const struct check_table *table,
                              bool is_body)
{
    CLEANUP(buf_release) struct buf result = BUF_INIT;
    const struct line_check check = {
        .map = table->name,
        .is_body = is_body,
        .line = &checks->line,
        .context = checks,
        .log = is_body ? log_body : log_header,
        .prepend = put,
    };
    enum line_verdict verdict;
    struct error error;

    if (!is_used(table))
        return LINE_KEEP;
    switch (maps_find(table->maps, buf_slice(&checks->line), &result, &error)) {
    case TABLE_FOUND:
        break;
    case TABLE_ERROR:
        log_warning("%s", error.text);
        log_warning("%.*s: smtp %s checks lookup error", SLICE_ARG(checks->queue_id),
                    is_body ? "body" : "header");
        return LINE_UNKNOWN;
    case TABLE_NOT_FOUND:
    default:
        return LINE_KEEP;
    }
    verdict = line_check_act(&check, buf_slice(&result));
    if (verdict != LINE_UNKNOWN)
        return verdict;
    log_warning("unsupported command in %s map: %.*s", table->name,
                SLICE_ARG(buf_slice(&result)));
    return LINE_KEEP;
}

static const struct check_table *table_of(enum mime_class mime_class)
{
    switch (mime_class) {
    case MIME_PART:
        return &mime_header_checks;
    case MIME_NESTED:
        return &nested_header_checks;
    case MIME_PRIMARY:
    default:
        return &header_checks;
    }
}

static int take_header(struct checks *checks, const struct mime_item *item)
{
    struct error error;

    buf_set(&checks->line, item->text);
    switch (look(checks, table_of(item->mime_class), false)) {
    case LINE_DROP:
        return 0;
    case LINE_UNKNOWN:
        return -1;
    case LINE_KEEP:
        break;
    }
    /* What a check made of another header stays as the table has it. */
    if (item->info && item->mime_class == MIME_PRIMARY) {
        struct slice text = buf_slice(&checks->line);
        const struct header_info *info =
            header_find(slice_sub(text, 0, header_name_length(text)));

        if (generic_map_header(&checks->line, info, &error) < 0) {
            log_warning("%.*s: %s", SLICE_ARG(checks->queue_id), error.text);
            return -1;
        }
    }
    put(checks, buf_slice(&checks->line));
    return 0;
}

static int take_body(struct checks *checks, const struct mime_item *item)
{
    struct slice text = item->text;

    if (is_used(&body_checks)) {
        buf_set(&checks->line, item->text);
        switch (look(checks, &body_checks, true)) {
        case LINE_DROP:
            return 0;
        case LINE_UNKNOWN:
            return -1;
        case LINE_KEEP:
            break;
        }
        text = buf_slice(&checks->line);
    }
    buf_add_slice(checks->out, text);
    if (!item->continues)
        buf_add_char(checks->out, '\n');
    return 0;
}

static int take_items(struct checks *checks, struct buf *out)
{
    struct mime_item item;
    int result = 0;

    checks->out = out;
    while (result == 0 && mime_next(&checks->mime, &item)) {
        if (item.kind == MIME_HEADER)
            result = take_header(checks, &item);
        else if (item.kind == MIME_BODY)
            result = take_body(checks, &item);
    }
    checks->out = NULL;
    return result;
}

int checks_feed(struct checks *checks, struct slice line, enum mime_line kind, struct buf *out)
{
    mime_feed(&checks->mime, line, kind);
    return take_items(checks, out);
}

int checks_end(struct checks *checks, struct buf *out)
{
    mime_end(&checks->mime);
    return take_items(checks, out);
}

/* Actions of header and body checks. */
#include "checks.h"

#include "base/log.h"
#include "conf/params.h"
#include "headers.h"
#include "mail/address.h"
#include "mail/dsn.h"
#include "route/line_check.h"

/* One line that a table had something to say about. */
struct hit {
    struct transaction *transaction;
    const char *map;     /* the parameter's name */
    const char *context; /* for log lines */
    struct buf *line;
    struct slice text; /* what stands behind the action */
    bool is_body;
    bool is_of_milter;
};

/* An address in a log line, as info_log_address_format wants it. */
static void add_address(struct buf *text, const char *name, struct slice address)
{
    buf_printf(text, " %s=<", name);
    if (slice_equals(slice_from(params.info_log_address_format), "internal"))
        buf_add_slice(text, address);
    else
        address_quote(text, address);
    buf_add_char(text, '>');
}

void check_add_context(const struct transaction *transaction, struct buf *line)
{
    if (transaction->has_sender)
        add_address(line, "from", transaction->sender);
    if (transaction->last_recipient.len)
        add_address(line, "to", transaction->last_recipient);
    if (transaction->log_protocol.len)
        buf_printf(line, " proto=%.*s", SLICE_ARG(transaction->log_protocol));
    if (transaction->log_helo.len)
        buf_printf(line, " helo=<%.*s>", SLICE_ARG(transaction->log_helo));
}

static void log_action(const struct hit *hit, const char *action, struct slice text)
{
    CLEANUP(buf_release) struct buf line = BUF_INIT;
    const struct transaction *transaction = hit->transaction;
    struct slice origin = transaction->log_origin;
    struct slice content = slice_sub(buf_slice(hit->line), 0, hit->is_of_milter ? 60 : 200);

    buf_printf(&line, "%s: %s%s: %s %.*s from %.*s;", transaction->file.id,
               hit->is_of_milter ? "milter-header-" : "", action, hit->context,
               SLICE_ARG(content), SLICE_ARG(origin.len ? origin : SLICE("local")));
    check_add_context(transaction, &line);
    if (text.len)
        buf_printf(&line, ": %.*s", SLICE_ARG(text));
    log_info("%s", line.data);
}

/* No more checks of this message. */
static void stop_checking(struct transaction *transaction)
{
    transaction->flags &= ~(unsigned)CLEANUP_FILTER;
}

static void reject(struct hit *hit)
{
    CLEANUP(buf_release) struct buf reason = BUF_INIT;
    char status[DSN_STATUS_BYTES] = "5.7.1";
    struct slice text = hit->text, rest;
    enum cleanup_status kind = CLEANUP_STATUS_CONTENT;

    if (dsn_status_parse(text, status, &rest))
        text = slice_trim(rest);
    if (!text.len)
        text = SLICE("message content rejected");
    if (status[0] == '4')
        kind = CLEANUP_STATUS_SERVICE;
    transaction_fail_because(hit->transaction, kind, slice_from(status), text);
    buf_printf(&reason, "%s %.*s", status, SLICE_ARG(text));
    log_action(hit, "reject", buf_slice(&reason));
    stop_checking(hit->transaction);
}

static void pass(struct hit *hit)
{
    log_action(hit, "pass", hit->text);
    stop_checking(hit->transaction);
}

static void discard(struct hit *hit)
{
    log_action(hit, "discard", hit->text);
    hit->transaction->flags |= CLEANUP_DISCARD;
    stop_checking(hit->transaction);
}

static void hold(struct hit *hit)
{
    if (hit->transaction->flags & (CLEANUP_HOLD | CLEANUP_DISCARD))
        return;
    log_action(hit, "hold", hit->text);
    hit->transaction->flags |= CLEANUP_HOLD;
}

static void filter(struct hit *hit)
{
    if (!hit->text.len) {
        log_warning("missing FILTER command argument in %s map", hit->map);
    } else if (slice_find(hit->text, ':') == hit->text.len) {
        log_warning("bad FILTER command %.*s in %s -- need transport:destination",
                    SLICE_ARG(hit->text), hit->map);
    } else {
        hit->transaction->filter = arena_slice(&hit->transaction->arena, hit->text);
        log_action(hit, "filter", hit->text);
    }
}

static bool is_address(struct slice text)
{
    return slice_find(text, '@') < text.len;
}

static void redirect(struct hit *hit)
{
    if (!is_address(hit->text)) {
        log_warning("bad REDIRECT target \"%.*s\" in %s map -- need user@domain",
                    SLICE_ARG(hit->text), hit->map);
        return;
    }
    hit->transaction->redirect = arena_slice(&hit->transaction->arena, hit->text);
    log_action(hit, "redirect", hit->text);
    stop_checking(hit->transaction);
}

static void bcc(struct hit *hit)
{
    struct transaction *transaction = hit->transaction;
    struct bcc *one;

    if (!is_address(hit->text)) {
        log_warning("bad BCC address \"%.*s\" in %s map -- need user@domain",
                    SLICE_ARG(hit->text), hit->map);
        return;
    }
    one = arena_new(&transaction->arena, struct bcc);
    one->address = arena_slice(&transaction->arena, hit->text);
    *transaction->last_bcc = one;
    transaction->last_bcc = &one->next;
    log_action(hit, "bcc", hit->text);
}

/* What only the message as a whole can take; the other actions are line_check's. */
static const struct {
    const char *name;
    void (*act)(struct hit *hit);
} actions[] = {
    {"BCC", bcc},   {"DISCARD", discard},   {"FILTER", filter}, {"HOLD", hold},
    {"PASS", pass}, {"REDIRECT", redirect}, {"REJECT", reject},
};

static void log_line(void *context, const char *action, struct slice text)
{
    log_action(context, action, text);
}

static void prepend(void *context, struct slice text)
{
    const struct hit *hit = context;

    if (hit->is_of_milter)
        log_warning("the milter_header/body_checks prepend action is not implemented");
    else
        header_put(hit->transaction, text);
}

static enum line_verdict act(struct hit *hit, struct slice result)
{
    struct slice word = line_check_word(result, &hit->text);
    const struct line_check common = {
        .map = hit->map,
        .is_body = hit->is_body,
        .line = hit->line,
        .context = hit,
        .log = log_line,
        .prepend = prepend,
    };
    enum line_verdict verdict;

    for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
        if (slice_equals_nocase(word, actions[i].name)) {
            actions[i].act(hit);
            return LINE_KEEP;
        }
    }
    verdict = line_check_act(&common, result);
    if (verdict != LINE_UNKNOWN)
        return verdict;
    log_warning("unknown command in %s map: %.*s", hit->map, SLICE_ARG(result));
    return LINE_KEEP;
}

static void lookup_failed(const struct hit *hit, const struct error *error)
{
    log_warning("%s", error->text);
    log_warning("%s: %s map lookup problem -- message not accepted, try again later",
                hit->transaction->file.id, hit->map);
    transaction_fail(hit->transaction, CLEANUP_STATUS_WRITE);
}

enum line_verdict check_line(struct transaction *transaction, enum check_kind kind,
                             struct buf *line)
{
    CLEANUP(buf_release) struct buf result = BUF_INIT;
    const struct check_table *table = &tables.checks[kind];
    struct hit hit = {
        .transaction = transaction,
        .map = table->name,
        .context = kind == CHECK_BODY ? "body" : "header",
        .line = line,
        .is_body = kind == CHECK_BODY,
        .is_of_milter = kind == CHECK_MILTER_HEADER,
    };
    struct error error;

    if ((!hit.is_of_milter && !(transaction->flags & CLEANUP_FILTER)) ||
        maps_is_empty(table->maps) || (transaction->status & CLEANUP_STATUS_WRITE))
        return LINE_KEEP;
    switch (maps_find(table->maps, buf_slice(line), &result, &error)) {
    case TABLE_FOUND:
        return act(&hit, buf_slice(&result));
    case TABLE_ERROR:
        lookup_failed(&hit, &error);
        return LINE_KEEP;
    case TABLE_NOT_FOUND:
    default:
        return LINE_KEEP;
    }
}

void check_reject_characters(struct transaction *transaction, struct slice line)
{
    CLEANUP(buf_release) struct buf copy = BUF_INIT;
    struct hit hit = {
        .transaction = transaction,
        .map = "character reject",
        .context = "content",
        .line = &copy,
        .text = SLICE("disallowed character"),
        .is_body = true,
    };

    buf_set(&copy, line);
    reject(&hit);
}

void check_log_mime(struct transaction *transaction, const char *what, struct slice line)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    struct slice origin = transaction->log_origin;

    buf_printf(&text, "%s: reject: mime-error %s: %.*s from %.*s;", transaction->file.id, what,
               SLICE_ARG(slice_sub(line, 0, 200)),
               SLICE_ARG(origin.len ? origin : SLICE("local")));
    if (transaction->has_sender)
        add_address(&text, "from", transaction->sender);
    if (transaction->last_recipient.len)
        add_address(&text, "to", transaction->last_recipient);
    log_info("%s", text.data);
}

/* Actions of header and body checks. */
#include "checks.h"

#include "base/log.h"
#include "conf/params.h"
#include "headers.h"
#include "mail/address.h"
#include "mail/dsn.h"
#include "mail/header.h"

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

static enum check_verdict reject(struct hit *hit)
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
    return CHECK_KEEP;
}

static enum check_verdict warn(struct hit *hit)
{
    log_action(hit, "warning", hit->text);
    return CHECK_KEEP;
}

static enum check_verdict info(struct hit *hit)
{
    log_action(hit, "info", hit->text);
    return CHECK_KEEP;
}

static enum check_verdict pass(struct hit *hit)
{
    log_action(hit, "pass", hit->text);
    stop_checking(hit->transaction);
    return CHECK_KEEP;
}

static enum check_verdict discard(struct hit *hit)
{
    log_action(hit, "discard", hit->text);
    hit->transaction->flags |= CLEANUP_DISCARD;
    stop_checking(hit->transaction);
    return CHECK_KEEP;
}

static enum check_verdict hold(struct hit *hit)
{
    if (hit->transaction->flags & (CLEANUP_HOLD | CLEANUP_DISCARD))
        return CHECK_KEEP;
    log_action(hit, "hold", hit->text);
    hit->transaction->flags |= CLEANUP_HOLD;
    return CHECK_KEEP;
}

static enum check_verdict filter(struct hit *hit)
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
    return CHECK_KEEP;
}

static bool is_address(struct slice text)
{
    return slice_find(text, '@') < text.len;
}

static enum check_verdict redirect(struct hit *hit)
{
    if (!is_address(hit->text)) {
        log_warning("bad REDIRECT target \"%.*s\" in %s map -- need user@domain",
                    SLICE_ARG(hit->text), hit->map);
        return CHECK_KEEP;
    }
    hit->transaction->redirect = arena_slice(&hit->transaction->arena, hit->text);
    log_action(hit, "redirect", hit->text);
    stop_checking(hit->transaction);
    return CHECK_KEEP;
}

static enum check_verdict bcc(struct hit *hit)
{
    struct transaction *transaction = hit->transaction;
    struct bcc *one;

    if (!is_address(hit->text)) {
        log_warning("bad BCC address \"%.*s\" in %s map -- need user@domain",
                    SLICE_ARG(hit->text), hit->map);
        return CHECK_KEEP;
    }
    one = arena_new(&transaction->arena, struct bcc);
    one->address = arena_slice(&transaction->arena, hit->text);
    *transaction->last_bcc = one;
    transaction->last_bcc = &one->next;
    log_action(hit, "bcc", hit->text);
    return CHECK_KEEP;
}

/* A header action needs text that is a header. */
static bool is_fit(const struct hit *hit, const char *action)
{
    if (!hit->text.len) {
        log_warning("%s action without text in %s map", action, hit->map);
        return false;
    }
    if (hit->is_body || header_name_length(hit->text))
        return true;
    log_warning("bad %s header text \"%.*s\" in %s map -- need \"headername: headervalue\"",
                action, SLICE_ARG(hit->text), hit->map);
    return false;
}

static enum check_verdict prepend(struct hit *hit)
{
    if (!is_fit(hit, "PREPEND"))
        return CHECK_KEEP;
    log_action(hit, "prepend", hit->text);
    if (hit->is_of_milter) {
        log_warning("the milter_header/body_checks prepend action is not implemented");
        return CHECK_KEEP;
    }
    header_put(hit->transaction, hit->text);
    return CHECK_KEEP;
}

static enum check_verdict replace(struct hit *hit)
{
    if (!is_fit(hit, "REPLACE"))
        return CHECK_KEEP;
    log_action(hit, "replace", hit->text);
    buf_set(hit->line, hit->text);
    return CHECK_KEEP;
}

static enum check_verdict ignore(struct hit *hit)
{
    (void)hit;
    return CHECK_DROP;
}

static enum check_verdict strip(struct hit *hit)
{
    log_action(hit, "strip", hit->text);
    return CHECK_DROP;
}

static enum check_verdict dunno(struct hit *hit)
{
    (void)hit;
    return CHECK_KEEP;
}

static const struct {
    const char *name;
    enum check_verdict (*act)(struct hit *hit);
} actions[] = {
    {"BCC", bcc},         {"DISCARD", discard}, {"DUNNO", dunno},       {"FILTER", filter},
    {"HOLD", hold},       {"IGNORE", ignore},   {"INFO", info},         {"OK", dunno},
    {"PASS", pass},       {"PREPEND", prepend}, {"REDIRECT", redirect}, {"REJECT", reject},
    {"REPLACE", replace}, {"STRIP", strip},     {"WARN", warn},
};

static enum check_verdict act(struct hit *hit, struct slice result)
{
    struct slice word = slice_sub(result, 0, slice_find_any(result, " \t"));

    hit->text = slice_trim(slice_from_offset(result, word.len));
    for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
        if (slice_equals_nocase(word, actions[i].name))
            return actions[i].act(hit);
    }
    log_warning("unknown command in %s map: %.*s", hit->map, SLICE_ARG(result));
    return CHECK_KEEP;
}

static void lookup_failed(const struct hit *hit, const struct error *error)
{
    log_warning("%s", error->text);
    log_warning("%s: %s map lookup problem -- message not accepted, try again later",
                hit->transaction->file.id, hit->map);
    transaction_fail(hit->transaction, CLEANUP_STATUS_WRITE);
}

enum check_verdict check_line(struct transaction *transaction, enum check_kind kind,
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
        maps_is_empty(table->maps))
        return CHECK_KEEP;
    switch (maps_find(table->maps, buf_slice(line), &result, &error)) {
    case TABLE_FOUND:
        return act(&hit, buf_slice(&result));
    case TABLE_ERROR:
        lookup_failed(&hit, &error);
        return CHECK_KEEP;
    case TABLE_NOT_FOUND:
    default:
        return CHECK_KEEP;
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
    (void)reject(&hit);
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

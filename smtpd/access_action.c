/* The actions of access(5): one row and one function each. */
#include "base/log.h"
#include "conf/params.h"
#include "mail/address.h"
#include "mail/dsn.h"
#include "mail/header.h"
#include "restriction.h"
#include "transaction.h"

typedef enum access_result action_fn(struct check *check, struct slice text,
                                     const struct access_match *match);

/* -- refusing ------------------------------------------------------------------------------ */

/* "5.7.1 text" with the default for what is missing. */
static void split_dsn(struct slice *text, char dsn[DSN_STATUS_BYTES], int code,
                      const struct access_match *match)
{
    if (dsn_status_parse(*text, dsn, text)) {
        *text = slice_trim(*text);
        check_map_dsn(dsn, match->class);
    } else {
        snprintf(dsn, DSN_STATUS_BYTES, "%s", "5.7.1");
    }
    check_fit_dsn(dsn, code);
}

static enum access_result refuse(struct check *check, int code, struct slice text,
                                 const struct access_match *match)
{
    char dsn[DSN_STATUS_BYTES];

    split_dsn(&text, dsn, code, match);
    if (text.len == 0)
        text = SLICE("Access denied");
    return check_reject(check, NOTICE_POLICY, code, dsn, "<%.*s>: %s rejected: %.*s",
                        SLICE_ARG(match->subject), match->class, SLICE_ARG(text));
}

static enum access_result reject(struct check *check, struct slice text,
                                 const struct access_match *match)
{
    return refuse(check, params.access_map_reject_code, text, match);
}

static enum access_result defer(struct check *check, struct slice text,
                                const struct access_match *match)
{
    return refuse(check, params.access_map_defer_code, text, match);
}

static enum access_result defer_if_permit(struct check *check, struct slice text,
                                          const struct access_match *match)
{
    int code = params.access_map_defer_code;
    char dsn[DSN_STATUS_BYTES];

    split_dsn(&text, dsn, code, match);
    if (text.len == 0)
        text = SLICE("Service unavailable");
    return check_defer_if_permit(check, code, dsn, "<%.*s>: %s rejected: %.*s",
                                 SLICE_ARG(match->subject), match->class, SLICE_ARG(text));
}

static enum access_result defer_if_reject(struct check *check, struct slice text,
                                          const struct access_match *match)
{
    int code = params.access_map_defer_code;
    char dsn[DSN_STATUS_BYTES];

    split_dsn(&text, dsn, code, match);
    if (text.len == 0)
        text = SLICE("Service unavailable");
    return check_defer_if_reject(check, code, dsn, "<%.*s>: %s rejected: %.*s",
                                 SLICE_ARG(match->subject), match->class, SLICE_ARG(text));
}

/* -- permitting -----------------------------------------------------------------------------
 */

static enum access_result ok(struct check *check, struct slice text,
                             const struct access_match *match)
{
    (void)text;
    check_log_permit(check, "OK", match->subject, match->class, match->table);
    return ACCESS_PERMIT;
}

static enum access_result dunno(struct check *check, struct slice text,
                                const struct access_match *match)
{
    (void)check;
    (void)text;
    (void)match;
    return ACCESS_DUNNO;
}

/* -- the fate of the message -----------------------------------------------------------------
 */

/* The message's actions, or NULL (said in the log) where there is no message to act on. */
static struct message_actions *actions_of(struct check *check, const char *action,
                                          const struct access_match *match)
{
    struct transaction *transaction = check->session->transaction;

    if (proxy_is_used(check->session) && strcmp(action, "PREPEND") != 0) {
        log_warning(
            "access table %s: with smtpd_proxy_filter specified, action %s is unavailable",
            match->table, action);
        return NULL;
    }
    if (transaction)
        return &transaction->actions;
    log_warning("access table %s: with smtpd_delay_reject=no, action %s is always skipped in "
                "Client host or Helo command restrictions",
                match->table, action);
    return NULL;
}

static void log_action(struct check *check, const char *what, struct slice text,
                       const struct access_match *match)
{
    const char *line = arena_printf(&check->session->scratch, "<%.*s>: %s %.*s",
                                    SLICE_ARG(match->subject), match->class, SLICE_ARG(text));

    check_log(check, what, line);
}

static struct slice or_default(struct slice text, struct slice other)
{
    return text.len ? text : other;
}

static enum access_result hold(struct check *check, struct slice text,
                               const struct access_match *match)
{
    struct message_actions *actions = actions_of(check, "HOLD", match);

    if (!actions || actions->hold)
        return ACCESS_DUNNO;
    log_action(check, "hold", or_default(text, SLICE("triggers HOLD action")), match);
    actions->hold = true;
    return ACCESS_DUNNO;
}

static enum access_result discard(struct check *check, struct slice text,
                                  const struct access_match *match)
{
    struct message_actions *actions = actions_of(check, "DISCARD", match);

    if (!actions)
        return ACCESS_DUNNO;
    log_action(check, "discard", or_default(text, SLICE("triggers DISCARD action")), match);
    actions->discard = true;
    return ACCESS_PERMIT;
}

static void bad_entry(const struct access_match *match, const char *trouble)
{
    log_warning("access table %s entry \"%.*s\" %s", match->table, SLICE_ARG(match->key),
                trouble);
}

static void log_target(struct check *check, const char *what, const char *name,
                       struct slice text, const struct access_match *match)
{
    const char *shown =
        arena_printf(&check->session->scratch, "triggers %s %.*s", name, SLICE_ARG(text));

    log_action(check, what, slice_from(shown), match);
}

static enum access_result filter(struct check *check, struct slice text,
                                 const struct access_match *match)
{
    struct message_actions *actions = actions_of(check, "FILTER", match);

    if (!actions)
        return ACCESS_DUNNO;
    if (text.len == 0) {
        bad_entry(match, "has FILTER entry without value");
    } else if (slice_find(text, ':') == text.len) {
        bad_entry(match, "requires transport:destination");
    } else {
        log_target(check, "filter", "FILTER", text, match);
        actions->filter = arena_slice(&check->session->transaction->arena, text);
    }
    return ACCESS_DUNNO;
}

static bool is_mailbox(struct slice text)
{
    return slice_find(text, '@') < text.len;
}

static enum access_result redirect(struct check *check, struct slice text,
                                   const struct access_match *match)
{
    struct message_actions *actions = actions_of(check, "REDIRECT", match);

    if (!actions)
        return ACCESS_DUNNO;
    if (!is_mailbox(text)) {
        bad_entry(match, "requires user@domain target");
    } else {
        log_target(check, "redirect", "REDIRECT", text, match);
        actions->redirect = arena_slice(&check->session->transaction->arena, text);
    }
    return ACCESS_DUNNO;
}

static enum access_result bcc(struct check *check, struct slice text,
                              const struct access_match *match)
{
    struct message_actions *actions = actions_of(check, "BCC", match);

    if (!actions)
        return ACCESS_DUNNO;
    if (!is_mailbox(text)) {
        bad_entry(match, "requires user@domain target");
    } else {
        log_target(check, "bcc", "BCC", text, match);
        actions->bcc = arena_slice(&check->session->transaction->arena, text);
    }
    return ACCESS_DUNNO;
}

static enum access_result prepend(struct check *check, struct slice text,
                                  const struct access_match *match)
{
    struct message_actions *actions = actions_of(check, "PREPEND", match);

    if (!actions)
        return ACCESS_DUNNO;
    if (strcmp(check->session->stage, "END-OF-MESSAGE") == 0) {
        log_warning("access table %s: action PREPEND must be used before "
                    "smtpd_end_of_data_restrictions",
                    match->table);
    } else if (header_name_length(text) == 0) {
        bad_entry(match, "requires header: text");
    } else {
        buf_add_slice(&actions->prepended, text);
        buf_add_char(&actions->prepended, '\n');
    }
    return ACCESS_DUNNO;
}

/* -- the log alone
 * ------------------------------------------------------------------------------- */

static enum access_result warn(struct check *check, struct slice text,
                               const struct access_match *match)
{
    (void)match;
    check_log(check, "warn", arena_text(&check->session->scratch, text));
    return ACCESS_DUNNO;
}

static enum access_result info(struct check *check, struct slice text,
                               const struct access_match *match)
{
    (void)match;
    check_log(check, "info", arena_text(&check->session->scratch, text));
    return ACCESS_DUNNO;
}

/* -- finding the action
 * ---------------------------------------------------------------------------- */

static const struct {
    const char *name;
    action_fn *run;
} actions[] = {
    {"OK", ok},
    {"RELAY", ok}, /* of sendmail's tables */
    {"DUNNO", dunno},
    {"REJECT", reject},
    {"DEFER", defer},
    {"DEFER_IF_PERMIT", defer_if_permit},
    {"DEFER_IF_REJECT", defer_if_reject},
    {"HOLD", hold},
    {"DISCARD", discard},
    {"FILTER", filter},
    {"REDIRECT", redirect},
    {"BCC", bcc},
    {"PREPEND", prepend},
    {"WARN", warn},
    {"INFO", info},
};

/* All digits: pop-before-smtp tables hold time stamps. */
static bool is_number(struct slice value)
{
    return value.len && slice_skip_any(value, "0123456789") == value.len;
}

/* "4NN" or "5NN". */
static bool parse_code(struct slice word, int *code)
{
    uint64_t number;

    if (word.len != 3 || !slice_to_uint(word, 10, 599, &number) || number < 400)
        return false;
    *code = (int)number;
    return true;
}

/* "reject" in a table is about what was looked up there. */
static enum access_result run_list(struct check *check, struct slice text,
                                   const struct access_match *match)
{
    struct slice subject = check->subject;
    const char *class = check->class;
    enum access_result result;

    check->subject = match->subject;
    check->class = match->class;
    result = restriction_list_run(
        check, restriction_list_parse_result(text, match->table, &check->session->scratch));
    check->subject = subject;
    check->class = class;
    return result;
}

enum access_result access_act(struct check *check, struct slice value,
                              const struct access_match *match)
{
    struct slice text = slice_trim(value);
    struct slice rest = text;
    struct slice word = slice_word(&rest, " \t\r\n");
    int code;

    rest = slice_trim(rest);
    if (text.len == 0) {
        log_warning("access table %s entry %.*s has empty value", match->table,
                    SLICE_ARG(match->key));
        return ACCESS_DUNNO;
    }
    if (is_number(text))
        return ok(check, rest, match);
    if (parse_code(word, &code))
        return refuse(check, code, rest, match);
    for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
        if (slice_equals_nocase(word, actions[i].name))
            return actions[i].run(check, rest, match);
    }
    return run_list(check, text, match);
}

/* Who is meant by an address. */
#include "route/recipient.h"

#include "base/buf.h"
#include "base/log.h"
#include "conf/params.h"
#include "mail/address.h"
#include "net/endpoint.h"
#include "route/address_text.h"
#include "route/domains.h"

/* An address while it is taken apart. */
struct work {
    struct buf text;     /* quoted form, without the domains that were stripped */
    struct buf stripped; /* the last local "@domain" that was */
    bool has_stripped;
    bool has_remote_domain; /* text ends in a domain that is not ours */
};

static void work_release(struct work *work)
{
    buf_release(&work->text);
    buf_release(&work->stripped);
}

enum step { STEP_AGAIN, STEP_DONE, STEP_FAILED };

/* Strip @domain if it is ours. */
static enum step strip_domain(struct work *work, struct error *error)
{
    struct slice text = buf_slice(&work->text);
    size_t at = operator_find_last(text, "@");
    int local;

    if (at == text.len)
        return STEP_AGAIN;
    if (at + 1 < text.len) {
        local = domain_is_local(slice_from_offset(text, at + 1), error);
        if (local < 0)
            return STEP_FAILED;
        if (!local) {
            work->has_remote_domain = true;
            return STEP_DONE;
        }
    }
    buf_set(&work->stripped, slice_from_offset(text, at));
    work->has_stripped = true;
    buf_truncate(&work->text, at);
    return STEP_AGAIN;
}

static bool has_routing(struct slice text)
{
    return operator_find(text, "@") < text.len ||
           (params.swap_bangpath && operator_find(text, "!") < text.len) ||
           (params.allow_percent_hack && operator_find(text, "%") < text.len);
}

/*
 * A local part that is one quoted string with routing inside ("user@site"@here): technically
 * just a name, but mail hosts that unquote it would relay, so it is opened.
 */
static bool open_quotes(struct work *work)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct slice inside;
    char *copy;
    size_t at, percent, bang;

    if (!params.resolve_dequoted_address || !text_is_quoted_string(buf_slice(&work->text)))
        return false;
    inside = address_unquoted(&arena, buf_slice(&work->text));
    at = slice_find_last(inside, '@');
    percent = slice_find_last(inside, '%');
    bang = slice_find_last(inside, '!');
    if (at == inside.len && params.allow_percent_hack && percent < inside.len) {
        copy = arena_text(&arena, inside);
        copy[percent] = '@';
        inside.ptr = copy;
        at = percent;
    }
    if (at < inside.len) {
        buf_reset(&work->text);
        address_quote(&work->text, inside);
        return true;
    }
    if (!params.swap_bangpath || bang == inside.len)
        return false;
    buf_set(&work->text, inside);
    return true;
}

static enum step take_apart(struct work *work, struct error *error)
{
    enum step step;

    if (operator_find(buf_slice(&work->text), "@") < work->text.len)
        text_strip_trailing_dot(&work->text);
    if (params.resolve_null_domain && work->text.len &&
        operator_find_last(buf_slice(&work->text), "@") == work->text.len - 1)
        buf_truncate(&work->text, work->text.len - 1);
    step = strip_domain(work, error);
    if (step != STEP_AGAIN)
        return step;
    if (has_routing(buf_slice(&work->text)) || open_quotes(work)) {
        text_rewrite(&work->text, params.myorigin, params.mydomain);
        return STEP_AGAIN;
    }
    if (work->text.len == 0 || slice_equals(buf_slice(&work->text), "\"\"")) {
        buf_set_text(&work->text, params.empty_address_recipient);
        return STEP_AGAIN;
    }
    if (!work->has_stripped) {
        buf_add_char(&work->text, '@');
        buf_add_text(&work->text, params.myhostname);
        return STEP_AGAIN;
    }
    return STEP_DONE;
}

/* Every turn removes a domain or an operator, so an address ends this in as many turns. */
static enum step settle(struct work *work, struct slice address, struct error *error)
{
    size_t max_turns = address.len + 100;

    for (size_t turn = 0; turn < max_turns; turn++) {
        enum step step = take_apart(work, error);

        if (step != STEP_AGAIN)
            return step;
    }
    log_warning("resolve_address: <%.*s>: giving up after %zu iterations", SLICE_ARG(address),
                max_turns);
    (void)error_set(error, ERROR_TEMPORARY, "address resolution loop");
    return STEP_FAILED;
}

static bool literal_is_valid(struct slice domain)
{
    struct endpoint endpoint;
    struct slice inside;

    if (domain.len < 3 || domain.ptr[domain.len - 1] != ']')
        return false;
    inside = slice_sub(domain, 1, domain.len - 2);
    if (slice_starts_with_nocase(inside, "IPv6:")) {
        inside = slice_from_offset(inside, 5);
        return slice_find(inside, ':') < inside.len &&
               endpoint_parse(&endpoint, inside, 0) == 0;
    }
    return slice_find(inside, ':') == inside.len && endpoint_parse(&endpoint, inside, 0) == 0;
}

/* A host name; with smtputf8_enable also one with U-labels. */
static bool domain_is_valid(struct slice domain)
{
    CLEANUP(buf_release) struct buf ascii = BUF_INIT;

    if (domain.len == 0)
        return false;
    if (slice_is_ascii(domain))
        return hostname_is_valid(domain);
    if (!params.smtputf8_enable || !slice_is_utf8(domain) || domain.len > 255)
        return false;
    buf_set(&ascii, domain);
    for (size_t i = 0; i < ascii.len; i++) {
        if ((unsigned char)ascii.data[i] >= 0x80)
            ascii.data[i] = 'x';
    }
    return hostname_is_valid(buf_slice(&ascii));
}

/* The recipient in internal form as user@domain; what Postfix calls nextrcpt. */
static struct slice compose(struct work *work, struct arena *arena)
{
    if (!work->has_remote_domain)
        buf_add_slice(&work->text, buf_slice(&work->stripped));
    return address_unquoted(arena, buf_slice(&work->text));
}

static bool is_address_without_brackets(struct slice domain)
{
    struct endpoint endpoint;

    return params.resolve_numeric_domain && endpoint_parse(&endpoint, domain, 0) == 0;
}

static enum recipient_result add_brackets(struct arena *arena, struct resolved *resolved,
                                          bool *is_local, struct error *error)
{
    struct slice local_part = address_local_part(resolved->recipient);
    struct slice domain = address_domain(resolved->recipient);
    int local;

    resolved->recipient = slice_from(
        arena_printf(arena, "%.*s@[%.*s]", SLICE_ARG(local_part), SLICE_ARG(domain)));
    local = domain_is_local(address_domain(resolved->recipient), error);
    if (local < 0)
        return RECIPIENT_FAILED;
    *is_local = *is_local || local;
    return RECIPIENT_OK;
}

enum recipient_result route_recipient(struct slice address, struct arena *arena,
                                      struct resolved *resolved, struct error *error)
{
    CLEANUP(work_release) struct work work = {.text = BUF_INIT, .stripped = BUF_INIT};
    struct slice domain;
    bool is_local;

    address_quote(&work.text, address);
    text_tidy(&work.text);
    if (settle(&work, address, error) == STEP_FAILED)
        return RECIPIENT_FAILED;
    resolved->recipient = compose(&work, arena);
    domain = address_domain(resolved->recipient);
    is_local = !work.has_remote_domain;
    if (domain.len && domain.ptr[0] == '[') {
        if (!literal_is_valid(domain))
            return RECIPIENT_MALFORMED;
    } else if (!slice_is_ascii(resolved->recipient) && params.smtputf8_enable &&
               !slice_is_utf8(resolved->recipient)) {
        return RECIPIENT_MALFORMED;
    } else if (!domain_is_valid(domain)) {
        if (!is_address_without_brackets(domain))
            return RECIPIENT_MALFORMED;
        if (add_brackets(arena, resolved, &is_local, error) != RECIPIENT_OK)
            return RECIPIENT_FAILED;
    }
    /* Whatever this host makes of ! and %, another may route by it. */
    if (slice_find_any(address_local_part(resolved->recipient), "@!%") <
        address_local_part(resolved->recipient).len)
        resolved->flags |= RESOLVE_ROUTED;
    if (is_local)
        resolved->flags |= RESOLVE_CLASS_LOCAL;
    return RECIPIENT_OK;
}

/* The syntax of SMTP commands. */
#include "esmtp.h"

#include "base/buf.h"
#include "mail/message.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Behind the quoted string that starts at `at`, or text.len + 1 when it never ends. */
static size_t skip_quoted(struct slice text, size_t at)
{
    for (at++; at < text.len; at++) {
        if (text.ptr[at] == '\\')
            at++;
        else if (text.ptr[at] == '"')
            return at + 1;
    }
    return text.len + 1;
}

/* Behind the <...> that starts at `at`, or text.len + 1. */
static size_t skip_angle(struct slice text, size_t at)
{
    at++;
    while (at < text.len) {
        if (text.ptr[at] == '>')
            return at + 1;
        if (text.ptr[at] == '"')
            at = skip_quoted(text, at);
        else
            at += text.ptr[at] == '\\' ? 2 : 1;
    }
    return text.len + 1;
}

/* The end of the word that starts the text; beyond text.len when something is not closed. */
static size_t word_length(struct slice text)
{
    size_t at = 0;

    while (at < text.len && !is_blank(text.ptr[at])) {
        if (text.ptr[at] == '"')
            at = skip_quoted(text, at);
        else if (text.ptr[at] == '<')
            at = skip_angle(text, at);
        else
            at += text.ptr[at] == '\\' ? 2 : 1;
    }
    return at;
}

static struct slice skip_blanks(struct slice text)
{
    size_t at = 0;

    while (at < text.len && is_blank(text.ptr[at]))
        at++;
    return slice_from_offset(text, at);
}

bool esmtp_next_word(struct slice *rest, struct slice *word)
{
    struct slice text = skip_blanks(*rest);
    size_t len = word_length(text);

    if (text.len == 0)
        return false;
    *word = slice_sub(text, 0, len);
    *rest = slice_from_offset(text, word->len);
    return true;
}

struct slice esmtp_join_words(struct slice line, struct arena *arena)
{
    CLEANUP(buf_release) struct buf joined = BUF_INIT;
    struct slice word;

    while (esmtp_next_word(&line, &word)) {
        if (joined.len)
            buf_add_char(&joined, ' ');
        buf_add_slice(&joined, word);
    }
    return arena_slice(arena, buf_slice(&joined));
}

enum path_result esmtp_split_path(struct slice arguments, const char *keyword,
                                  struct slice *path, struct slice *parameters)
{
    struct slice text = skip_blanks(arguments);
    size_t len;

    if (!slice_starts_with_nocase(text, keyword))
        return PATH_MISSING;
    text = skip_blanks(slice_from_offset(text, strlen(keyword)));
    if (text.len == 0)
        return PATH_MISSING;
    len = word_length(text);
    if (len > text.len)
        return PATH_UNBALANCED;
    *path = slice_sub(text, 0, len);
    *parameters = skip_blanks(slice_from_offset(text, len));
    return PATH_OK;
}

static const struct esmtp_error nothing_wrong;

static struct esmtp_error wrong(int code, const char *dsn, const char *text)
{
    return (struct esmtp_error){.code = code, .dsn = dsn, .text = text};
}

static struct esmtp_error no_dsn(void)
{
    return wrong(501, "5.7.1", "DSN support is disabled");
}

static struct esmtp_error unsupported(struct slice word)
{
    return (struct esmtp_error){
        .code = 555, .dsn = "5.5.4", .text = "Unsupported option: ", .detail = word};
}

/* Printable in its decoded form: it ends up in records and DSNs. */
static bool is_printable(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] < ' ' || text.ptr[i] == 0x7f)
            return false;
    }
    return true;
}

static struct esmtp_error parse_size(struct slice value, int64_t *size)
{
    uint64_t bytes;

    if (value.len == 0 || slice_skip_any(value, "0123456789") < value.len)
        return wrong(501, "5.5.4", "Bad message size syntax");
    if (!slice_to_uint(value, 10, INT64_MAX, &bytes))
        return wrong(552, "5.3.4", "Message size exceeds file system imposed limit");
    *size = (int64_t)bytes;
    return nothing_wrong;
}

static struct esmtp_error parse_ret(struct slice value, int *ret)
{
    if (*ret == 0 && slice_equals_nocase(value, "FULL"))
        *ret = RET_FULL;
    else if (*ret == 0 && slice_equals_nocase(value, "HDRS"))
        *ret = RET_HEADERS;
    else
        return wrong(501, "5.5.4", "Bad RET parameter syntax");
    return nothing_wrong;
}

static struct esmtp_error parse_envid(struct slice value, struct arena *arena,
                                      struct slice *envelope_id)
{
    struct slice decoded;

    if (envelope_id->len || value.len == 0 || !xtext_decode(value, arena, &decoded) ||
        decoded.len == 0 || !is_printable(decoded))
        return wrong(501, "5.5.4", "Bad ENVID parameter syntax");
    *envelope_id = decoded;
    return nothing_wrong;
}

static struct esmtp_error parse_auth(struct slice value, struct mail_parameters *parsed)
{
    if (parsed->has_auth)
        return wrong(503, "5.5.4", "Error: multiple AUTH= options");
    parsed->has_auth = true;
    parsed->auth = slice_equals(value, "<>") ? SLICE_EMPTY : value;
    return nothing_wrong;
}

/* Those without a value of their own to parse. False: it is none of them. */
static bool take_keyword(struct slice word, unsigned allowed, struct mail_parameters *parsed)
{
    if (slice_equals_nocase(word, "BODY=8BITMIME") && (allowed & ESMTP_ALLOW_8BITMIME))
        parsed->body = MAIL_BODY_8BIT;
    else if (slice_equals_nocase(word, "BODY=7BIT") && (allowed & ESMTP_ALLOW_8BITMIME))
        parsed->body = MAIL_BODY_7BIT;
    else if (slice_equals_nocase(word, "SMTPUTF8") && (allowed & ESMTP_ALLOW_SMTPUTF8))
        parsed->is_smtputf8 = true;
    else if (slice_equals_nocase(word, "REQUIRETLS") && (allowed & ESMTP_ALLOW_REQUIRETLS))
        parsed->is_requiretls = true;
    else
        return false;
    return true;
}

/* One NAME or NAME=VALUE of MAIL. */
static struct esmtp_error mail_parameter(struct slice word, unsigned allowed,
                                         struct arena *arena, struct mail_parameters *parsed)
{
    struct slice value = word;
    struct slice name = slice_split(&value, '=');
    bool has_value = name.len < word.len;

    if (take_keyword(word, allowed, parsed))
        return nothing_wrong;
    if (has_value && slice_equals_nocase(name, "SIZE"))
        return parse_size(value, &parsed->size_bytes);
    if (has_value && slice_equals_nocase(name, "RET"))
        return allowed & ESMTP_ALLOW_DSN ? parse_ret(value, &parsed->ret) : no_dsn();
    if (has_value && slice_equals_nocase(name, "ENVID"))
        return allowed & ESMTP_ALLOW_DSN ? parse_envid(value, arena, &parsed->envelope_id)
                                         : no_dsn();
    if (has_value && slice_equals_nocase(name, "AUTH"))
        return parse_auth(value, parsed);
    if (!slice_equals_nocase(name, "XVERP") || !(allowed & ESMTP_ALLOW_VERP))
        return unsupported(word);
    parsed->has_verp = true;
    parsed->verp = has_value ? value : SLICE_EMPTY;
    return nothing_wrong;
}

struct esmtp_error mail_parameters_parse(struct slice text, unsigned allowed,
                                         struct arena *arena, struct mail_parameters *parsed)
{
    struct slice word;

    *parsed = (struct mail_parameters){
        .envelope_id = SLICE_EMPTY, .verp = SLICE_EMPTY, .auth = SLICE_EMPTY};
    while (esmtp_next_word(&text, &word)) {
        struct esmtp_error error = mail_parameter(word, allowed, arena, parsed);

        if (error.code)
            return error;
    }
    return nothing_wrong;
}

static int notify_bit(struct slice word)
{
    static const struct {
        const char *name;
        int bit;
    } words[] = {
        {"NEVER", NOTIFY_NEVER},
        {"SUCCESS", NOTIFY_SUCCESS},
        {"FAILURE", NOTIFY_FAILURE},
        {"DELAY", NOTIFY_DELAY},
    };

    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (slice_equals_nocase(word, words[i].name))
            return words[i].bit;
    }
    return 0;
}

static struct esmtp_error parse_notify(struct slice value, int *notify)
{
    int bits = 0;

    while (value.len) {
        struct slice word = slice_split(&value, ',');
        int bit = notify_bit(word);

        if (word.len && !bit)
            return wrong(501, "5.5.4", "Error: Bad NOTIFY parameter syntax");
        bits |= bit;
    }
    if (*notify || !bits || ((bits & NOTIFY_NEVER) && bits != NOTIFY_NEVER))
        return wrong(501, "5.5.4", "Error: Bad NOTIFY parameter syntax");
    *notify = bits;
    return nothing_wrong;
}

/* ORCPT=type;xtext; with "utf-8" the text is in the form of RFC 6533, which is kept as it is.
 */
static struct esmtp_error parse_orcpt(struct slice value, struct arena *arena,
                                      struct slice *dsn_original)
{
    struct slice address = value;
    struct slice type = slice_split(&address, ';');
    struct slice decoded;

    if (dsn_original->len || type.len == 0 || type.len == value.len ||
        !xtext_decode(address, arena, &decoded) || !is_printable(decoded))
        return wrong(501, "5.5.4", "Error: Bad ORCPT parameter syntax");
    *dsn_original =
        slice_from(arena_printf(arena, "%.*s;%.*s", SLICE_ARG(type), SLICE_ARG(decoded)));
    return nothing_wrong;
}

struct esmtp_error rcpt_parameters_parse(struct slice text, unsigned allowed,
                                         struct arena *arena, struct rcpt_parameters *parsed)
{
    struct slice word;

    *parsed = (struct rcpt_parameters){.dsn_original = SLICE_EMPTY};
    while (esmtp_next_word(&text, &word)) {
        struct esmtp_error error = nothing_wrong;
        struct slice value = word;
        struct slice name = slice_split(&value, '=');
        bool has_value = name.len < word.len;
        bool is_dsn = has_value && (slice_equals_nocase(name, "NOTIFY") ||
                                    slice_equals_nocase(name, "ORCPT"));

        if (is_dsn && !(allowed & ESMTP_ALLOW_DSN))
            error = no_dsn();
        else if (has_value && slice_equals_nocase(name, "NOTIFY"))
            error = parse_notify(value, &parsed->notify);
        else if (has_value && slice_equals_nocase(name, "ORCPT"))
            error = parse_orcpt(value, arena, &parsed->dsn_original);
        else
            error = unsupported(word);
        if (error.code)
            return error;
    }
    return nothing_wrong;
}

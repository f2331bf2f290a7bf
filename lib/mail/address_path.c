/* The paths of MAIL and RCPT. */
#include "mail/address.h"
#include "mail/address_token.h"

#define TOKENS_MAX 4096 /* far more than a command line holds */

static int bad_syntax(struct error *error)
{
    return error_set_dsn(error, ERROR_PERMANENT, "5.1.3", "Bad address syntax");
}

/*
 * The length of the path at the start of the text: up to the first blank outside of <> and
 * quotes. 0 when a bracket or a quote is left open.
 */
static size_t path_length(struct slice text)
{
    bool in_brackets = false;
    bool in_quotes = false;
    size_t i;

    for (i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (c == '\\')
            i++;
        else if (c == '"')
            in_quotes = !in_quotes;
        else if (in_quotes)
            continue;
        else if (c == '<')
            in_brackets = true;
        else if (c == '>')
            in_brackets = false;
        else if ((c == ' ' || c == '\t') && !in_brackets)
            break;
    }
    return in_brackets || in_quotes || i > text.len ? 0 : i;
}

/* A literal whose end is missing ends in front of the path's closing bracket. */
static void mend_literal(struct address_tokens *tokens)
{
    struct address_token *last;

    if (tokens->count == 0)
        return;
    last = &tokens->tokens[tokens->count - 1];
    if (last->kind == TOKEN_LITERAL && slice_ends_with(last->text, ">"))
        last->text.len--;
}

/* Remove comments; false when there were some. */
static bool drop_comments(struct address_tokens *tokens)
{
    size_t n = 0;

    for (size_t i = 0; i < tokens->count; i++) {
        if (tokens->tokens[i].kind != TOKEN_COMMENT)
            tokens->tokens[n++] = tokens->tokens[i];
    }
    if (n == tokens->count)
        return true;
    tokens->count = n;
    return false;
}

static size_t find_special(const struct address_tokens *tokens, size_t from, char special)
{
    while (from < tokens->count && !address_token_is(&tokens->tokens[from], special))
        from++;
    return from;
}

/* What stands in the brackets, or all of it when there are none. False: text behind it. */
static bool take_off_brackets(struct address_tokens *tokens)
{
    size_t open = find_special(tokens, 0, '<');
    size_t from = open < tokens->count ? open : 0;
    size_t close;

    while (from < tokens->count && address_token_is(&tokens->tokens[from], '<'))
        from++;
    close = find_special(tokens, from, '>');
    for (size_t i = close; i < tokens->count; i++) {
        if (!address_token_is(&tokens->tokens[i], '>'))
            return false;
    }
    tokens->tokens += from;
    tokens->count = close - from;
    return true;
}

/* "@relay,@relay:" in front of the address (RFC 5321 appendix C). */
static void drop_source_route(struct address_tokens *tokens)
{
    size_t colon = find_special(tokens, 0, ':');

    if (tokens->count == 0 || !address_token_is(&tokens->tokens[0], '@') ||
        colon == tokens->count)
        return;
    tokens->tokens += colon + 1;
    tokens->count -= colon + 1;
}

/* The internal form. False for what is no single address. */
static bool join(const struct address_tokens *tokens, struct arena *arena,
                 struct slice *address)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;

    for (size_t i = 0; i < tokens->count; i++) {
        const struct address_token *token = &tokens->tokens[i];

        if (address_token_is(token, ',') || address_token_is(token, ';'))
            return false;
        if (i > 0 && address_token_is_word(token) && address_token_is_word(token - 1))
            return false;
        address_token_add(&text, token);
    }
    *address = address_unquoted(arena, buf_slice(&text));
    return true;
}

bool address_has_valid_domain(struct slice address)
{
    struct slice domain = address_domain(address);

    if (slice_find(address, '@') == address.len)
        return true;
    if (slice_ends_with(domain, "."))
        domain.len--;
    return hostname_is_valid_or_literal(domain);
}

int address_split_path(struct slice text, enum address_strictness strictness,
                       struct arena *arena, struct slice *address, struct slice *rest,
                       struct error *error)
{
    struct address_tokens tokens;
    struct slice found;
    struct slice path;
    bool is_strict = strictness == ADDRESS_STRICT;

    text = slice_from_offset(text, slice_skip_any(text, " \t"));
    path = slice_sub(text, 0, path_length(text));
    if (path.len == 0 || (is_strict && path.ptr[0] != '<') || memchr(path.ptr, '\0', path.len))
        return bad_syntax(error);
    address_tokenize(path, arena, TOKENS_MAX, &tokens);
    mend_literal(&tokens);
    if (!drop_comments(&tokens) && is_strict)
        return bad_syntax(error);
    if (!take_off_brackets(&tokens))
        return bad_syntax(error);
    drop_source_route(&tokens);
    if (!join(&tokens, arena, &found))
        return bad_syntax(error);
    if (is_strict && found.len > 0 && address_local_part(found).len == 0)
        return bad_syntax(error);
    *address = found;
    *rest = slice_from_offset(text, path.len);
    return 0;
}

int address_parse_path(struct slice text, enum address_strictness strictness,
                       struct arena *arena, struct slice *address, struct slice *rest,
                       struct error *error)
{
    struct slice found = SLICE_EMPTY, behind = SLICE_EMPTY;

    if (address_split_path(text, strictness, arena, &found, &behind, error) < 0)
        return -1;
    if (!address_has_valid_domain(found))
        return bad_syntax(error);
    *address = found;
    *rest = behind;
    return 0;
}

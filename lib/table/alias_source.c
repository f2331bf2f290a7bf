/*
 * The syntax of aliases: a list of words as in a header (RFC 5322 section 3.2), without regard
 * to what they mean. Nothing is refused but a missing name or value: what an alias's value may
 * be, local decides when it delivers.
 */
#include "table/alias_source.h"

#include <string.h>

#include "base/log.h"
#include "table/fold.h"

#define SPECIALS "()<>@,;:\\\".[]%!|"

enum token_kind { TOKEN_END, TOKEN_SPECIAL, TOKEN_WORD, TOKEN_QUOTED, TOKEN_COMMENT };

struct token {
    enum token_kind kind;
    struct buf text; /* without quotes and backslashes; a comment as it stands */
};

static bool is_word_char(char c)
{
    return !ascii_is_space(c) && (c == '\\' || c == '\0' || !strchr(SPECIALS, c));
}

/* Up to the closing quote; an open one ends with the line. White space becomes a blank. */
static void take_quoted(struct slice *rest, struct buf *text)
{
    size_t i = 1;

    for (; i < rest->len && rest->ptr[i] != '"'; i++) {
        if (rest->ptr[i] == '\\' && i + 1 < rest->len)
            i++;
        buf_add_char(text, ascii_is_space(rest->ptr[i]) ? ' ' : rest->ptr[i]);
    }
    *rest = slice_from_offset(*rest, i + 1);
}

/* "(...)" or "[...]" as it stands. Comments nest. */
static void take_enclosed(struct slice *rest, char open, char close, struct buf *text)
{
    size_t i = 0;
    int depth = 0;

    for (; i < rest->len; i++) {
        if (rest->ptr[i] == '\\')
            i++;
        else if (rest->ptr[i] == open)
            depth++;
        else if (rest->ptr[i] == close && --depth == 0)
            break;
    }
    buf_add_slice(text, slice_sub(*rest, 0, i + 1));
    *rest = slice_from_offset(*rest, i + 1);
}

static void take_word(struct slice *rest, struct buf *text)
{
    size_t i = 0;

    for (; i < rest->len && is_word_char(rest->ptr[i]); i++) {
        if (rest->ptr[i] == '\\' && ++i == rest->len)
            break;
        buf_add_char(text, rest->ptr[i]);
    }
    *rest = slice_from_offset(*rest, i);
}

static bool next_token(struct slice *rest, struct token *token)
{
    *rest = slice_from_offset(*rest, slice_skip_any(*rest, " \t\r\n\f\v"));
    buf_reset(&token->text);
    token->kind = TOKEN_END;
    if (rest->len == 0)
        return false;
    if (rest->ptr[0] == '"') {
        token->kind = TOKEN_QUOTED;
        take_quoted(rest, &token->text);
    } else if (rest->ptr[0] == '(') {
        token->kind = TOKEN_COMMENT;
        take_enclosed(rest, '(', ')', &token->text);
    } else if (rest->ptr[0] == '[') {
        token->kind = TOKEN_WORD;
        take_enclosed(rest, '[', ']', &token->text);
    } else if (is_word_char(rest->ptr[0])) {
        token->kind = TOKEN_WORD;
        take_word(rest, &token->text);
    } else {
        token->kind = TOKEN_SPECIAL;
        buf_add_char(&token->text, rest->ptr[0]);
        *rest = slice_from_offset(*rest, 1);
    }
    return true;
}

static bool is_special(const struct token *token, char c)
{
    return token->kind == TOKEN_SPECIAL && token->text.data[0] == c;
}

static bool stands_apart(enum token_kind kind)
{
    return kind == TOKEN_WORD || kind == TOKEN_QUOTED || kind == TOKEN_COMMENT;
}

/* The tokens up to the colon, unquoted. False when there is no name or no colon. */
static bool parse_name(struct slice *rest, struct token *token, struct buf *name,
                       bool *is_local)
{
    enum token_kind before = TOKEN_SPECIAL;
    bool is_empty = true;

    *is_local = true;
    while (next_token(rest, token)) {
        if (is_special(token, ':'))
            return !is_empty;
        if (is_special(token, ','))
            return false;
        if (is_special(token, '@'))
            *is_local = false;
        if (stands_apart(before) && stands_apart(token->kind))
            buf_add_char(name, ' ');
        buf_add_slice(name, buf_slice(&token->text));
        before = token->kind;
        is_empty = false;
    }
    return false;
}

static void add_quoted(struct buf *value, struct slice text)
{
    buf_add_char(value, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"' || text.ptr[i] == '\\')
            buf_add_char(value, '\\');
        buf_add_char(value, text.ptr[i]);
    }
    buf_add_char(value, '"');
}

/* A word that had a backslash may need quotes now. */
static bool needs_quotes(const struct token *token)
{
    struct slice text = buf_slice(&token->text);

    if (token->kind == TOKEN_QUOTED)
        return true;
    return token->kind == TOKEN_WORD && text.ptr[0] != '[' &&
           slice_find_any(text, SPECIALS " \t") < text.len;
}

static void parse_value(struct slice rest, struct token *token, struct buf *value)
{
    enum token_kind before = TOKEN_SPECIAL;

    while (next_token(&rest, token)) {
        if ((stands_apart(before) && stands_apart(token->kind)) ||
            (is_special(token, '<') && value->len > 0 &&
             !slice_ends_with(buf_slice(value), " ")))
            buf_add_char(value, ' ');
        if (needs_quotes(token))
            add_quoted(value, buf_slice(&token->text));
        else
            buf_add_slice(value, buf_slice(&token->text));
        if (is_special(token, ','))
            buf_add_char(value, ' ');
        before = token->kind;
    }
}

static bool warn(const struct table_source *source, const char *text)
{
    log_warning("%s, line %d: %s", source->name, source->line, text);
    return false;
}

bool alias_source_parse(const struct table_source *source, struct slice line, struct buf *name,
                        struct buf *value)
{
    struct token token = {.text = BUF_INIT};
    bool has_name, is_local;

    buf_reset(name);
    buf_reset(value);
    if (!table_key_is_text(line)) {
        log_warning("%s, line %d: non-UTF-8 input \"%.*s\" -- ignoring this line", source->name,
                    source->line, SLICE_ARG(line));
        return false;
    }
    has_name = parse_name(&line, &token, name, &is_local);
    if (has_name)
        parse_value(line, &token, value);
    buf_release(&token.text);
    if (!has_name || value->len == 0)
        return warn(source, "need name:value pair");
    if (!is_local)
        return warn(source, "name must be local");
    if (name->len == 0)
        return warn(source, "empty lookup key value is not allowed");
    return true;
}

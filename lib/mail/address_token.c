/* Taking addresses apart. */
#include "mail/address_token.h"

#define SPECIALS        ",.:;<>@%!|"
#define ENDS_ATOM       SPECIALS "\"([ \t\r\n\f\v"
#define TOKENS_AT_FIRST 32

/* Behind the closing character that belongs to the opening one at the start of the text. */
static size_t enclosed_length(struct slice text, char closing, bool nests)
{
    char opening = text.ptr[0];
    int depth = 0;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (c == '\\')
            i++;
        else if (c == opening && (nests || i == 0))
            depth++;
        else if (c == closing && --depth == 0)
            return i + 1;
    }
    return text.len;
}

static size_t atom_length(struct slice text)
{
    size_t i = 0;

    while (i < text.len && !(text.ptr[i] != '\0' && strchr(ENDS_ATOM, text.ptr[i])))
        i += text.ptr[i] == '\\' ? 2 : 1;
    return i < text.len ? i : text.len;
}

static struct address_token next_token(struct slice text)
{
    struct address_token token = {.kind = TOKEN_ATOM};
    size_t len;

    switch (text.ptr[0]) {
    case '"':
        token.kind = TOKEN_QUOTED;
        len = enclosed_length(text, '"', false);
        break;
    case '[':
        token.kind = TOKEN_LITERAL;
        len = enclosed_length(text, ']', false);
        break;
    case '(':
        token.kind = TOKEN_COMMENT;
        len = enclosed_length(text, ')', true);
        break;
    default:
        len = atom_length(text);
        if (len == 0) {
            token.kind = TOKEN_SPECIAL;
            token.special = text.ptr[0];
            len = 1;
        }
        break;
    }
    token.text = slice_sub(text, 0, len);
    return token;
}

void address_tokenize(struct slice text, struct arena *arena, size_t max,
                      struct address_tokens *tokens)
{
    size_t capacity = TOKENS_AT_FIRST;

    tokens->tokens = arena_array(arena, struct address_token, capacity);
    tokens->count = 0;
    while (tokens->count < max) {
        struct address_token token;

        text = slice_from_offset(text, slice_skip_any(text, " \t\r\n\f\v"));
        if (text.len == 0)
            break;
        if (tokens->count == capacity) {
            struct address_token *more = arena_array(arena, struct address_token, capacity * 2);

            memcpy(more, tokens->tokens, capacity * sizeof(*more));
            tokens->tokens = more;
            capacity *= 2;
        }
        token = next_token(text);
        text = slice_from_offset(text, token.text.len);
        tokens->tokens[tokens->count++] = token;
    }
}

bool address_token_is(const struct address_token *token, char special)
{
    return token->kind == TOKEN_SPECIAL && token->special == special;
}

bool address_token_is_word(const struct address_token *token)
{
    return token->kind == TOKEN_ATOM || token->kind == TOKEN_QUOTED ||
           token->kind == TOKEN_LITERAL;
}

void address_token_add(struct buf *buf, const struct address_token *token)
{
    for (size_t i = 0; i < token->text.len; i++) {
        char c = token->text.ptr[i];

        buf_add_char(buf, c == '\t' || c == '\r' || c == '\n' ? ' ' : c);
    }
    if (token->kind == TOKEN_LITERAL && !slice_ends_with(token->text, "]"))
        buf_add_char(buf, ']');
    if (address_token_is(token, ','))
        buf_add_char(buf, ' ');
}

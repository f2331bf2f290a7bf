/* Reading the values of MIME headers. */
#include "mail/mime_value.h"

/* RFC 5322 section 3.2.3; Postfix reads the encoding with these. */
#define RFC822_SPECIALS "()<>@,;:\\\".[]"

#define WHITE_SPACE " \t\r\n\f\v"

void mime_tokens_init(struct mime_tokens *tokens)
{
    tokens->count = 0;
    for (size_t i = 0; i < MIME_VALUE_TOKENS_MAX; i++)
        buf_init(&tokens->tokens[i].text);
}

void mime_tokens_release(struct mime_tokens *tokens)
{
    for (size_t i = 0; i < MIME_VALUE_TOKENS_MAX; i++)
        buf_release(&tokens->tokens[i].text);
    tokens->count = 0;
}

/* Behind the comment that starts the text; comments nest. */
static size_t comment_length(struct slice text)
{
    size_t depth = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\\')
            i++;
        else if (text.ptr[i] == '(')
            depth++;
        else if (text.ptr[i] == ')' && --depth == 0)
            return i + 1;
    }
    return text.len;
}

/* Append what the quoted string holds; returns its length with both quotes. */
static size_t read_quoted(struct buf *buf, struct slice text)
{
    size_t i = 1;

    for (; i < text.len && text.ptr[i] != '"'; i++) {
        if (text.ptr[i] == '\\' && ++i == text.len)
            break;
        if (text.ptr[i] != '\n')
            buf_add_char(buf, text.ptr[i]);
    }
    return i < text.len ? i + 1 : text.len;
}

static bool ends_word(char c, const char *specials)
{
    return c == '\0' || strchr(WHITE_SPACE "\"(", c) || strchr(specials, c);
}

static size_t read_word(struct buf *buf, struct slice text, const char *specials)
{
    size_t len = 0;

    while (len < text.len && !ends_word(text.ptr[len], specials))
        len++;
    buf_add(buf, text.ptr, len);
    return len;
}

/* Read one token at the start of the text, which is no white space; returns its length. */
static size_t read_token(struct mime_token *token, struct slice text, const char *specials)
{
    size_t len;

    buf_reset(&token->text);
    if (text.ptr[0] == '"') {
        token->kind = MIME_TOKEN_QUOTED;
        return read_quoted(&token->text, text);
    }
    token->kind = MIME_TOKEN_WORD;
    len = read_word(&token->text, text, specials);
    if (len > 0)
        return len;
    token->kind = MIME_TOKEN_SPECIAL;
    buf_add_char(&token->text, text.ptr[0]);
    return 1;
}

bool mime_tokens_read(struct mime_tokens *tokens, struct slice *rest, const char *specials)
{
    CLEANUP(mime_tokens_release) struct mime_tokens surplus;
    bool found = rest->len > 0;

    mime_tokens_init(&surplus);
    tokens->count = 0;
    while (rest->len > 0) {
        struct mime_token *token = &surplus.tokens[0];
        size_t blanks = slice_skip_any(*rest, WHITE_SPACE);

        *rest = slice_from_offset(*rest, blanks);
        if (rest->len == 0)
            break;
        if (rest->ptr[0] == ';') {
            *rest = slice_from_offset(*rest, 1);
            break;
        }
        if (rest->ptr[0] == '(') {
            *rest = slice_from_offset(*rest, comment_length(*rest));
            continue;
        }
        if (tokens->count < MIME_VALUE_TOKENS_MAX)
            token = &tokens->tokens[tokens->count++];
        *rest = slice_from_offset(*rest, read_token(token, *rest, specials));
    }
    return found;
}

bool mime_token_is(const struct mime_tokens *tokens, size_t i, const char *word)
{
    return i < tokens->count && tokens->tokens[i].kind != MIME_TOKEN_QUOTED &&
           slice_equals_nocase(buf_slice(&tokens->tokens[i].text), word);
}

bool mime_encoding_parse(struct slice value, enum mime_encoding *encoding)
{
    static const struct {
        const char *name;
        enum mime_encoding encoding;
    } encodings[] = {
        {"7bit", MIME_7BIT},     {"8bit", MIME_8BIT},
        {"binary", MIME_BINARY}, {"quoted-printable", MIME_QUOTED_PRINTABLE},
        {"base64", MIME_BASE64},
    };
    CLEANUP(mime_tokens_release) struct mime_tokens tokens;
    bool found = false;

    mime_tokens_init(&tokens);
    if (!mime_tokens_read(&tokens, &value, RFC822_SPECIALS))
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(encodings) && !found; i++) {
        if (mime_token_is(&tokens, 0, encodings[i].name)) {
            *encoding = encodings[i].encoding;
            found = true;
        }
    }
    return found;
}

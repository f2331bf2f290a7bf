/*
 * The address lists of headers: read the way sendmail and Postfix read them, which is far more
 * than RFC 5322 allows, and composed again.
 *
 * In the texts that are kept, a line end marks where the composed header may be folded.
 */
#include "base/bug.h"
#include "mail/address.h"
#include "mail/address_token.h"
#include "mail/header.h"

#define FOLD_COLUMNS 70 /* a line that a comma can end stays below, as in Postfix */

/* What was written last decides what separates it from the next thing. */
enum piece { START, WORD, OPERATOR, COMMENT, ADDRESS, OPEN, CLOSE, COMMA, SEMICOLON, COLON };

struct parse {
    struct arena *arena;
    struct address_tokens tokens;
    size_t at;            /* the token that comes next */
    size_t *closing;      /* for a '<' that opens: where its '>' is; else 0 */
    bool *is_group_colon; /* for a ':' that ends the name of a group */
    size_t stop;          /* the next token that ends a phrase or an address list item */
    struct buf text;      /* since the last address */
    struct buf comments;  /* that go behind the next address, with a blank before each */
    enum piece last;
    struct header_address_list *list;
    size_t capacity;
};

static const struct address_token *token_at(const struct parse *parse, size_t i)
{
    return &parse->tokens.tokens[i];
}

/* A '<' goes with the last '>' before the next '<'. */
static void find_brackets(struct parse *parse)
{
    size_t open = 0;
    bool is_open = false;

    for (size_t i = 0; i < parse->tokens.count; i++) {
        if (address_token_is(token_at(parse, i), '<')) {
            open = i;
            is_open = true;
        } else if (is_open && address_token_is(token_at(parse, i), '>')) {
            parse->closing[open] = i;
        }
    }
}

/* The name of a group ends at the last ':' before a ';'. */
static void find_groups(struct parse *parse)
{
    size_t colon = parse->tokens.count;

    for (size_t i = 0; i < parse->tokens.count; i++) {
        if (parse->closing[i]) {
            i = parse->closing[i];
        } else if (address_token_is(token_at(parse, i), ':')) {
            colon = i;
        } else if (address_token_is(token_at(parse, i), ';')) {
            if (colon < i)
                parse->is_group_colon[colon] = true;
            colon = parse->tokens.count;
        }
    }
}

static const char *separator(enum piece last, enum piece next)
{
    bool after_word = last == WORD || last == COMMENT;

    switch (next) {
    case WORD:
        return after_word || last == COLON ? " " : "";
    case COMMENT:
        return after_word || last == ADDRESS || last == COLON ? " " : "";
    case OPEN:
        return last == START || last == COMMA ? "" : last == SEMICOLON ? ",\n" : " ";
    case ADDRESS:
        if (last == ADDRESS || last == CLOSE || last == SEMICOLON || last == COMMENT)
            return ",\n";
        return last == COLON ? " " : "";
    case START:
    case OPERATOR:
    case CLOSE:
    case COMMA:
    case SEMICOLON:
    case COLON:
        break;
    }
    return "";
}

static void keep(struct parse *parse, enum piece piece, struct slice text)
{
    buf_add_text(&parse->text, separator(parse->last, piece));
    buf_add_slice(&parse->text, text);
    parse->last = piece;
}

static void keep_token(struct parse *parse, size_t i)
{
    const struct address_token *token = token_at(parse, i);
    enum piece piece = token->kind == TOKEN_COMMENT   ? COMMENT
                       : address_token_is_word(token) ? WORD
                                                      : OPERATOR;

    keep(parse, piece, token->text);
}

static void keep_comments(struct parse *parse)
{
    struct slice comments = buf_slice(&parse->comments);

    if (comments.len == 0)
        return;
    /* The blank that each of them has in front is only wanted behind an address. */
    if (separator(parse->last, COMMENT)[0] == '\0')
        comments = slice_from_offset(comments, 1);
    buf_add_slice(&parse->text, comments);
    buf_reset(&parse->comments);
    parse->last = COMMENT;
}

static void hold_comment(struct parse *parse, size_t i)
{
    buf_add_char(&parse->comments, ' ');
    buf_add_slice(&parse->comments, token_at(parse, i)->text);
}

/* The tokens from..to as one address, which goes to the list. */
static void take_address(struct parse *parse, size_t from, size_t to, bool in_brackets)
{
    struct header_address_list *list = parse->list;
    const struct address_token *before = NULL;
    CLEANUP(buf_release) struct buf address = BUF_INIT;

    for (size_t i = from; i < to; i++) {
        const struct address_token *token = token_at(parse, i);

        if (token->kind == TOKEN_COMMENT) {
            hold_comment(parse, i);
            continue;
        }
        if (before && address_token_is_word(before) && address_token_is_word(token) &&
            (before->kind == TOKEN_QUOTED || token->kind == TOKEN_QUOTED))
            buf_add_char(&address, ' ');
        address_token_add(&address, token);
        before = token;
    }
    if (list->n_addresses == parse->capacity) {
        size_t capacity = parse->capacity ? parse->capacity * 2 : 8;
        struct header_address *more =
            arena_array(parse->arena, struct header_address, capacity);

        if (list->n_addresses > 0)
            memcpy(more, list->addresses, list->n_addresses * sizeof(*more));
        list->addresses = more;
        parse->capacity = capacity;
    }
    list->addresses[list->n_addresses++] = (struct header_address){
        .before = arena_slice(parse->arena, buf_slice(&parse->text)),
        .address = arena_slice(parse->arena, buf_slice(&address)),
        .in_brackets = in_brackets,
    };
    buf_reset(&parse->text);
}

/* <...>: what stands in it is one address. */
static void take_bracketed(struct parse *parse)
{
    size_t open = parse->at;
    size_t close = parse->closing[open];

    keep_comments(parse);
    keep(parse, OPEN, SLICE("<"));
    take_address(parse, open + 1, close, true);
    parse->last = ADDRESS;
    keep_comments(parse);
    keep(parse, CLOSE, SLICE(">"));
    parse->at = close + 1;
}

static bool ends_item(const struct parse *parse, size_t i)
{
    const struct address_token *token = token_at(parse, i);

    return parse->closing[i] || parse->is_group_colon[i] || address_token_is(token, ',') ||
           address_token_is(token, ';') || address_token_is(token, '>');
}

/* The next token at or behind `at` that ends an item of the list. */
static size_t find_stop(struct parse *parse)
{
    if (parse->stop <= parse->at) {
        parse->stop = parse->at;
        while (parse->stop < parse->tokens.count && !ends_item(parse, parse->stop))
            parse->stop++;
    }
    return parse->stop;
}

/* An address without <>: words with operators between them, up to `stop`. */
static void take_bare(struct parse *parse, size_t stop)
{
    size_t from = parse->at;
    bool after_word = false;

    for (; parse->at < stop; parse->at++) {
        const struct address_token *token = token_at(parse, parse->at);

        if (address_token_is_word(token) && after_word)
            break;
        if (token->kind != TOKEN_COMMENT)
            after_word = address_token_is_word(token);
    }
    buf_add_text(&parse->text, separator(parse->last, ADDRESS));
    take_address(parse, from, parse->at, false);
    parse->last = ADDRESS;
}

/* Words that lead to a '<' or a group's ':' are a phrase; others are addresses. */
static void take_words(struct parse *parse)
{
    size_t stop = find_stop(parse);
    bool is_phrase =
        stop < parse->tokens.count && (parse->closing[stop] || parse->is_group_colon[stop]);

    if (is_phrase) {
        keep_comments(parse);
        while (parse->at < stop)
            keep_token(parse, parse->at++);
    } else if (token_at(parse, parse->at)->kind == TOKEN_COMMENT) {
        hold_comment(parse, parse->at++);
    } else {
        take_bare(parse, stop);
    }
}

static void take_item(struct parse *parse)
{
    const struct address_token *token = token_at(parse, parse->at);

    if (!ends_item(parse, parse->at)) {
        take_words(parse);
    } else if (parse->closing[parse->at]) {
        take_bracketed(parse);
    } else {
        keep_comments(parse);
        if (address_token_is(token, ','))
            keep(parse, COMMA, SLICE(","));
        else {
            keep(parse,
                 address_token_is(token, ';')   ? SEMICOLON
                 : address_token_is(token, ':') ? COLON
                                                : OPERATOR,
                 token->text);
        }
        if (parse->last == COMMA)
            buf_add_char(&parse->text, '\n');
        parse->at++;
    }
}

void header_address_parse(struct slice value, struct arena *arena, size_t max_tokens,
                          struct header_address_list *list)
{
    struct parse parse = {
        .arena = arena, .text = BUF_INIT, .comments = BUF_INIT, .last = START, .list = list};

    *list = (struct header_address_list){0};
    address_tokenize(value, arena, max_tokens, &parse.tokens);
    parse.closing = arena_array(arena, size_t, parse.tokens.count + 1);
    parse.is_group_colon = arena_array(arena, bool, parse.tokens.count + 1);
    find_brackets(&parse);
    find_groups(&parse);
    while (parse.at < parse.tokens.count)
        take_item(&parse);
    keep_comments(&parse);
    list->after = arena_slice(arena, buf_slice(&parse.text));
    buf_release(&parse.text);
    buf_release(&parse.comments);
}

/* Turn the marks into blanks where the line stays short enough, else into folding. */
static void add_folded(struct buf *buf, struct slice text, size_t used_columns)
{
    size_t column = used_columns;
    bool is_first = true;

    while (text.len > 0) {
        size_t len = slice_find(text, '\n');
        bool has_more = len < text.len;

        if (!is_first) {
            bool fits = column + 1 + len < FOLD_COLUMNS;

            buf_add_text(buf, fits ? " " : header_is_continuation(text) ? "\n" : "\n\t");
            column = fits ? column + 1 : 0;
        }
        buf_add_slice(buf, slice_sub(text, 0, len));
        column += len;
        is_first = false;
        text = slice_from_offset(text, len + 1);
        if (has_more && text.len == 0)
            buf_add_char(buf, ' ');
    }
}

void header_address_compose(struct buf *buf, const struct header_address_list *list,
                            size_t used_columns)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;

    for (size_t i = 0; i < list->n_addresses; i++) {
        buf_add_slice(&text, list->addresses[i].before);
        buf_add_slice(&text, list->addresses[i].address);
    }
    buf_add_slice(&text, list->after);
    add_folded(buf, buf_slice(&text), used_columns);
}

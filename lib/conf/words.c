/*
 * Splitting parameter values into words, with {...} as the one kind of quote.
 */
#include "conf/words.h"

#include <string.h>

static bool is_in(const char *set, char c)
{
    return c != '\0' && strchr(set, c) != NULL;
}

size_t words_brace_length(struct slice text)
{
    size_t depth = 0;

    if (text.len == 0 || text.ptr[0] != '{')
        return 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '{')
            depth++;
        else if (text.ptr[i] == '}' && --depth == 0)
            return i + 1;
    }
    return 0;
}

bool words_next(struct slice *rest, const char *separators, struct slice *word)
{
    struct slice text = *rest;
    size_t depth = 0;
    size_t i = 0;

    while (text.len > 0 && is_in(separators, text.ptr[0]))
        text = slice_from_offset(text, 1);
    if (text.len == 0) {
        *rest = text;
        return false;
    }
    for (; i < text.len && (depth > 0 || !is_in(separators, text.ptr[i])); i++) {
        if (text.ptr[i] == '{')
            depth++;
        else if (text.ptr[i] == '}' && depth > 0)
            depth--;
    }
    *word = slice_sub(text, 0, i);
    *rest = slice_from_offset(text, i);
    return true;
}

bool words_have(struct slice list, struct slice word)
{
    struct slice one;

    while (words_next(&list, WORDS_COMMA_SPACE, &one)) {
        if (slice_same_nocase(one, word))
            return true;
    }
    return false;
}

int words_unbrace(struct slice word, struct slice *unbraced, struct error *error)
{
    size_t length = words_brace_length(word);

    if (length == 0)
        return error_set(error, ERROR_PERMANENT, "missing '}' in \"%.*s\"", SLICE_ARG(word));
    if (length != word.len)
        return error_set(error, ERROR_PERMANENT, "syntax error after '}' in \"%.*s\"",
                         SLICE_ARG(word));
    *unbraced = slice_trim(slice_sub(word, 1, length - 2));
    return 0;
}

bool words_split_assignment(struct slice text, struct slice *name, struct slice *value)
{
    size_t equals = slice_find(text, '=');
    struct slice left = slice_trim(slice_sub(text, 0, equals));

    if (equals == text.len || left.len == 0)
        return false;
    *name = left;
    *value = slice_trim(slice_from_offset(text, equals + 1));
    return true;
}

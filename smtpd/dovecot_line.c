#include "dovecot_line.h"

#include "auth/sasl_security.h"

#define ESCAPE '\001'

#define NAME_BYTES "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

static char unescaped(char c)
{
    switch (c) {
    case '0':
        return '\0';
    case '1':
        return ESCAPE;
    case 't':
        return '\t';
    case 'r':
        return '\r';
    case 'n':
        return '\n';
    default:
        return c;
    }
}

static struct slice unescape(struct slice text, struct arena *arena)
{
    char *out = arena_text(arena, text);
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (c == ESCAPE && i + 1 < text.len)
            c = unescaped(text.ptr[++i]);
        out[len++] = c;
    }
    return (struct slice){out, len};
}

/* name=value: true with the value, still escaped. */
static bool is_named(struct slice word, const char *name, struct slice *value)
{
    struct slice rest = word;
    struct slice key = slice_split(&rest, '=');

    if (key.len == word.len || !slice_equals(key, name))
        return false;
    *value = rest;
    return true;
}

static int parse_mechanism(struct slice rest, struct arena *arena, struct dovecot_line *parsed,
                           struct error *error)
{
    struct slice name = slice_split(&rest, '\t');
    char *upper = arena_text(arena, name);

    for (size_t i = 0; i < name.len; i++)
        upper[i] = ascii_upper(upper[i]);
    parsed->mechanism = (struct slice){upper, name.len};
    /* RFC 4422 section 3.1; what goes into an EHLO reply may hold no line end. */
    if (name.len == 0 || name.len > 20 ||
        slice_skip_any(parsed->mechanism, NAME_BYTES) < name.len)
        return error_set(error, ERROR_TEMPORARY, "bad mechanism name");
    while (rest.len)
        parsed->properties |= sasl_security_property(slice_split(&rest, '\t'));
    return 0;
}

static void parse_arguments(struct slice rest, struct arena *arena, struct dovecot_line *parsed)
{
    while (rest.len) {
        struct slice word = slice_split(&rest, '\t');
        struct slice value;

        if (is_named(word, "user", &value))
            parsed->user = unescape(value, arena);
        else if (is_named(word, "reason", &value))
            parsed->reason = unescape(value, arena);
        else if (slice_equals(word, "temp") || slice_equals(word, "code=temp_fail"))
            parsed->is_temporary = true;
    }
}

static int parse_answer(struct slice rest, struct arena *arena, struct dovecot_line *parsed,
                        struct error *error)
{
    if (!slice_to_uint(slice_split(&rest, '\t'), 10, UINT32_MAX, &parsed->id))
        return error_set(error, ERROR_TEMPORARY, "an answer without a request number");
    if (parsed->verb != DOVECOT_CONTINUE) {
        parse_arguments(rest, arena, parsed);
        return 0;
    }
    parsed->challenge = slice_split(&rest, '\t');
    /* It is passed on to the client as it is. */
    for (size_t i = 0; i < parsed->challenge.len; i++) {
        if (!ascii_is_print(parsed->challenge.ptr[i]))
            return error_set(error, ERROR_TEMPORARY, "a challenge that is not base64");
    }
    return 0;
}

int dovecot_line_parse(struct slice line, struct arena *arena, struct dovecot_line *parsed,
                       struct error *error)
{
    static const struct {
        const char *word;
        enum dovecot_verb verb;
    } verbs[] = {
        {"VERSION", DOVECOT_VERSION}, {"MECH", DOVECOT_MECHANISM}, {"DONE", DOVECOT_DONE},
        {"OK", DOVECOT_OK},           {"CONT", DOVECOT_CONTINUE},  {"FAIL", DOVECOT_FAIL},
    };

    struct slice rest = line;
    struct slice word = slice_split(&rest, '\t');

    *parsed = (struct dovecot_line){.mechanism = SLICE_EMPTY,
                                    .user = SLICE_EMPTY,
                                    .reason = SLICE_EMPTY,
                                    .challenge = SLICE_EMPTY};
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
        if (slice_equals(word, verbs[i].word))
            parsed->verb = verbs[i].verb;
    }
    if (parsed->verb == DOVECOT_OTHER || parsed->verb == DOVECOT_DONE)
        return 0;
    if (parsed->verb == DOVECOT_MECHANISM)
        return parse_mechanism(rest, arena, parsed, error);
    if (parsed->verb != DOVECOT_VERSION)
        return parse_answer(rest, arena, parsed, error);
    if (!slice_to_int(slice_split(&rest, '\t'), 0, INT32_MAX, &parsed->version))
        return error_set(error, ERROR_TEMPORARY, "bad version");
    return 0;
}

bool dovecot_text_is_plain(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] <= ' ' || text.ptr[i] == 127)
            return false;
    }
    return true;
}

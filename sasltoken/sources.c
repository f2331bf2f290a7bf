#include "sources.h"

#include "base/time.h"
#include "conf/params.h"
#include "conf/words.h"

enum { SOURCES_MAX = 1000, COMMAND_WORDS_MAX = 100 };

static int set_path(const char **path, struct slice value, struct arena *arena,
                    struct error *error)
{
    if (!slice_starts_with(value, "/"))
        return error_set(error, ERROR_PERMANENT, "not an absolute path: \"%.*s\"",
                         SLICE_ARG(value));
    *path = arena_text(arena, value);
    return 0;
}

static int set_command(struct token_source *source, struct slice value, struct arena *arena,
                       struct error *error)
{
    const char **words = arena_array(arena, const char *, COMMAND_WORDS_MAX + 1);
    struct slice word;
    size_t n = 0;

    while ((word = slice_word(&value, WORDS_SPACE)).ptr) {
        if (n == COMMAND_WORDS_MAX)
            return error_set(error, ERROR_PERMANENT, "more than %d words in a command",
                             COMMAND_WORDS_MAX);
        if (n == 0 && set_path(&words[0], word, arena, error) < 0)
            return -1;
        words[n++] = arena_text(arena, word);
    }
    if (n == 0)
        return error_set(error, ERROR_PERMANENT, "empty command");
    source->command = words;
    return 0;
}

static int set_time(int64_t *time, struct slice value, int64_t max, struct error *error)
{
    if (param_parse_time(value, 's', time) && *time >= 0 && *time <= max)
        return 0;
    return error_set(error, ERROR_PERMANENT, "bad time value: \"%.*s\": expected 0 to %llds",
                     SLICE_ARG(value), (long long)(max / SECONDS(1)));
}

static int set_option(struct token_source *source, struct slice option, struct arena *arena,
                      struct error *error)
{
    struct slice name, value;

    if (!words_split_assignment(option, &name, &value))
        return error_set(error, ERROR_PERMANENT, "missing '=' after attribute name: \"%.*s\"",
                         SLICE_ARG(option));
    if (slice_equals(name, "file"))
        return set_path(&source->file, value, arena, error);
    if (slice_equals(name, "command"))
        return set_command(source, value, arena, error);
    if (slice_equals(name, "lifetime"))
        return set_time(&source->lifetime_ms, value, DAYS(1), error);
    if (slice_equals(name, "time_limit"))
        return set_time(&source->time_limit_ms, value, TOKEN_TIME_LIMIT_MAX, error);
    if (slice_equals(name, "user")) {
        source->has_user = true;
        return user_parse(&source->user, arena_text(arena, value), error);
    }
    return error_set(error, ERROR_PERMANENT, "unknown attribute: \"%.*s\"", SLICE_ARG(name));
}

/* As spawn(8): a command's user is to be named, since it shall not have the mail owner's
 * rights. */
static int check(const struct token_source *source, struct error *error)
{
    if (!source->file == !source->command)
        return error_set(error, ERROR_PERMANENT, "expected either file= or command=");
    if (source->command && !source->has_user)
        return error_set(error, ERROR_PERMANENT, "missing user= for the command");
    return 0;
}

/* "name, attribute=value, { attribute = value }" */
static int parse_one(struct token_source *source, struct slice word, struct arena *arena,
                     struct error *error)
{
    struct slice rest, name, option;

    if (words_unbrace(word, &rest, error) < 0)
        return -1;
    if (!words_next(&rest, WORDS_COMMA_SPACE, &name) || slice_find(name, '=') < name.len)
        return error_set(error, ERROR_PERMANENT, "expected a name first: \"%.*s\"",
                         SLICE_ARG(word));
    *source = (struct token_source){.name = arena_text(arena, name),
                                    .lifetime_ms = MINUTES(5),
                                    .time_limit_ms = SECONDS(20)};
    while (words_next(&rest, WORDS_COMMA_SPACE, &option)) {
        if (option.ptr[0] == '{' && words_unbrace(option, &option, error) < 0)
            return -1;
        if (set_option(source, option, arena, error) < 0)
            return error_context(error, "%s", source->name);
    }
    return check(source, error) < 0 ? error_context(error, "%s", source->name) : 0;
}

int token_sources_parse(struct token_sources *sources, struct slice text, struct arena *arena,
                        struct error *error)
{
    struct slice rest = text, word;
    struct token_sources found = {.list = NULL};

    while (words_next(&rest, WORDS_COMMA_SPACE, &word))
        found.count++;
    if (found.count > SOURCES_MAX)
        return error_set(error, ERROR_PERMANENT, "more than %d sources", SOURCES_MAX);
    found.list = arena_array(arena, struct token_source, found.count + 1);
    for (size_t i = 0; i < found.count; i++) {
        if (words_next(&text, WORDS_COMMA_SPACE, &word) &&
            parse_one(&found.list[i], word, arena, error) < 0)
            return -1;
        if (token_sources_find(&(struct token_sources){found.list, i},
                               slice_from(found.list[i].name)))
            return error_set(error, ERROR_PERMANENT, "%s: named twice", found.list[i].name);
    }
    *sources = found;
    return 0;
}

const struct token_source *token_sources_find(const struct token_sources *sources,
                                              struct slice name)
{
    for (size_t i = 0; i < sources->count; i++)
        if (slice_equals(name, sources->list[i].name))
            return &sources->list[i];
    return NULL;
}

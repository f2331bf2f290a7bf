/* Parsing the lists of filters. */
#include "milter/config.h"

#include "conf/params.h"
#include "conf/words.h"
#include "milter/packet.h"

static enum milter_default default_action(struct slice word)
{
    static const char *const words[] = {
        [MILTER_DEFAULT_ACCEPT] = "accept",     [MILTER_DEFAULT_REJECT] = "reject",
        [MILTER_DEFAULT_TEMPFAIL] = "tempfail", [MILTER_DEFAULT_QUARANTINE] = "quarantine",
        [MILTER_DEFAULT_SHUTDOWN] = "shutdown",
    };

    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (slice_equals_nocase(word, words[i]))
            return (enum milter_default)i;
    }
    return MILTER_DEFAULT_UNKNOWN;
}

/* "6", or "2 no_header_reply": a version, and what old filters do differently. */
static void set_protocol(struct milter_config *config, struct slice text, struct arena *arena)
{
    struct slice rest = text, word;
    uint64_t number;

    while (words_next(&rest, WORDS_COMMA_SPACE, &word)) {
        if (slice_equals_nocase(word, "no_header_reply"))
            config->no_header_reply = true;
        else if (slice_to_uint(word, 10, MILTER_VERSION, &number) && number >= 2 && number != 5)
            config->version = (uint32_t)number;
        else
            config->trouble = arena_printf(arena, "milter %s: bad protocol information: %.*s",
                                           config->name, SLICE_ARG(text));
    }
}

static int set_time(int64_t *time, struct slice value, struct error *error)
{
    if (param_parse_time(value, 's', time) && *time > 0)
        return 0;
    return error_set(error, ERROR_PERMANENT, "bad time value: \"%.*s\"", SLICE_ARG(value));
}

static int set_option(struct milter_config *config, struct slice option, struct arena *arena,
                      struct error *error)
{
    struct slice name, value;

    if (!words_split_assignment(option, &name, &value))
        return error_set(error, ERROR_PERMANENT, "missing '=' after attribute name: \"%.*s\"",
                         SLICE_ARG(option));
    if (slice_equals(name, "connect_timeout"))
        return set_time(&config->connect_timeout, value, error);
    if (slice_equals(name, "command_timeout"))
        return set_time(&config->command_timeout, value, error);
    if (slice_equals(name, "content_timeout"))
        return set_time(&config->content_timeout, value, error);
    if (slice_equals(name, "default_action")) {
        config->default_action = default_action(value);
        config->default_action_text = arena_text(arena, value);
        return 0;
    }
    if (slice_equals(name, "protocol")) {
        set_protocol(config, value, arena);
        return 0;
    }
    return error_set(error, ERROR_PERMANENT, "unknown option: \"%.*s = %.*s\"", SLICE_ARG(name),
                     SLICE_ARG(value));
}

static void set_address(struct milter_config *config, struct slice word, struct arena *arena)
{
    struct slice transport = slice_sub(word, 0, slice_find(word, ':'));
    struct error error;

    config->name = arena_text(arena, word);
    if (transport.len == word.len) {
        config->trouble = arena_printf(
            arena, "Milter service needs transport:endpoint instead of \"%s\"", config->name);
    } else if (!slice_equals(transport, "inet") && !slice_equals(transport, "unix") &&
               !slice_equals(transport, "local")) {
        config->trouble =
            arena_printf(arena, "invalid transport name: %.*s in Milter service: %s",
                         SLICE_ARG(transport), config->name);
    } else if (socket_name_parse(&config->address, slice_from(config->name), &error) < 0) {
        config->trouble =
            arena_printf(arena, "Milter service %s: %s", config->name, error.text);
    }
}

/*
 * "name=value", "name = value" or "{ name = value with spaces }", separated by commas and
 * spaces. False at the end, or with an error.
 */
static bool next_option(struct slice *rest, struct slice *option, struct error *error)
{
    struct slice text = slice_from_offset(*rest, slice_skip_any(*rest, WORDS_COMMA_SPACE));
    size_t end = words_brace_length(text);

    if (text.len == 0)
        return false;
    if (end) {
        *rest = slice_from_offset(text, end);
        return words_unbrace(slice_sub(text, 0, end), option, error) == 0;
    }
    end = slice_find(text, '=');
    if (end < text.len) {
        end++;
        end += slice_skip_any(slice_from_offset(text, end), WORDS_SPACE);
        end += slice_find_any(slice_from_offset(text, end), WORDS_COMMA_SPACE);
    }
    *option = slice_sub(text, 0, end);
    *rest = slice_from_offset(text, end);
    return true;
}

/* One filter: an address, or { address, name = value, ... }. */
static int parse_one(struct milter_config *config, struct slice word, struct arena *arena,
                     struct error *error)
{
    struct slice rest = word, option;

    *error = ERROR_INIT;
    if (word.ptr[0] == '{' && words_unbrace(word, &rest, error) < 0)
        return -1;
    if (!words_next(&rest, WORDS_COMMA_SPACE, &option))
        return error_set(error, ERROR_PERMANENT, "empty milter definition: \"%.*s\"",
                         SLICE_ARG(word));
    set_address(config, option, arena);
    while (next_option(&rest, &option, error)) {
        if (set_option(config, option, arena, error) < 0)
            return -1;
    }
    return error->kind == ERROR_NONE ? 0 : -1;
}

int milter_list_parse(struct milter_list *list, struct slice text,
                      const struct milter_defaults *defaults, struct arena *arena,
                      struct error *error)
{
    struct slice rest = text, word;
    size_t count = 0;

    while (words_next(&rest, WORDS_COMMA_SPACE, &word))
        count++;
    *list = (struct milter_list){.items = arena_array(arena, struct milter_config, count)};
    rest = text;
    while (words_next(&rest, WORDS_COMMA_SPACE, &word)) {
        struct milter_config *config = &list->items[list->count++];

        *config = (struct milter_config){
            .name = "",
            .connect_timeout = defaults->connect_timeout,
            .command_timeout = defaults->command_timeout,
            .content_timeout = defaults->content_timeout,
            .version = MILTER_VERSION,
            .default_action = default_action(slice_from(defaults->default_action)),
            .default_action_text = defaults->default_action,
        };
        set_protocol(config, slice_from(defaults->protocol), arena);
        if (parse_one(config, word, arena, error) < 0)
            return -1;
    }
    return 0;
}

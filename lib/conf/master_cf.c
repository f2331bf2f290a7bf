/*
 * Reading master.cf.
 */
#include "conf/master_cf.h"

#include <limits.h>
#include <string.h>

#include "base/fd.h"
#include "base/mem.h"
#include "conf/logical_line.h"
#include "conf/words.h"

#define SERVICES_MAX  10000
#define ARGUMENTS_MAX 10000

enum { NAME, TYPE, PRIVATE, UNPRIVILEGED, CHROOT, WAKEUP, PROCESS_LIMIT };

static const char *const type_names[] = {
    [MASTER_TYPE_INET] = "inet",
    [MASTER_TYPE_UNIX] = "unix",
    [MASTER_TYPE_UNIX_DGRAM] = "unix-dgram",
    [MASTER_TYPE_FIFO] = "fifo",
    [MASTER_TYPE_PASS] = "pass",
};

void master_cf_init(struct master_cf *master_cf)
{
    *master_cf = (struct master_cf){.arena = ARENA_INIT, .warnings = BUF_INIT};
}

void master_cf_release(struct master_cf *master_cf)
{
    mem_free(master_cf->services);
    buf_release(&master_cf->warnings);
    arena_release(&master_cf->arena);
    master_cf_init(master_cf);
}

const char *master_type_name(enum master_type type)
{
    return type_names[type];
}

/* False for another word. */
static bool parse_type(struct slice text, enum master_type *type)
{
    for (size_t i = 0; i < ARRAY_SIZE(type_names); i++) {
        if (slice_equals(text, type_names[i])) {
            *type = (enum master_type)i;
            return true;
        }
    }
    return false;
}

struct master_service *master_cf_find(const struct master_cf *master_cf, const char *name,
                                      enum master_type type)
{
    for (size_t i = 0; i < master_cf->n_services; i++) {
        struct master_service *service = &master_cf->services[i];

        if (service->type == type && strcmp(service->name, name) == 0)
            return service;
    }
    return NULL;
}

static int bad_field(struct error *error, const char *field, const char *value,
                     const char *expected)
{
    return error_set(error, ERROR_PERMANENT, "field \"%s\": bad value: \"%s\" (expected %s)",
                     field, value, expected);
}

static int parse_flag(const char *text, const char *field, bool default_value, bool *flag,
                      struct error *error)
{
    if (strcmp(text, "-") == 0)
        *flag = default_value;
    else if (strcmp(text, "y") == 0 || strcmp(text, "n") == 0)
        *flag = text[0] == 'y';
    else
        return bad_field(error, field, text, "y, n or -");
    return 0;
}

static int parse_wakeup(struct master_service *service, const char *text, struct error *error)
{
    struct slice number = slice_from(text);
    uint64_t seconds = 0;

    if (strcmp(text, "-") == 0)
        return 0;
    service->wakeup_if_used = slice_ends_with(number, "?");
    if (service->wakeup_if_used)
        number.len--;
    if (number.len == 0 || !slice_to_uint(number, 10, INT_MAX, &seconds))
        return bad_field(error, "wakeup", text, "seconds, seconds followed by ?, or -");
    service->wakeup_seconds = (int)seconds;
    return 0;
}

static int parse_limit(struct master_service *service, const char *text, struct error *error)
{
    uint64_t limit;

    service->process_limit = MASTER_LIMIT_DEFAULT;
    if (strcmp(text, "-") == 0)
        return 0;
    if (!slice_to_uint(slice_from(text), 10, INT_MAX, &limit))
        return bad_field(error, "process_limit", text, "a number, 0 for no limit, or -");
    service->process_limit = (int)limit;
    return 0;
}

/* "port", "host:port", ":port", "[address]:port" */
static int parse_endpoint(struct master_service *service, struct arena *arena,
                          struct error *error)
{
    struct slice text = slice_from(service->name);
    size_t colon = slice_find_last(text, ':');
    struct slice host = slice_sub(text, 0, colon == text.len ? 0 : colon);
    struct slice port = colon == text.len ? text : slice_from_offset(text, colon + 1);
    bool bracketed = slice_starts_with(host, "[") && slice_ends_with(host, "]") && host.len > 2;

    if (port.len == 0 || slice_find_any(port, "[]/") < port.len ||
        (!bracketed && slice_find_any(host, "[]:") < host.len))
        return bad_field(error, "service name", service->name,
                         "port, host:port or [address]:port");
    if (bracketed)
        host = slice_sub(host, 1, host.len - 2);
    service->host = arena_text(arena, host);
    service->port = arena_text(arena, port);
    return 0;
}

static int parse_fields(struct master_service *service, enum master_chroot chroot,
                        struct arena *arena, struct error *error)
{
    const char *const *fields = service->fields;

    service->name = fields[NAME];
    service->host = service->port = "";
    if (!parse_type(slice_from(fields[TYPE]), &service->type))
        return bad_field(error, "transport type", fields[TYPE],
                         "inet, unix, unix-dgram, fifo or pass");
    if (service->type == MASTER_TYPE_INET && parse_endpoint(service, arena, error) < 0)
        return -1;
    if (parse_flag(fields[PRIVATE], "private", true, &service->is_private, error) < 0 ||
        parse_flag(fields[UNPRIVILEGED], "unprivileged", true, &service->is_unprivileged,
                   error) < 0 ||
        parse_flag(fields[CHROOT], "chroot", chroot == MASTER_CHROOT_YES, &service->is_chrooted,
                   error) < 0 ||
        parse_wakeup(service, fields[WAKEUP], error) < 0 ||
        parse_limit(service, fields[PROCESS_LIMIT], error) < 0)
        return -1;
    if (service->type == MASTER_TYPE_INET)
        service->is_private = false;
    return 0;
}

/* The value of an -o option as "name=value"; left alone when it is no assignment. */
static const char *assignment(struct master_service *service, struct slice word,
                              struct arena *arena)
{
    struct master_override *override = &service->overrides[service->n_overrides];
    struct slice name, value;

    if (!words_split_assignment(word, &name, &value))
        return arena_text(arena, word);
    override->name = arena_text(arena, name);
    override->value = arena_text(arena, value);
    service->n_overrides++;
    return arena_printf(arena, "%s=%s", override->name, override->value);
}

static int unbrace(struct slice *word, struct error *error)
{
    if (!slice_starts_with(*word, "{"))
        return 0;
    return words_unbrace(*word, word, error);
}

/* getopt ends at the first word that is none, at "-" and at "--". */
static bool is_option(struct slice word)
{
    return slice_starts_with(word, "-") && word.len > 1 && !slice_equals(word, "--");
}

static int add_argument(struct master_service *service, struct slice word, bool is_assignment,
                        struct arena *arena, struct error *error)
{
    if (unbrace(&word, error) < 0)
        return -1;
    service->arguments[service->n_arguments++] =
        is_assignment ? assignment(service, word, arena) : arena_text(arena, word);
    return 0;
}

/*
 * An option word up to its "o" becomes words of its own ("-vo" gives "-v" and "-o"); returns
 * what is behind the "o", and sets *is_override when there was one.
 */
static struct slice split_option(struct master_service *service, struct slice word,
                                 struct arena *arena, bool *is_override)
{
    size_t o = slice_find(word, 'o');

    *is_override = o < word.len;
    if (!*is_override)
        return word;
    if (o > 1)
        service->arguments[service->n_arguments++] = arena_text(arena, slice_sub(word, 0, o));
    service->arguments[service->n_arguments++] = "-o";
    return slice_from_offset(word, o + 1);
}

/*
 * Take the word as an option: 1, and what is left of it in *word; 0 when the options have ended
 * before it; -1. Also "{-o name=value with blanks}" is one.
 */
static int take_option(struct master_service *service, struct slice *word, struct arena *arena,
                       bool *is_override, struct error *error)
{
    struct slice bare = *word;

    if (unbrace(&bare, error) < 0)
        return -1;
    if (!is_option(bare))
        return 0;
    *word = slice_trim(split_option(service, bare, arena, is_override));
    return 1;
}

/* Words after the program. Options come first; what follows is the program's own affair. */
static int parse_arguments(struct master_service *service, struct slice rest,
                           struct arena *arena, struct error *error)
{
    bool in_options = true, after_o = false;
    struct slice count = rest, word;
    size_t n = 0;

    while (words_next(&count, WORDS_SPACE, &word))
        n++;
    if (n > ARGUMENTS_MAX)
        return error_set(error, ERROR_PERMANENT, "more than %d words", ARGUMENTS_MAX);
    service->arguments = arena_array(arena, const char *, 3 * n + 1);
    service->overrides = arena_array(arena, struct master_override, n + 1);
    while (words_next(&rest, WORDS_SPACE, &word)) {
        if (!after_o && in_options) {
            int taken = take_option(service, &word, arena, &after_o, error);

            if (taken < 0)
                return -1;
            in_options = taken > 0;
        }
        if (after_o && word.len == 0)
            continue; /* the assignment is the next word */
        if (add_argument(service, word, after_o, arena, error) < 0)
            return -1;
        after_o = false;
    }
    return 0;
}

int master_service_parse(struct master_service *into, struct slice text,
                         enum master_chroot chroot, struct arena *arena, struct error *error)
{
    struct master_service service = {.file = "", .line = 0};
    struct slice rest = text, word;

    for (size_t i = 0; i < MASTER_FIELDS; i++) {
        if (!words_next(&rest, WORDS_SPACE, &word)) {
            return error_set(error, ERROR_PERMANENT,
                             "bad field count: %zu (expected service type private unprivileged "
                             "chroot wakeup process_limit command)",
                             i);
        }
        service.fields[i] = arena_text(arena, word);
    }
    if (!words_next(&rest, WORDS_SPACE, &word))
        return error_set(error, ERROR_PERMANENT, "bad field count: the command is missing");
    service.program = arena_text(arena, word);
    if (parse_fields(&service, chroot, arena, error) < 0 ||
        parse_arguments(&service, rest, arena, error) < 0)
        return -1;
    *into = service;
    return 0;
}

static void add_service(struct master_cf *master_cf, const struct master_service *service)
{
    size_t n = master_cf->n_services;

    if ((n & (n - 1)) == 0) /* doubles at each power of two */
        master_cf->services =
            mem_resize(master_cf->services, n ? 2 * n : 1, sizeof *master_cf->services);
    master_cf->services[master_cf->n_services++] = *service;
}

int master_cf_parse(struct master_cf *master_cf, struct slice text, const char *path,
                    enum master_chroot chroot, struct error *error)
{
    CLEANUP(buf_release) struct buf line = BUF_INIT;
    const char *file = arena_text(&master_cf->arena, slice_from(path));
    struct logical_lines lines;

    logical_lines_init(&lines, text);
    while (logical_lines_next(&lines, &line)) {
        struct master_service service;

        if (memchr(line.data, '\0', line.len))
            return error_set(error, ERROR_PERMANENT, "%s: line %d: there is a NUL byte", file,
                             lines.line);
        if (master_cf->n_services == SERVICES_MAX)
            return error_set(error, ERROR_PERMANENT, "%s: line %d: more than %d services", file,
                             lines.line, SERVICES_MAX);
        if (ascii_is_space(line.data[0])) {
            buf_printf(&master_cf->warnings,
                       "%s: line %d: logical line must not start with whitespace: \"%s\"\n",
                       file, lines.line, line.data);
            continue;
        }
        if (master_service_parse(&service, buf_slice(&line), chroot, &master_cf->arena, error) <
            0)
            return error_context(error, "%s: line %d", file, lines.line);
        service.file = file;
        service.line = lines.line;
        add_service(master_cf, &service);
    }
    return 0;
}

int master_cf_read(struct master_cf *master_cf, const char *path, enum master_chroot chroot,
                   struct error *error)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;

    if (file_read_all(path, &text, MASTER_CF_MAX_BYTES, error) < 0)
        return -1;
    return master_cf_parse(master_cf, buf_slice(&text), path, chroot, error);
}

bool master_override_is_replaced(const struct master_service *service, size_t number)
{
    const char *name = service->overrides[number].name;

    for (size_t later = number + 1; later < service->n_overrides; later++) {
        if (strcmp(service->overrides[later].name, name) == 0)
            return true;
    }
    return false;
}

bool master_service_overrides(const struct master_service *service, struct slice name)
{
    for (size_t i = 0; i < service->n_overrides; i++) {
        if (slice_equals(name, service->overrides[i].name))
            return true;
    }
    return false;
}

bool master_cf_overrides(const struct master_cf *master_cf, struct slice name)
{
    for (size_t i = 0; i < master_cf->n_services; i++) {
        if (master_service_overrides(&master_cf->services[i], name))
            return true;
    }
    return false;
}

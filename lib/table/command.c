/*
 * The options of postmap and postalias, and what each of them asks for.
 */
#include "table/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/conf.h"
#include "table/query.h"

/* Postfix's commands end so, whatever was wrong. */
#define EXIT_TROUBLE 1

enum action { ACTION_BUILD, ACTION_QUERY, ACTION_DELETE, ACTION_LIST };

struct request {
    const struct table_command *command;
    const char *directory; /* -c */
    enum action action;
    const char *key; /* of -q or -d */
    struct build_options build;
    struct query_options query;
    bool is_utf8_set, is_utf8; /* -u, -U */
};

static NORETURN void usage(const struct table_command *command)
{
    fatal(EXIT_TROUBLE, "usage: %s %s", command->name, command->usage);
}

static void set_action(struct request *request, enum action action, const char *key)
{
    if (request->action != ACTION_BUILD)
        fatal(EXIT_TROUBLE, "specify only one of -s%s -q or -d",
              action == ACTION_LIST ? " or" : "");
    request->action = action;
    request->key = key;
}

static void set_utf8(struct request *request, bool is_utf8)
{
    request->is_utf8_set = true;
    request->is_utf8 = is_utf8;
}

/* Options about how a table is written. False: not one of these. */
static bool set_build_option(struct build_options *build, int option)
{
    switch (option) {
    case 'i':
        build->from_stdin = true;
        return true;
    case 'n':
        build->without_nul = true;
        build->with_nul = false;
        return true;
    case 'N':
        build->without_nul = false;
        build->with_nul = true;
        return true;
    case 'o':
        build->keep_root = true;
        return true;
    case 'p':
        build->keep_mode = true;
        return true;
    case 'r':
        build->duplicates = BUILD_DUPLICATES_REPLACE;
        return true;
    case 'w':
        build->duplicates = BUILD_DUPLICATES_IGNORE;
        return true;
    default:
        return false;
    }
}

static void set_option(struct request *request, int option)
{
    switch (option) {
    case 'b':
        request->query.message_parts |= QUERY_BODY;
        break;
    case 'c':
        request->directory = optarg;
        break;
    case 'd':
        set_action(request, ACTION_DELETE, optarg);
        break;
    case 'f':
        request->build.keep_case = request->query.table.keep_case = true;
        break;
    case 'F':
        request->build.values_are_files = request->query.table.values_are_files = true;
        break;
    case 'h':
        request->query.message_parts |= QUERY_HEADERS;
        break;
    case 'j':
        request->query.as_json = true;
        break;
    case 'm':
        request->query.message_parts |= QUERY_MIME;
        break;
    case 'q':
        set_action(request, ACTION_QUERY, optarg);
        break;
    case 's':
        set_action(request, ACTION_LIST, NULL);
        break;
    case 'u':
    case 'U':
        set_utf8(request, option == 'U');
        break;
    case 'v':
        log_verbosity++;
        break;
    default:
        if (!set_build_option(&request->build, option))
            usage(request->command);
    }
}

static void check(struct request *request)
{
    bool reads_keys =
        request->action == ACTION_QUERY && slice_equals(slice_from(request->key), "-");

    if (request->query.message_parts && !reads_keys)
        fatal(EXIT_TROUBLE, "specify -b -h or -m only with \"-q -\"");
    if (request->query.message_parts == QUERY_MIME) {
        log_warning("ignoring -m option without -b or -h");
        request->query.message_parts = 0;
    }
    request->query.table.binary_keys = request->query.message_parts != 0;
    if (request->query.as_json && request->action != ACTION_QUERY &&
        request->action != ACTION_LIST)
        fatal(EXIT_TROUBLE, "specify -j only with -q or -s");
}

static void load_configuration(const struct request *request)
{
    struct conf_request conf = {
        .program = request->command->name,
        .directory = request->directory,
    };
    struct error error;

    if (conf_load(&conf, &error) < 0)
        fatal(EXIT_TROUBLE, "%s", error.text);
    request->command->open_log(request->command->name);
    if (request->is_utf8_set)
        params.smtputf8_enable = request->is_utf8;
}

/* "type:file", the type being the default where the argument has none. */
static char *table_name(const char *argument)
{
    struct buf spec = BUF_INIT;

    if (slice_find(slice_from(argument), ':') == slice_from(argument).len)
        buf_printf(&spec, "%s:", params.default_database_type);
    buf_add_text(&spec, argument);
    return buf_take(&spec);
}

static bool delete (const struct request *request, const char *spec)
{
    CLEANUP(query_keys_release) struct query_keys keys;
    struct error error;
    int n_deleted;

    query_keys_read(&keys, request->key);
    n_deleted = table_delete(spec, keys.keys, keys.n_keys, &request->build, &error);
    if (n_deleted < 0)
        fatal(EXIT_TROUBLE, "%s", error.text);
    return n_deleted > 0;
}

static int run(const struct request *request, char **specs)
{
    struct error error;
    bool is_found = false;

    switch (request->action) {
    case ACTION_QUERY:
        return query_tables(specs, request->key, &request->query) ? EXIT_SUCCESS : EXIT_TROUBLE;
    case ACTION_DELETE:
        for (; *specs; specs++)
            is_found = delete (request, *specs) || is_found;
        return is_found ? EXIT_SUCCESS : EXIT_TROUBLE;
    case ACTION_LIST:
        query_list(specs, &request->query);
        return EXIT_SUCCESS;
    case ACTION_BUILD:
        break;
    }
    for (; *specs; specs++) {
        if (table_build(*specs, &request->build, &error) < 0)
            fatal(EXIT_TROUBLE, "%s", error.text);
    }
    return EXIT_SUCCESS;
}

int table_command_main(const struct table_command *command, int argc, char **argv)
{
    struct request request = {.command = command,
                              .query = {.separator = command->separator},
                              .build = {.syntax = command->syntax, .shows_progress = true}};
    char **specs;
    int option, status;

    while ((option = getopt(argc, argv, command->options)) != -1)
        set_option(&request, option);
    if (optind == argc)
        usage(command);
    check(&request);
    load_configuration(&request);
    table_allow_blocking();
    specs = mem_array(char *, (size_t)(argc - optind) + 1);
    for (int i = optind; i < argc; i++)
        specs[i - optind] = table_name(argv[i]);
    status = run(&request, specs);
    if (fflush(stdout) == EOF)
        fatal(EXIT_TROUBLE, "write standard output: %m");
    for (char **spec = specs; *spec; spec++)
        mem_free(*spec);
    mem_free(specs);
    return status;
}

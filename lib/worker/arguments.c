#include <string.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/words.h"
#include "worker/process.h"

#define NUMBER_MAX 1000000

static const struct {
    const char *name;
    enum listener_type type;
} types[] = {
    {"inet", LISTENER_INET},           {"unix", LISTENER_UNIX}, {"pass", LISTENER_PASS},
    {"unix-dgram", LISTENER_DATAGRAM}, {"fifo", LISTENER_FIFO},
};

static enum listener_type parse_type(const char *text)
{
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        if (strcmp(text, types[i].name) == 0)
            return types[i].type;
    }
    fatal(1, "bad service type: %s", text);
}

static int parse_number(char option, const char *text)
{
    int64_t value;

    if (!slice_to_int(slice_from(text), 0, NUMBER_MAX, &value))
        fatal(1, "bad value for option -%c: %s", option, text);
    return (int)value;
}

static void add_override(struct worker_arguments *arguments, const char *text)
{
    struct slice unbraced;

    /* By hand the form of master.cf may be used, too: -o { name = value } as one word. */
    if (*text == '{' && words_unbrace(slice_from(text), &unbraced, NULL) == 0)
        text = slice_dup(unbraced);
    arguments->overrides =
        mem_resize(arguments->overrides, arguments->n_overrides + 1, sizeof(text));
    arguments->overrides[arguments->n_overrides++] = text;
}

static void apply_option(struct worker_arguments *arguments, int option)
{
    switch (option) {
    case 'n':
        arguments->service = optarg;
        break;
    case 't':
        arguments->type = parse_type(optarg);
        break;
    case 's':
        arguments->n_listeners = parse_number('s', optarg);
        break;
    case 'i':
        arguments->row = (uint32_t)parse_number('i', optarg) % SCOREBOARD_ROWS;
        break;
    case 'l':
        arguments->process_limit = parse_number('l', optarg);
        break;
    case 'u':
        arguments->is_unprivileged = true;
        break;
    case 'c':
        arguments->is_chrooted = true;
        break;
    case 'S':
        arguments->is_standalone = true;
        break;
    case 'T':
        arguments->is_explaining = arguments->is_standalone = true;
        break;
    case 'o':
        add_override(arguments, optarg);
        break;
    case 'v':
        arguments->n_verbose++;
        break;
    case 'D': /* debugger_command is of no use to a process behind its jail */
        break;
    default:
        fatal(1, "bad command-line option");
    }
}

void worker_parse_arguments(struct worker_arguments *arguments, int argc, char **argv)
{
    int option;

    *arguments = (struct worker_arguments){.service = "", .process_limit = -1};
    optind = 1;
    opterr = 0;
    while ((option = getopt(argc, argv, "+n:t:s:i:l:ucSTo:vD")) > 0)
        apply_option(arguments, option);
    if (arguments->n_listeners == 0 && !arguments->is_standalone)
        fatal(1, "this program is started by the master daemon, not by hand");
    arguments->argc = argc - optind + 1;
    arguments->argv = argv + optind - 1;
    arguments->argv[0] = argv[0];
}

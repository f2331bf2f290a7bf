/*
 * postmulti(1): several instances of the mail system on one host, one of them the primary one
 * whose main.cf names the others.
 */
#include "postmulti.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/log.h"
#include "conf/conf.h"
#include "worker/logging.h"

static void set_mode(struct options *options, enum multi_mode mode)
{
    options->mode = mode;
    options->n_modes++;
}

static void parse_option(struct options *options, int option)
{
    switch (option) {
    case 'a':
        options->all = true;
        break;
    case 'e':
        set_mode(options, MODE_EDIT);
        options->edit = optarg;
        break;
    case 'g':
        options->group = optarg;
        break;
    case 'G':
        options->new_group = optarg;
        break;
    case 'i':
        options->name = optarg;
        break;
    case 'I':
        options->new_name = optarg;
        break;
    case 'l':
        set_mode(options, MODE_LIST);
        break;
    case 'p':
        set_mode(options, MODE_CONTROL);
        break;
    case 'R':
        options->reverse = true;
        break;
    case 'v':
        options->verbosity++;
        log_verbosity++;
        break;
    case 'x':
        set_mode(options, MODE_COMMAND);
        break;
    default:
        fatal(1, "usage: postmulti -l [-aRv] [-g group] [-i name] | -p [-av] [-g group] "
                 "[-i name] command... | -x [-aRv] [-g group] [-i name] command... | "
                 "-e action [-av] [-g group] [-i name] [-G group] [-I name] [param=value...]");
    }
}

/* Names stand in lists, and in the names of files. */
static void check_safe(const char *option, const char *name)
{
    struct slice text = slice_from(name ? name : "");

    for (size_t i = 0; i < text.len; i++) {
        if (!ascii_is_alnum(text.ptr[i]) && !strchr("_-.", text.ptr[i]))
            fatal(1, "Unsafe characters in '%s %s'", option, name);
    }
}

static void check_options(const struct options *options)
{
    bool assigns = options->new_name || options->new_group;

    if (options->n_modes != 1)
        fatal(1, "Specify exactly one of '-e', '-l', '-p', '-x'");
    if (options->all + (options->group != NULL) + (options->name != NULL) > 1)
        fatal(1, "Specify no more than one of '-a', '-g', '-i'");
    if (options->reverse && (options->mode == MODE_CONTROL || options->mode == MODE_EDIT))
        fatal(1, "The '-p' and '-e' options preclude the use of '-R'");
    if (assigns && options->mode != MODE_EDIT)
        fatal(1, "Cannot assign instance name or group without '-e assign'");
    if (options->mode == MODE_LIST && options->n_arguments > 0)
        fatal(1, "Command not allowed with '-l'");
    if ((options->mode == MODE_CONTROL || options->mode == MODE_COMMAND) &&
        options->n_arguments == 0)
        fatal(1, "Command required with '-p' or '-x' option");
    if (assigns && strcmp(options->edit, "init") == 0)
        fatal(1, "Cannot assign instance name or group with '-e init'");
    check_safe("-I", options->new_name);
    check_safe("-G", options->new_group);
    if (options->new_name && strcmp(options->new_name, "-") != 0 &&
        strncmp(options->new_name, "postfix-", strlen("postfix-")) != 0)
        fatal(1, "New instance name must start with 'postfix-'");
}

/* Only the default instance can be the primary one: others could not be found from it. */
static void load_primary(void)
{
    const char *directory = getenv("MAIL_CONFIG");
    struct conf_request request = {.program = "postmulti"};
    struct error error = ERROR_INIT;

    if (directory && strcmp(directory, CONF_DEFAULT_DIRECTORY) != 0)
        fatal(1, "Non-default configuration directory: MAIL_CONFIG=%s", directory);
    if (conf_load(&request, &error) < 0)
        fatal(1, "%s", error.text);
    logging_open("postmulti", LOGGING_COMMAND);
}

int main(int argc, char **argv)
{
    const struct log_target terminal = {.sink = LOG_SINK_STDERR};
    struct options options = {0};
    struct instances instances;
    int option, status;

    log_open("postmulti", &terminal);
    while ((option = getopt(argc, argv, "+ae:g:G:i:I:lpRvx")) != -1)
        parse_option(&options, option);
    options.arguments = argv + optind;
    options.n_arguments = (size_t)(argc - optind);
    check_options(&options);
    load_primary();
    if (options.verbosity > 0 && setenv("MAIL_VERBOSE", "", 1) < 0)
        fatal(1, "set environment variable MAIL_VERBOSE: %m");
    instances_load(&instances);
    if (options.mode == MODE_EDIT)
        status = edit(&instances, &options);
    else
        status = iterate(&instances, &options);
    instances_release(&instances);
    if (fflush(stdout) != 0)
        fatal(1, "write to standard output: %m");
    return status;
}

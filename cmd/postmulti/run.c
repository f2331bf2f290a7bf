/*
 * Running programs for an instance, and the iterator modes -l, -p and -x.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/program.h"
#include "conf/edit.h"
#include "conf/params.h"
#include "conf/words.h"
#include "postmulti.h"

static void export(const char *name, const char *value)
{
    if (setenv(name, value, 1) < 0)
        fatal(1, "set environment variable %s: %m", name);
}

static void export_instance(const struct instance *instance)
{
    export("MAIL_CONFIG", instance->config_directory);
    export("config_directory", instance->config_directory);
    export("command_directory", params.command_directory);
    export("daemon_directory", params.daemon_directory);
    export("queue_directory", instance->queue_directory);
    export("data_directory", instance->data_directory);
    export("multi_instance_name", instance->name);
    export("multi_instance_group", instance->group);
    export("multi_instance_enable", instance->is_enabled ? "yes" : "no");
}

int run_program(const struct instance *instance, const char *const words[])
{
    struct error error;
    int status;

    if (instance)
        export_instance(instance);
    (void)fflush(stdout); /* its output comes behind ours */
    if (program_run(words[0], words, &status, &error) == 0)
        return status;
    log_error("%s", error.text);
    return 1;
}

char *command_path(const char *program)
{
    struct buf path = BUF_INIT;

    buf_printf(&path, "%s/%s", params.command_directory, program);
    return buf_take(&path);
}

int edit_main_cf(const char *directory, const char *const *assignments, size_t n)
{
    struct error error;

    if (main_cf_edit(directory, assignments, n, &error) == 0)
        return 0;
    log_error("%s", error.text);
    return 1;
}

static bool is_selected(const struct instance *instance, const struct options *options)
{
    if (options->name)
        return instance_is_named(instance, options->name);
    return !options->group || (*options->group && strcmp(instance->group, options->group) == 0);
}

static void list(const struct instance *instance)
{
    printf("%-15s %-15s %-9s %s\n", *instance->name ? instance->name : "-",
           *instance->group ? instance->group : "-", instance->is_enabled ? "y" : "n",
           instance->config_directory);
}

static bool is_among(const char *words, const char *command)
{
    struct slice rest = slice_from(words), word;

    while (words_next(&rest, WORDS_COMMA_SPACE, &word)) {
        if (slice_equals(word, command))
            return true;
    }
    return false;
}

/* The control command's words for this instance; NULL: nothing is done for it. */
static const char **control_words(const struct instance *instance,
                                  const struct options *options)
{
    const char *verb = options->arguments[0];
    bool is_start = is_among(params.postmulti_start_commands, verb);
    const char **words;
    size_t n = 0;

    if (!instance->is_enabled && (is_among(params.postmulti_stop_commands, verb) ||
                                  is_among(params.postmulti_control_commands, verb)))
        return NULL;
    words = mem_array(const char *, options->n_arguments + 3);
    words[n++] = command_path("postfix");
    if (options->verbosity > 0)
        words[n++] = "-v";
    if (!instance->is_enabled && is_start) {
        words[n] = "check";
        return words;
    }
    for (size_t i = 0; i < options->n_arguments; i++)
        words[n++] = options->arguments[i];
    return words;
}

static int control(const struct instance *instance, const struct options *options)
{
    const char **words = control_words(instance, options);
    int status;

    if (!words)
        return 0;
    status = run_program(instance, words);
    mem_free(words);
    return status;
}

int iterate(const struct instances *instances, const struct options *options)
{
    bool backwards = options->mode == MODE_CONTROL
                         ? is_among(params.postmulti_stop_commands, options->arguments[0])
                         : options->reverse;
    int status = 0;
    bool is_found = false;

    for (size_t i = 0; i < instances->count; i++) {
        size_t which = backwards ? instances->count - 1 - i : i;
        const struct instance *instance = &instances->items[which];
        int result = 0;

        if (!is_selected(instance, options))
            continue;
        is_found = true;
        if (options->mode == MODE_LIST)
            list(instance);
        else if (options->mode == MODE_CONTROL)
            result = control(instance, options);
        else
            result = run_program(instance, (const char *const *)options->arguments);
        if (result != 0)
            status = 1;
    }
    if (!is_found && options->mode != MODE_LIST)
        fatal(1, "No matching instances");
    return status;
}

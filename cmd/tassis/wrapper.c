#include "wrapper.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/params.h"
#include "conf/words.h"

static size_t count_arguments(char *const arguments[])
{
    size_t n = 0;

    while (arguments[n])
        n++;
    return n;
}

/* A word is at least a byte and a separator. */
static char **command_words(const char *command, char *const arguments[])
{
    struct slice rest = slice_from(command), word;
    char **words = mem_array(char *, rest.len / 2 + 2 + count_arguments(arguments));
    size_t n = 0;

    while (words_next(&rest, WORDS_SPACE, &word))
        words[n++] = slice_dup(word);
    for (size_t i = 0; arguments[i]; i++)
        words[n++] = mem_dup_text(arguments[i]);
    return words;
}

void wrapper_run(char *const arguments[])
{
    const struct {
        const char *name, *value;
    } environment[] = {
        {"config_directory", params.config_directory},
        {"command_directory", params.command_directory},
        {"daemon_directory", params.daemon_directory},
        {"queue_directory", params.queue_directory},
        {"data_directory", params.data_directory},
        {"mail_owner", params.mail_owner},
        {"setgid_group", params.setgid_group},
    };

    char **words = command_words(params.multi_instance_wrapper, arguments);

    for (size_t i = 0; i < ARRAY_SIZE(environment); i++) {
        if (setenv(environment[i].name, environment[i].value, 1) < 0)
            log_error("set environment variable %s: %m", environment[i].name);
    }
    execvp(words[0], words);
    log_error("multi_instance_wrapper: start %s: %m", words[0]);
    for (size_t i = 0; words[i]; i++)
        mem_free(words[i]);
    mem_free(words);
}

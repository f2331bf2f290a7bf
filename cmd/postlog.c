/*
 * postlog: write to the mail log from a script: its words, or the lines of standard input.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/log.h"
#include "conf/conf.h"
#include "worker/logging.h"

static void log_line(enum log_level level, const char *format, ...) PRINTF_LIKE(2, 3);

static void log_line(enum log_level level, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    log_at(level, format, arguments);
    va_end(arguments);
}

/* "info", "warn", "mail.err", ... */
static enum log_level parse_level(const char *text)
{
    static const struct {
        const char *name;
        enum log_level level;
    } known[] = {
        {"info", LOG_LEVEL_INFO},   {"warn", LOG_LEVEL_WARNING}, {"warning", LOG_LEVEL_WARNING},
        {"error", LOG_LEVEL_ERROR}, {"err", LOG_LEVEL_ERROR},    {"fatal", LOG_LEVEL_FATAL},
        {"crit", LOG_LEVEL_FATAL},  {"panic", LOG_LEVEL_PANIC},
    };

    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        if (strcmp(text, known[i].name) == 0)
            return known[i].level;
    fatal(1, "bad severity: \"%s\"", text);
}

static void log_words(enum log_level level, char *const words[])
{
    struct buf text = BUF_INIT;

    for (size_t i = 0; words[i]; i++)
        buf_printf(&text, "%s%s", i ? " " : "", words[i]);
    log_line(level, "%s", text.data);
    buf_release(&text);
}

static void log_input(enum log_level level)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t len;

    while ((len = getline(&line, &size, stdin)) >= 0) {
        while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r'))
            line[--len] = '\0';
        log_line(level, "%s", line);
    }
    free(line); /* getline's */
}

int main(int argc, char **argv)
{
    struct conf_request request = {.trust = CONF_TRUST_NOBODY};
    struct log_target terminal = {.sink = LOG_SINK_STDERR};
    enum log_level level = LOG_LEVEL_INFO;
    const char *tag = NULL;
    struct error error;
    int option;

    log_open("postlog", &terminal);
    while ((option = getopt(argc, argv, "+c:ip:t:v")) != -1) {
        if (option == 'c')
            request.directory = optarg;
        else if (option == 'p')
            level = parse_level(optarg);
        else if (option == 't')
            tag = optarg;
        else if (option == 'v')
            log_verbosity++;
        else if (option != 'i') /* the process ID is in each line anyway */
            fatal(1,
                  "usage: postlog [-c config_dir] [-i] [-p priority] [-t tag] [-v] [text...]");
    }
    if (conf_load(&request, &error) < 0)
        fatal(1, "%s", error.text);
    logging_open_tagged(tag, "postlog");
    if (optind < argc)
        log_words(level, argv + optind);
    else
        log_input(level);
    return 0;
}

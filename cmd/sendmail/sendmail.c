/*
 * sendmail, mailq and newaliases: the command that every program on the system sends mail with.
 * It has no privileges; what it cannot do itself the programs that it runs do.
 */
#include <stdarg.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/conf.h"
#include "conf/words.h"
#include "options.h"
#include "submit.h"
#include "user.h"
#include "worker/logging.h"

#define ARGUMENTS_MAX 64

struct command {
    char *words[ARGUMENTS_MAX + 1];
    size_t n_words;
};

static void add_word(struct command *command, struct slice word)
{
    if (command->n_words == ARGUMENTS_MAX)
        fatal(EX_TEMPFAIL, "too many words for %s", command->words[0]);
    command->words[command->n_words++] = slice_dup(word);
}

/* Become another command of ours. */
NORETURN static void run(const char *directory, struct command *command)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;

    for (int i = 0; i < log_verbosity; i++)
        add_word(command, SLICE("-v"));
    buf_printf(&path, "%s/%s", directory, command->words[0]);
    (void)execv(path.data, command->words);
    fatal(EX_TEMPFAIL, "execute %s: %m", path.data);
}

NORETURN static void postqueue(const char *option, const char *value)
{
    struct command command = {.n_words = 0};

    add_word(&command, SLICE("postqueue"));
    add_word(&command, slice_from(option));
    if (value)
        add_word(&command, slice_from(value));
    run(params.command_directory, &command);
}

static void rebuild_aliases(const struct options *options)
{
    struct command command = {.n_words = 0};
    const char *databases =
        options->alias_database ? options->alias_database : params.alias_database;
    struct slice rest = slice_from(databases), word;

    add_word(&command, SLICE("postalias"));
    while (words_next(&rest, WORDS_COMMA_SPACE, &word))
        add_word(&command, word);
    if (command.n_words > 1)
        run(params.command_directory, &command);
}

NORETURN static void serve_smtp(void)
{
    struct command command = {.n_words = 0};

    add_word(&command, SLICE("smtpd"));
    add_word(&command, SLICE("-S"));
    run(params.daemon_directory, &command);
}

NORETURN static void start_daemon(void)
{
    struct command command = {.n_words = 0};

    add_word(&command, SLICE("postfix"));
    add_word(&command, SLICE("start"));
    run(params.command_directory, &command);
}

static void refuse_recipients(const struct options *options, const char *mode)
{
    if (*options->recipients)
        fatal(EX_TEMPFAIL, "%s requires no recipient", mode);
}

static void act(const struct options *options)
{
    switch (options->mode) {
    case MODE_SUBMIT:
    case MODE_VERIFY:
        submit(options);
        return;
    case MODE_SMTP:
        refuse_recipients(options, "stand-alone mode");
        user_check_submit();
        serve_smtp();
    case MODE_LIST:
        refuse_recipients(options, "display queue mode");
        postqueue("-p", NULL);
    case MODE_FLUSH:
        refuse_recipients(options, "flush queue mode");
        postqueue("-f", NULL);
    case MODE_FLUSH_SITE:
        refuse_recipients(options, "flush site mode");
        postqueue("-s", options->flush_what);
    case MODE_FLUSH_ID:
        refuse_recipients(options, "flush queue_id mode");
        postqueue("-i", options->flush_what);
    case MODE_ALIASES:
        refuse_recipients(options, "alias initialization mode");
        rebuild_aliases(options);
        return;
    case MODE_DAEMON:
        refuse_recipients(options, "daemon mode");
        start_daemon();
    case MODE_NOTHING:
    default:
        return;
    }
}

/* The name we were called by decides what we are at first. */
static enum mode mode_of_name(struct slice name)
{
    if (slice_equals(name, "mailq"))
        return MODE_LIST;
    if (slice_equals(name, "newaliases"))
        return MODE_ALIASES;
    return MODE_SUBMIT;
}

int main(int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/');
    struct options options = {.sender = NULL};
    struct conf_request request = {.program = "sendmail", .trust = CONF_TRUST_CALLER};
    struct error error;

    if (slash)
        argv[0] += slash + 1 - argv[0]; /* getopt and usage say the name alone */
    options.mode = mode_of_name(slice_from(argv[0]));
    request.directory = options_config_directory(argc, argv);
    if (conf_load(&request, &error) < 0)
        fatal(EX_TEMPFAIL, "%s", error.text);
    logging_open(argv[0], LOGGING_SUBMIT);
    options_parse(&options, argc, argv);
    act(&options);
    return 0;
}

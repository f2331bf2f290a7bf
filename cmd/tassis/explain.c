#include "explain.h"

#include <getopt.h>
#include <string.h>
#include <sysexits.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/bug.h"
#include "base/log.h"
#include "conf/master_services.h"
#include "conf/params.h"
#include "running.h"

struct question {
    const char *client, *helo, *service, *sender;
};

/* -- the command line of the program that knows
 * ------------------------------------------------
 */

struct command {
    struct arena arena;
    const char **words;
    size_t n_words;
};

static void add_word(struct command *command, const char *word)
{
    command->words[command->n_words++] = word;
}

static void command_begin(struct command *command, const char *program, size_t n_overrides)
{
    *command = (struct command){.arena = ARENA_INIT};
    command->words = arena_array(&command->arena, const char *, 2 * n_overrides + 16);
    add_word(command, program);
    add_word(command, "-T");
}

static int command_run(struct command *command)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;

    buf_printf(&path, "%s/%s", params.daemon_directory, command->words[0]);
    command->words[command->n_words] = NULL;
    int status = run_to_end(path.data, command->words);

    arena_release(&command->arena);
    return status;
}

/* "<user@example.com>" is the same address; "<>" and "" are the sender of bounces. */
static struct slice bare_address(const char *text)
{
    struct slice address = slice_from(text);

    if (slice_starts_with(address, "<") && slice_ends_with(address, ">"))
        return slice_sub(address, 1, address.len - 2);
    return address;
}

static void add_address(struct command *command, const char *text)
{
    command->words[command->n_words++] = arena_text(&command->arena, bare_address(text));
}

/* -- an address
 * --------------------------------------------------------------------------------
 */

static int explain_address(const struct question *question, const char *address)
{
    struct command command;

    command_begin(&command, "cleanup", 0);
    add_word(&command, "--");
    add_address(&command, address);
    if (question->sender)
        add_address(&command, question->sender);
    return command_run(&command);
}

/* -- an attempt
 * --------------------------------------------------------------------------------
 */

static bool is_smtp_server(const struct master_service *service)
{
    return strcmp(service->program, "smtpd") == 0 &&
           (service->type == MASTER_TYPE_INET || service->type == MASTER_TYPE_PASS);
}

/* The one that was asked for by name, else the first: it is the one at port 25. */
static const struct master_service *find_service(const struct master_cf *master_cf,
                                                 const char *name)
{
    for (size_t i = 0; i < master_cf->n_services; i++) {
        const struct master_service *service = &master_cf->services[i];

        if (is_smtp_server(service) && (!name || strcmp(service->name, name) == 0))
            return service;
    }
    return NULL;
}

static int ask_server(const struct question *question, const struct master_service *service,
                      char *const addresses[2])
{
    struct command command;

    command_begin(&command, "smtpd", service->n_overrides);
    add_word(&command, "-n");
    add_word(&command, service->name);
    for (size_t i = 0; i < service->n_overrides; i++) {
        add_word(&command, "-o");
        command.words[command.n_words++] = arena_printf(
            &command.arena, "%s=%s", service->overrides[i].name, service->overrides[i].value);
    }
    add_word(&command, "--");
    add_word(&command, question->client);
    add_word(&command, question->helo);
    add_address(&command, addresses[0]);
    add_address(&command, addresses[1]);
    return command_run(&command);
}

static int explain_attempt(const struct question *question, char *const addresses[2])
{
    CLEANUP(master_cf_release) struct master_cf master_cf;
    struct error error;

    if (master_cf_load(&master_cf, MASTER_CHROOT_NO, &error) < 0) {
        log_error("%s", error.text);
        return EX_CONFIG;
    }
    const struct master_service *service = find_service(&master_cf, question->service);

    if (service)
        return ask_server(question, service, addresses);
    log_error("%s/master.cf has no SMTP server%s%s", params.config_directory,
              question->service ? " called " : "", question->service ? question->service : "");
    return EX_CONFIG;
}

static NORETURN void usage(void)
{
    fatal(EX_USAGE,
          "usage: tassis explain [--sender address] address, or tassis explain --from "
          "ip [--helo name] [--service name] sender recipient");
}

int explain(int argc, char **argv)
{
    static const struct option options[] = {{"from", required_argument, NULL, 'f'},
                                            {"helo", required_argument, NULL, 'h'},
                                            {"service", required_argument, NULL, 'n'},
                                            {"sender", required_argument, NULL, 's'},
                                            {NULL, 0, NULL, 0}};
    struct question question = {.helo = "client.example"};
    int option;

    /* What is only asked is not an event. */
    log_open("tassis", &(struct log_target){.sink = LOG_SINK_STDERR});
    optind = 0; /* begin anew: main has looked at its own options */
    while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
        if (option == 'f')
            question.client = optarg;
        else if (option == 'h')
            question.helo = optarg;
        else if (option == 'n')
            question.service = optarg;
        else if (option == 's')
            question.sender = optarg;
        else
            usage();
    }
    if (argc - optind != (question.client ? 2 : 1))
        usage();
    if (question.client)
        return explain_attempt(&question, argv + optind);
    return explain_address(&question, argv[optind]);
}

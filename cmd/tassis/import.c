#include "import.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/buf.h"
#include "base/bug.h"
#include "base/log.h"
#include "base/mem.h"
#include "check.h"
#include "conf/conf.h"
#include "conf/master_services.h"
#include "conf/params.h"
#include "import_config.h"
#include "import_queue.h"
#include "running.h"
#include "spool.h"
#include "table/missing.h"
#include "worker/logging.h"

/* One of the two mail systems. */
struct side {
    char *config_directory, *queue_directory, *mail_owner;
};

struct job {
    struct side ours, theirs;
    bool is_back, is_rehearsal;
    bool same_config, same_queue;
    struct report report;
};

static struct side side_now(void)
{
    return (struct side){.config_directory = mem_dup_text(params.config_directory),
                         .queue_directory = mem_dup_text(params.queue_directory),
                         .mail_owner = mem_dup_text(params.mail_owner)};
}

static void side_release(struct side *side)
{
    mem_free(side->config_directory);
    mem_free(side->queue_directory);
    mem_free(side->mail_owner);
}

static int load(const char *directory, struct error *error)
{
    const struct conf_request request = {.directory = directory,
                                         .trust = CONF_TRUST_CALLER,
                                         .drops_mistakes = true,
                                         .with_stress = true};

    return conf_load(&request, error);
}

static bool same_place(const char *a, const char *b)
{
    CLEANUP(mem_free_text) char *left = realpath(a, NULL);
    CLEANUP(mem_free_text) char *right = realpath(b, NULL);

    return strcmp(a, b) == 0 || (left && right && strcmp(left, right) == 0);
}

static struct queue_place place_of(const struct side *side)
{
    return (struct queue_place){side->queue_directory, side->mail_owner};
}

static PRINTF_LIKE(1, 2) void say(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    (void)putchar('\n');
}

/* -- before anything is touched
 * ----------------------------------------------------------------
 */

/* Two systems on one queue, or a queue that changes while it is moved, would lose mail. */
static int refuse_running(const struct side *side, struct error *error)
{
    if (!queue_is_in_use(side->queue_directory))
        return 0;
    return error_set(error, ERROR_PERMANENT,
                     "a mail system is running on %s: stop it first (postfix stop)",
                     side->queue_directory);
}

/* A rehearsal says all that is wrong; otherwise it has to be right. */
static int refuse_mistakes(const struct job *job, struct error *error)
{
    struct slice mistakes = buf_slice(conf_mistakes());
    struct slice first = slice_split(&mistakes, '\n');

    if (job->is_rehearsal || first.len == 0)
        return 0;
    return error_set(error, ERROR_PERMANENT, "%.*s (import -n shows all that is wrong)",
                     SLICE_ARG(first));
}

static int find_sides(struct job *job, const char *directory, struct error *error)
{
    job->ours = side_now();
    if (refuse_mistakes(job, error) < 0 || load(directory, error) < 0)
        return -1;
    job->theirs = side_now();
    if (refuse_mistakes(job, error) < 0)
        return -1;
    job->same_config = same_place(job->ours.config_directory, job->theirs.config_directory);
    job->same_queue = same_place(job->ours.queue_directory, job->theirs.queue_directory);
    if (refuse_running(&job->theirs, error) < 0)
        return -1;
    return refuse_running(&job->ours, error);
}

/* What of theirs is the same here, what differs, and what is not supported. */
static int report_differences(struct job *job)
{
    CLEANUP(check_release) struct check check = {.arena = ARENA_INIT};

    if (check_open(&check, &job->report) < 0)
        return -1;
    check.builds_indexes = true;
    check_parameters(&check);
    check_services(&check);
    check_listeners(&check);
    check_files(&check);
    check_tables(&check);
    check_restrictions(&check);
    check_tls(&check);
    check_destinations(&check);
    check_clients(&check);
    check_milters(&check);
    say("%zu parameters and %zu services in %s: %d that cannot work, %d that work differently or "
        "not yet, %d notes; all others are the same here",
        check.n_settings, check.n_own_services, job->theirs.config_directory,
        job->report.count[SEVERITY_ERROR], job->report.count[SEVERITY_WARNING],
        job->report.count[SEVERITY_NOTE]);
    return 0;
}

static int report_queue(const struct side *from, const struct side *to, bool is_same,
                        struct error *error)
{
    const struct queue_place place = place_of(from);
    int64_t n_messages;

    if (queue_count(&place, &n_messages, error) < 0)
        return -1;
    if (is_same)
        say("%" PRId64 " messages in %s stay where they are", n_messages,
            from->queue_directory);
    else
        say("%" PRId64 " messages move from %s to %s", n_messages, from->queue_directory,
            to->queue_directory);
    return 0;
}

/* -- the work
 * ----------------------------------------------------------------------------------
 */

/* Names of queue files hold their inode, and directories are hashed as main.cf says. */
static int settle_names(const struct side *side)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    const char *const words[] = {"postsuper", "-c", side->config_directory, "-s", NULL};

    buf_printf(&path, "%s/postsuper", params.command_directory);
    return run_to_end(path.data, words) == 0 ? 0 : -1;
}

static int move_queue(struct job *job, const struct side *from, const struct side *to,
                      struct error *error)
{
    const struct queue_place source = place_of(from), target = place_of(to);
    int64_t n_messages;

    if (job->same_queue)
        return 0;
    if (queue_move_all(&source, &target, &n_messages, error) < 0)
        return error_context(error, "after %" PRId64 " messages (run again to go on)",
                             n_messages);
    say("%" PRId64 " messages are in %s now", n_messages, to->queue_directory);
    if (settle_names(to) < 0)
        return error_set(error, ERROR_PERMANENT, "postsuper -s failed");
    return 0;
}

static int take_configuration(struct job *job, struct error *error)
{
    CLEANUP(buf_release) struct buf backup = BUF_INIT;

    if (job->same_config)
        return 0;
    if (import_config_copy(job->theirs.config_directory, job->ours.config_directory, &backup,
                           error) < 0)
        return -1;
    say("the configuration is in %s now%s%s", job->ours.config_directory,
        backup.len ? "; what was there is in " : "", backup.data);
    return 0;
}

/* As start does, so that the first start has nothing left to do. */
static int build_indexes(struct error *error)
{
    CLEANUP(master_cf_release) struct master_cf master_cf;

    if (master_cf_load(&master_cf, MASTER_CHROOT_NO, error) < 0)
        return -1;
    tables_build_missing(conf_main_cf(), &master_cf);
    return 0;
}

static int take_over(struct job *job, struct error *error)
{
    if (report_differences(job) < 0)
        return error_set(error, ERROR_PERMANENT, "%s/master.cf cannot be used",
                         job->theirs.config_directory);
    if (report_queue(&job->theirs, &job->ours, job->same_queue, error) < 0)
        return -1;
    if (job->is_rehearsal) {
        say("nothing has been changed");
        return 0;
    }
    if (take_configuration(job, error) < 0 || load(job->ours.config_directory, error) < 0 ||
        refuse_mistakes(job, error) < 0 || spool_create(error) < 0 ||
        move_queue(job, &job->theirs, &job->ours, error) < 0 ||
        spool_set_permissions(error) < 0 || build_indexes(error) < 0)
        return -1;
    say("ready: tassis -c %s start", job->ours.config_directory);
    return 0;
}

/* Postfix has indexes of its own for these; theirs have not seen what changed meanwhile. */
static void tell_of_old_indexes(void)
{
    say("tables whose text was changed since need their Postfix index anew: postmap TYPE:FILE, "
        "and newaliases");
}

static int give_back(struct job *job, struct error *error)
{
    if (report_queue(&job->ours, &job->theirs, job->same_queue, error) < 0)
        return -1;
    if (job->is_rehearsal) {
        say("nothing has been changed");
        return 0;
    }
    if (move_queue(job, &job->ours, &job->theirs, error) < 0)
        return -1;
    if (!job->same_config)
        say("the configuration in %s is as it was when it was taken over",
            job->theirs.config_directory);
    tell_of_old_indexes();
    say("ready: Postfix can start (postfix start, or the service manager's way)");
    return 0;
}

static NORETURN void usage(void)
{
    fatal(EX_USAGE, "usage: tassis import [--back] [-n] [directory]");
}

static const char *parse(struct job *job, int argc, char **argv)
{
    static const struct option options[] = {{"back", no_argument, NULL, 'b'},
                                            {"dry-run", no_argument, NULL, 'n'},
                                            {NULL, 0, NULL, 0}};
    int option;

    optind = 0; /* begin anew: main has looked at its own options */
    while ((option = getopt_long(argc, argv, "n", options, NULL)) != -1) {
        if (option == 'b')
            job->is_back = true;
        else if (option == 'n')
            job->is_rehearsal = true;
        else
            usage();
    }
    if (argc - optind > 1)
        usage();
    return optind < argc ? argv[optind] : CONF_DEFAULT_DIRECTORY;
}

int import(int argc, char **argv, const char *program)
{
    struct job job = {.is_back = false};
    struct error error = ERROR_INIT;

    logging_open(program, LOGGING_COMMAND);
    const char *directory = parse(&job, argc, argv);
    int result = find_sides(&job, directory, &error);

    if (result == 0)
        result = job.is_back ? give_back(&job, &error) : take_over(&job, &error);
    if (result < 0)
        log_error("import: %s", error.text);
    side_release(&job.ours);
    side_release(&job.theirs);
    return result < 0;
}

/*
 * postsuper(1): maintenance of the queue by the administrator.
 */
#include "postsuper.h"

#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/conf.h"
#include "worker/logging.h"

/* Directories that may be named as arguments; these are also the default. */
static const char *const all_queues[] = {"maildrop", "hold",  "incoming", "active", "deferred",
                                         "bounce",   "defer", "trace",    "flush"};

/* What is asked for one message, or with "-" for those on standard input. */
struct request {
    enum verb verb;
    const char *id;
};

struct arguments {
    struct request *requests; /* in the order of the options */
    size_t n_requests;
    bool all[VERBS + 1]; /* verbs given with ALL */
    struct checks checks;
    const char *directory;
};

static NORETURN void usage(void)
{
    fatal(1, "usage: postsuper [-c config_dir] [-d queue_id (delete)] [-e queue_id (expire)] "
             "[-f queue_id (expire and/or un-hold)] [-h queue_id (hold)] "
             "[-H queue_id (un-hold)] [-p (purge temporary files)] [-r queue_id (requeue)] "
             "[-s (structure fix)] [-S (redundant structure fix)][-v (verbose)] [queue...]");
}

static void add_request(struct superintendent *superintendent, struct arguments *arguments,
                        enum verb verb)
{
    struct totals *totals = &superintendent->totals;

    if (verb == VERB_EXPIRE_AND_RELEASE)
        totals->wanted[VERB_EXPIRE] = totals->wanted[VERB_RELEASE] = true;
    else
        totals->wanted[verb] = true;
    if (strcmp(optarg, "ALL") == 0)
        arguments->all[verb] = true;
    else
        arguments->requests[arguments->n_requests++] = (struct request){verb, optarg};
}

static void parse_option(struct superintendent *superintendent, struct arguments *arguments,
                         int option)
{
    switch (option) {
    case 'c':
        arguments->directory = optarg;
        break;
    case 'd':
        add_request(superintendent, arguments, VERB_DELETE);
        break;
    case 'e':
        add_request(superintendent, arguments, VERB_EXPIRE);
        break;
    case 'f':
        add_request(superintendent, arguments, VERB_EXPIRE_AND_RELEASE);
        break;
    case 'h':
        add_request(superintendent, arguments, VERB_HOLD);
        break;
    case 'H':
        add_request(superintendent, arguments, VERB_RELEASE);
        break;
    case 'r':
        add_request(superintendent, arguments, VERB_REQUEUE);
        break;
    case 'p':
        arguments->checks.purge = true;
        break;
    case 'S':
        arguments->checks.long_ids_too = true;
        arguments->checks.structure = true;
        break;
    case 's':
        arguments->checks.structure = true;
        break;
    case 'v':
        log_verbosity++;
        break;
    default:
        usage();
    }
}

static void choose_queues(struct queues *queues, char *const *names, int count)
{
    queues->given = count > 0;
    if (!queues->given) {
        memcpy(queues->names, all_queues, sizeof(all_queues));
        queues->count = ARRAY_SIZE(all_queues);
        return;
    }
    for (int i = 0; i < count; i++) {
        size_t known = 0;

        while (known < ARRAY_SIZE(all_queues) && strcmp(names[i], all_queues[known]) != 0)
            known++;
        if (known == ARRAY_SIZE(all_queues))
            fatal(1, "invalid directory name: %s", names[i]);
        if (queues->count == QUEUES_MAX)
            fatal(1, "too many directories");
        queues->names[queues->count++] = all_queues[known];
    }
}

/*
 * Work as mail_owner, to whom the queue belongs. A suite that runs unprivileged belongs to the
 * user who started it, who may do this too.
 */
static void become_owner(void)
{
    const struct passwd *owner;
    struct stat status;

    if (geteuid() != 0) {
        if (stat(params.queue_directory, &status) < 0 || status.st_uid != geteuid())
            fatal(1, "use of this command is reserved for the superuser");
        return;
    }
    owner = getpwnam(params.mail_owner);
    if (!owner)
        fatal(1, "mail_owner: unknown user: %s", params.mail_owner);
    if (setgroups(1, &owner->pw_gid) < 0 ||
        setresgid(owner->pw_gid, owner->pw_gid, owner->pw_gid) < 0 ||
        setresuid(owner->pw_uid, owner->pw_uid, owner->pw_uid) < 0)
        fatal(1, "become user %s: %m", params.mail_owner);
}

/* ALL comes first, so that "-h ALL -H ID" spares one. */
static void perform_requests(struct superintendent *superintendent,
                             const struct arguments *arguments)
{
    request_all(superintendent, arguments->all);
    for (size_t i = 0; i < arguments->n_requests; i++) {
        const struct request *request = &arguments->requests[i];

        if (strcmp(request->id, "-") == 0)
            request_from_stdin(superintendent, request->verb);
        else
            request_one(superintendent, request->verb, slice_from(request->id));
    }
}

static bool is_anything_wanted(const struct superintendent *superintendent,
                               const struct arguments *arguments)
{
    bool wanted = arguments->checks.purge || arguments->checks.structure;

    for (int verb = 0; verb < VERBS; verb++)
        wanted = wanted || superintendent->totals.wanted[verb];
    return wanted;
}

static void load_configuration(struct superintendent *superintendent,
                               struct arguments *arguments)
{
    struct conf_request request = {.program = "postsuper", .directory = arguments->directory};
    struct error error;

    if (conf_load(&request, &error) < 0)
        fatal(1, "%s", error.text);
    superintendent->layout =
        (struct queue_layout){params.hash_queue_names, params.hash_queue_depth};
    arguments->checks.long_ids_stay = params.enable_long_queue_ids;
}

int main(int argc, char **argv)
{
    static struct superintendent superintendent;
    const struct log_target terminal = {.sink = LOG_SINK_STDERR};
    struct arguments arguments = {.requests = mem_array(struct request, (size_t)argc)};
    int option;

    log_open("postsuper", &terminal);
    while ((option = getopt(argc, argv, "+c:d:e:f:h:H:pr:sSv")) != -1)
        parse_option(&superintendent, &arguments, option);
    load_configuration(&superintendent, &arguments);
    logging_open("postsuper", LOGGING_COMMAND);
    choose_queues(&superintendent.queues, argv + optind, argc - optind);
    become_owner();
    if (chdir(params.queue_directory) < 0)
        fatal(1, "chdir %s: %m", params.queue_directory);
    if (!is_anything_wanted(&superintendent, &arguments))
        arguments.checks.purge = arguments.checks.structure = true;
    if (arguments.checks.purge || arguments.checks.structure)
        check_structure(&superintendent, &arguments.checks);
    perform_requests(&superintendent, &arguments);
    report_totals(&superintendent.totals);
    mem_free(arguments.requests);
    return 0;
}

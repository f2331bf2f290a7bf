/*
 * Starts a worker's program. The child borrows master's memory until it has executed the
 * program (CLONE_VM and CLONE_VFORK, as posix_spawn does it): a fork copies the page tables,
 * and then both sides fault at each page that they write. So all that the child needs is made
 * beforehand; it does nothing but system calls.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdalign.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "master.h"
#include "worker/control.h"

/* The child moves its descriptors up here before it puts each in its place. */
#define FD_SPARE 1000

/* The options that are always there with their words, those that may be, the program, NULL. */
#define WORDS_AT_MOST (8 + 4 + 1 + 1)

struct words {
    struct arena *arena;
    char **list; /* ends with NULL */
    size_t n;
};

struct launch {
    const char *program;
    char **words;
    const int *fds; /* what is to stand at WORKER_FD_CONFIG and above, in that order */
    int *moved;     /* room for as many */
    int n_fds;
    const char *failed_call; /* the child's answer; NULL: the program runs */
    int error;               /* with it: errno */
};

/* -- the command line -- */

static void add_word(struct words *words, const char *text)
{
    words->list[words->n++] = arena_printf(words->arena, "%s", text);
}

static void add_number(struct words *words, const char *option, unsigned number)
{
    add_word(words, option);
    words->list[words->n++] = arena_printf(words->arena, "%u", number);
}

static char **command_line(const struct service *service, uint32_t row, struct arena *arena)
{
    const struct master_service *conf = service->conf;
    size_t room = WORDS_AT_MOST + (size_t)log_verbosity + conf->n_arguments;
    struct words words = {.arena = arena, .list = arena_array(arena, char *, room)};

    add_word(&words, conf->program);
    add_word(&words, "-n");
    add_word(&words, conf->name);
    add_word(&words, "-t");
    add_word(&words, master_type_name(conf->type));
    add_number(&words, "-s", (unsigned)service->n_listeners);
    add_number(&words, "-i", row);
    if (conf->process_limit != MASTER_LIMIT_DEFAULT)
        add_number(&words, "-l", (unsigned)conf->process_limit);
    if (conf->is_unprivileged)
        add_word(&words, "-u");
    if (conf->is_chrooted)
        add_word(&words, "-c");
    for (int i = 0; i < log_verbosity; i++)
        add_word(&words, "-v");
    for (size_t i = 0; i < conf->n_arguments; i++)
        add_word(&words, conf->arguments[i]);
    words.list[words.n] = NULL;
    return words.list;
}

static void gather_descriptors(const struct service *service, int control,
                               struct launch *launch, struct arena *arena)
{
    int n = WORKER_FD_LISTEN - WORKER_FD_CONFIG + (int)service->n_listeners;
    int *fds = arena_array(arena, int, (size_t)n);

    fds[0] = service->main_cf_fd;
    fds[WORKER_FD_CONTROL - WORKER_FD_CONFIG] = control;
    fds[WORKER_FD_SCOREBOARD - WORKER_FD_CONFIG] = service->scoreboard_fd;
    fds[WORKER_FD_SLOT_FREED - WORKER_FD_CONFIG] = service->slot_freed_fd;
    for (size_t i = 0; i < service->n_listeners; i++)
        fds[WORKER_FD_LISTEN - WORKER_FD_CONFIG + (int)i] = service->listeners[i]->fd;
    launch->fds = fds;
    launch->moved = arena_array(arena, int, (size_t)n);
    launch->n_fds = n;
}

/* -- the child: our memory, and a table of descriptors of its own -- */

/* -1; who returns 1 to clone ends with that status. */
static int failed(struct launch *launch, const char *call)
{
    launch->failed_call = call;
    launch->error = errno;
    return -1;
}

/* The copies below FD_SPARE are the only ones that exec leaves open. */
static int arrange_descriptors(struct launch *launch)
{
    for (int i = 0; i < launch->n_fds; i++) {
        launch->moved[i] = fcntl(launch->fds[i], F_DUPFD_CLOEXEC, FD_SPARE);
        if (launch->moved[i] < 0)
            return failed(launch, "duplicate descriptor for");
    }
    for (int i = 0; i < launch->n_fds; i++) {
        if (dup2(launch->moved[i], WORKER_FD_CONFIG + i) < 0)
            return failed(launch, "duplicate descriptor for");
    }
    return 0;
}

/* No signal has a handler in master that would run here: those it waits for are blocked. */
static int become_program(void *arg)
{
    struct launch *launch = arg;
    sigset_t none;

    if (arrange_descriptors(launch) < 0)
        return 1;
    sigemptyset(&none);
    if (sigprocmask(SIG_SETMASK, &none, NULL) < 0) {
        (void)failed(launch, "unblock signals for");
        return 1;
    }
    execv(launch->program, launch->words);
    (void)failed(launch, "exec");
    return 1;
}

/* -- the parent -- */

static void say_fatal(const char *format, ...) PRINTF_LIKE(1, 2);

/* The child would have said so. */
static void say_fatal(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    log_at(LOG_LEVEL_FATAL, format, arguments);
    va_end(arguments);
}

pid_t launch_program(const struct service *service, uint32_t row, int control)
{
    /* Master waits while the child is on it, so one is enough. */
    static alignas(64) char stack[32768];
    struct arena arena = ARENA_INIT;
    struct launch launch = {.program = service->program};

    launch.words = command_line(service, row, &arena);
    gather_descriptors(service, control, &launch, &arena);
    pid_t pid =
        clone(become_program, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, &launch);
    int trouble = errno;

    if (pid > 0 && launch.failed_call) {
        errno = launch.error;
        say_fatal("master_spawn: %s %s: %m", launch.failed_call, launch.program);
    }
    arena_release(&arena);
    errno = trouble;
    return pid;
}

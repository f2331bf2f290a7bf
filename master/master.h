/*
 * The parts of master: what each service is, and the processes that it has.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/list.h"
#include "co/co.h"
#include "conf/master_cf.h"
#include "net/endpoint.h"
#include "worker/scoreboard.h"

/* -- configuration.c: one reading of main.cf and master.cf; checked as a whole -- */

struct configuration {
    struct master_cf master_cf;
    int main_cf_fd; /* sealed memory file for the workers */
};

/*
 * Read and check both files; params are set on success alone. *configuration is on the heap.
 * The error names file and line.
 */
MUST_USE int configuration_load(struct configuration **configuration, struct error *error);
void configuration_free(struct configuration *configuration);

/* -- services.c -- */

struct service;

/* One socket; a coroutine watches it while no process of the service does. */
struct listener {
    struct service *service;
    int fd;                   /* -1: closed */
    struct endpoint endpoint; /* inet */
};

struct service {
    struct list_link link;
    char *title;   /* "smtp inet" */
    char *path;    /* "public/pickup"; NULL for inet */
    char *program; /* the file that is run */
    const struct master_service *conf;
    int main_cf_fd;              /* of the configuration; not ours to close */
    struct listener **listeners; /* with their holes closed up; each freed by its coroutine */
    size_t n_listeners;

    struct scoreboard *scoreboard;
    int scoreboard_fd, slot_freed_fd;
    bool row_used[SCOREBOARD_ROWS];

    struct list processes;
    uint32_t n_max; /* processes; 0: any number; 1 until a process has said hello */
    bool counts_draining;
    bool is_removed; /* no longer in master.cf; freed with its last process */
    uint64_t n_started;
    int64_t throttled_until; /* monotonic; 0: not throttled */
    struct co_queue changed; /* woken when service_wants_process may have a new answer */
    struct co *waker;        /* the coroutine of the wakeup column */
};

extern struct list services; /* of struct service */

/*
 * Make the services those of the configuration: open what is new, keep what is the same, close
 * what is gone; all processes drain. At start the first error ends it; later (is_reload) a
 * socket that cannot be opened is logged and left out.
 */
MUST_USE int services_apply(const struct configuration *configuration, bool is_reload,
                            struct error *error);
/* True when no process takes new work and another one may be started now. */
bool service_wants_process(const struct service *service);
void service_freed_if_done(struct service *service);
/* Close all listeners, so that nothing new starts. */
void service_close(struct service *service);

/* -- listen.c -- */

/* The addresses of an inet service, in *endpoints (heap). */
MUST_USE int listen_endpoints(const struct master_service *conf, struct endpoint **endpoints,
                              size_t *n_endpoints, struct error *error);
MUST_USE int listen_open_inet(const struct endpoint *endpoint, struct error *error);
MUST_USE int listen_open_path(enum master_type type, const char *path, struct error *error);

/* -- launch.c -- */

/*
 * Start the program of a service with its descriptors (worker/control.h), among them its end
 * of the control socket. Returns its process number, or -1 (errno) when there is no process to
 * be had. A program that cannot be executed is logged; its process then ends with status 1.
 */
MUST_USE pid_t launch_program(const struct service *service, uint32_t row, int control);

/* -- process.c -- */

struct process {
    struct list_link link; /* in service->processes */
    struct service *service;
    pid_t pid;
    int control;
    uint32_t row;
    bool is_draining; /* takes no new work */
};

/* Start one more process; trouble throttles the service and is logged. */
void process_start(struct service *service);
void process_drain(struct process *process);
void process_signal(const struct process *process, int number);
/* True for a worker that this master has started and not yet waited for. */
bool process_is_ours(pid_t pid);

/* -- wakeup.c -- */
void wakeup_start(struct service *service);
void wakeup_stop(struct service *service);
/* Do not wait for the time of the next one: its process has died with work unfinished. */
void wakeup_now(struct service *service);

/* -- lock.c: fatal when another master has the queue or the data directory -- */
void lock_take(void);
/* True when no master holds the lock of the queue directory. */
bool lock_is_free(void);

/*
 * -- owner.c: work in directories that are mail_owner's is done with its rights, or a swapped
 * name could lend it root's. Nothing happens where master is not root.
 */
MUST_USE int owner_enter(struct error *error);
void owner_leave(void);

/* -- terminate.c -- */
/* What a signal to end asks for; comes back at once. */
void terminate(int number);
/* As SIGTERM has it; comes back when all have ended, and the loop is stopped. */
MAY_WAIT void terminate_now(void);

/* -- notify.c: the service manager's socket (NOTIFY_SOCKET), where there is one -- */
void notify(const char *state);

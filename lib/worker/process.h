/*
 * This worker process, as the files of lib/worker share it. Not for programs.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/list.h"
#include "co/co.h"
#include "worker/control.h"
#include "worker/scoreboard.h"
#include "worker/worker.h"

enum listener_type {
    LISTENER_INET,
    LISTENER_UNIX,
    LISTENER_PASS,
    LISTENER_DATAGRAM,
    LISTENER_FIFO
};

/* The command line, taken apart (arguments.c). */
struct worker_arguments {
    const char *service;     /* -n: the name in master.cf */
    enum listener_type type; /* -t */
    int n_listeners;         /* -s */
    uint32_t row;            /* -i: of the scoreboard */
    int process_limit;       /* -l: the column of master.cf; -1 where that is "-" */
    bool is_unprivileged;    /* -u */
    bool is_chrooted;        /* -c */
    bool is_standalone;      /* -S */
    bool is_explaining;      /* -T, with -S */
    const char **overrides;  /* -o, n_overrides of them */
    size_t n_overrides;
    int n_verbose; /* -v */
    int argc;      /* what is left for the program; argv[0] is its name */
    char **argv;
};

/* How many jobs and processes there may be (limits.c). */
struct worker_limits {
    uint32_t slots;      /* of this process */
    uint32_t slot_limit; /* of all processes together; 0: no limit */
    uint32_t n_max;      /* processes; 0: no limit */
    uint32_t n_spread;
    bool counts_draining;
};

struct worker_process {
    const struct worker *worker;
    struct worker_arguments arguments;
    struct worker_limits limits;
    struct scoreboard *scoreboard;
    struct scoreboard_row *row;
    bool is_privileged; /* master is root */
    bool is_plain;      /* one session, no event loop */
    bool is_draining, is_stopping;
    bool is_stressed;
    uint32_t n_busy;     /* jobs in progress */
    uint64_t n_jobs;     /* begun since the start */
    uint64_t jobs_limit; /* retire after so many; UINT64_MAX: never */
    int64_t idle_since;  /* monotonic; while n_busy is 0 */
    int64_t next_table_check;
};

extern struct worker_process process;

/* arguments.c: fatal when the command line is not one of master's. */
void worker_parse_arguments(struct worker_arguments *arguments, int argc, char **argv);

/* limits.c: needs params. Permanent error for a bad <service>_sessions_per_process. */
MUST_USE int worker_compute_limits(struct worker_limits *limits, const struct worker *worker,
                                   const char *service, int process_limit, struct error *error);

/* standalone.c: the whole life of a worker run by hand; its exit status. */
int worker_run_standalone(const char *program);

/* jail.c: chroot, change user, close the cage; fatal when that cannot be done. */
void worker_enter_jail(void);

/* slots.c */
MUST_USE bool worker_slot_try(void);           /* take one if there is one now */
MUST_USE MAY_WAIT bool worker_slot_wait(void); /* false: cancelled */
void worker_slot_give(void);
/* One more process of the service would be of use: tells master, unless it has been told. */
void worker_ask_for_company(void);
void worker_set_state(enum scoreboard_state state); /* tells master where it must know */
void worker_job_began(void);                        /* counts */
void worker_job_ended(void);
MAY_WAIT void worker_wait_for_free_slot(void); /* until worker_slot_try may succeed */
void worker_wake_acceptors(void);              /* from that */

/* Tables and the resolver's files are read before the jail, so a changed one is a successor's
 * to read: drain. */
void worker_look_for_changed_files(void);

/* Begin to drain: no new work, goodbye to idle connections, end with the last job. */
void worker_drain(void);

/* Tell master that we are up. With SIGTERM under control already: it may follow at once. */
void worker_greet_master(void);

/* loop.c: many sessions as coroutines; returns when the process shall end. */
void worker_run_loop(void);
void worker_loop_drain(void);         /* worker_drain's part */
void worker_loop_pause(void);         /* all slots are taken: leave the listeners to others */
void worker_loop_session_ended(void); /* a connection is gone */
/* plain.c: one job at a time. */
void worker_run_plain(void);
/* sessions.c: what a connection is served by, in the loop. */
MUST_USE int worker_spawn_session(struct worker_client *client);
MUST_USE int worker_spawn_channel(int fd);
void worker_trigger(struct slice bytes); /* the worker's trigger, counted as a job */
size_t worker_count_connections(void);
void worker_say_goodbye(int fd);
void worker_dismiss_idle(void); /* goodbye to every idle connection */
void worker_cancel_sessions(void);
/* accept.c */
/* The next connection of a listener; -1 with errno. Does not wait. */
MUST_USE int worker_accept(int listener, struct worker_client *client);
/*
 * The session's first step: on a `pass` listener the client is the one whose connection the
 * front end sends over the accepted one. -1 when none comes; the stream is released then.
 */
MUST_USE MAY_WAIT int worker_take_passed(struct worker_client *client);

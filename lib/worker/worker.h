/*
 * The skeleton behind every daemon's main(): configuration from master, privileges, jail,
 * accepting, slots, retirement, hand-over. A worker declares itself and is called.
 */
#pragma once

#include <stdbool.h>

#include "base/compiler.h"
#include "ipc/channel.h"
#include "net/endpoint.h"
#include "net/stream.h"

/* One accepted connection of a service that does not speak our messages. */
struct worker_client {
    struct stream stream;
    struct endpoint peer; /* AF_UNSPEC for Unix sockets */
    struct endpoint local;
};

struct worker {
    const char *name;         /* program name: "smtpd" */
    int sessions_per_process; /* default of that parameter: 1 may block or change user */
    bool limits_processes;    /* maxproc counts processes (qmgr, anvil, ...), not sessions */
    bool overlaps;   /* of those: a successor may start before the last session has ended */
    bool stays;      /* neither max_idle nor max_use end it (qmgr, anvil) */
    bool needs_root; /* keeps the right to change user (local, virtual, pipe, spawn) */

    const int64_t *watchdog_ms; /* its own watchdog timeout; NULL: daemon_timeout */
    bool opens_files;           /* its libraries open files at any time (proxymap, sasl) */
    int requests_per_use;       /* so many requests count as one of max_use; 0: each one does */

    /* Own command-line words (pipe: flags=, user=, argv=) and -o are taken apart before. */
    void (*arguments)(int argc, char **argv);
    /* As root if master is, with the file system in sight: open tables, keys, files. */
    void (*before_jail)(void);
    /* After privileges are gone; a coroutine: may wait, may spawn coroutines. */
    void (*started)(void);

    /* One of these four. Each runs as a coroutine, or plainly where sessions are 1. */
    void (*serve)(struct worker_client *client); /* owns the connection until return */
    /* One message arrived; answer on the channel (the skeleton flushes). Between the call and
     * its return a slot is taken. -1: close the connection. */
    int (*request)(struct channel *channel, enum message_number number, struct slice body);
    /* Trigger bytes on a socket, fifo or from master's wakeup ("W"); called in turn. */
    void (*trigger)(struct slice bytes); /* `request` may have it as well */
    /* A datagram socket can be read: receive what there is, without waiting. */
    void (*receive)(int socket);

    void (*draining)(void); /* reload, retirement or stop has begun; may be NULL */

    /*
     * Run by hand to say on standard output how it decides about the words behind the options
     * (argv[1] on), through base/trace.h, and to do nothing besides. NULL: it has nothing to
     * say. The exit status.
     */
    int (*explain)(int argc, char **argv);
};

int worker_main(const struct worker *worker, int argc, char **argv);

/* The service's name in master.cf ("smtp", "127.0.0.1:2525") and program-independent facts. */
const char *worker_service(void);
bool worker_is_draining(void);   /* no new work: finish and return */
bool worker_is_stressed(void);   /* all slots of the service are taken */
bool worker_is_standalone(void); /* run by hand (sendmail -bs), not by master */
bool worker_is_explaining(
    void); /* run by hand to explain: as if master had, but does nothing */
/*
 * Master runs as root: users can be changed. A worker with needs_root then has mail_owner as
 * its effective user; seteuid(0) gives root back.
 */
bool worker_is_privileged(void);

/* After a fork in a worker, before exec of a user's command: undo limits, signals, log fd. */
void worker_child_prepare(void);

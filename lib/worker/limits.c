#include <unistd.h>

#include "conf/conf.h"
#include "worker/process.h"

/* Below this many jobs at once a second process costs more than it brings. */
#define SPREAD_FROM 20

static uint32_t count_cores(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);

    return n > 0 && n < SCOREBOARD_ROWS ? (uint32_t)n : 1;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* How many sessions a process may have: <service>_sessions_per_process, or the worker's own. */
static int sessions_per_process(const struct worker *worker, const char *service,
                                uint32_t *sessions, struct error *error)
{
    int64_t number;

    if (worker->sessions_per_process == 1) {
        *sessions = 1;
        return 0;
    }
    if (conf_service_number(service, "sessions_per_process", &number, error) < 0)
        return -1;
    *sessions = number > 0 && number < UINT32_MAX ? (uint32_t)number
                                                  : (uint32_t)worker->sessions_per_process;
    return 0;
}

/* What "-" in the column stands for. */
static uint32_t resolve_limit(const struct worker *worker, int column)
{
    if (column >= 0)
        return (uint32_t)column;
    bool is_set = main_cf_find(conf_main_cf(), SLICE("default_process_limit")) != NULL;

    if (is_set || worker->sessions_per_process == 1 || worker->limits_processes)
        return (uint32_t)params.default_process_limit;
    return (uint32_t)params.default_session_limit;
}

/* The column limits sessions: give each of a few processes its share. */
static void share_out(struct worker_limits *limits, uint32_t sessions, uint32_t limit)
{
    if (limit == 0) {
        *limits = (struct worker_limits){.slots = sessions, .n_spread = count_cores()};
        return;
    }
    uint32_t n_needed = (limit + sessions - 1) / sessions;
    uint32_t n_spread = limit < SPREAD_FROM ? 1 : count_cores();

    *limits = (struct worker_limits){.slots = smaller(sessions, limit),
                                     .slot_limit = limit,
                                     .n_max = n_needed > n_spread ? n_needed : n_spread,
                                     .n_spread = n_spread};
}

int worker_compute_limits(struct worker_limits *limits, const struct worker *worker,
                          const char *service, int process_limit, struct error *error)
{
    uint32_t limit = resolve_limit(worker, process_limit);
    uint32_t sessions;

    if (sessions_per_process(worker, service, &sessions, error) < 0)
        return -1;
    if (worker->sessions_per_process == 1) {
        *limits = (struct worker_limits){.slots = 1,
                                         .n_max = limit,
                                         .n_spread = limit ? limit : SCOREBOARD_ROWS,
                                         .counts_draining = true};
    } else if (worker->limits_processes) {
        uint32_t cores = count_cores();
        uint32_t own = (uint32_t)worker->sessions_per_process;

        /* One process does all: what other services have to a process is no measure. */
        *limits = (struct worker_limits){.slots = sessions > own ? sessions : own,
                                         .n_max = limit,
                                         .n_spread = limit == 0 ? cores : smaller(cores, limit),
                                         .counts_draining = !worker->overlaps};
    } else {
        share_out(limits, sessions, limit);
    }
    return 0;
}

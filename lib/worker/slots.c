/*
 * Slots: the jobs that this process and its siblings may have in progress, and what master is
 * told about them.
 */
#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "conf/conf.h"
#include "dns/dns.h"
#include "table/maps.h"
#include "worker/process.h"

/* The tables themselves look at their files once a second at most. */
#define TABLE_CHECK_MS 50

/* With so many jobs to a process one more process is of use, up to n_spread. */
#define JOBS_WORTH_A_PROCESS 4

/* Who waits for a slot in this process, the longest first: jobs that have begun to wait, and
 * after them those who would accept more. */
static struct co_queue jobs, acceptors;

/* A lost word is one of many that say the same, so a full socket is no trouble. */
static void ask_master_to_look(void)
{
    struct control_message message = {.word = CONTROL_LOOK};

    (void)!send(WORKER_FD_CONTROL, &message, sizeof(message), MSG_DONTWAIT | MSG_NOSIGNAL);
}

void worker_set_state(enum scoreboard_state state)
{
    if (!process.scoreboard)
        return;
    uint32_t before = atomic_exchange(&process.row->state, (uint32_t)state);
    bool was_open = before == SCOREBOARD_FREE || before == SCOREBOARD_HOLDING;
    bool is_open = state == SCOREBOARD_FREE || state == SCOREBOARD_HOLDING;

    /*
     * Of two processes that fill up together, the second at least sees that none is left. While
     * master watches already it need not be told, except that this process will not come back.
     */
    if (!is_open && (was_open || before == SCOREBOARD_STARTING) &&
        !scoreboard_has_open(process.scoreboard) &&
        (state == SCOREBOARD_DRAINING || !atomic_load(&process.scoreboard->is_watched)))
        ask_master_to_look();
}

void worker_ask_for_company(void)
{
    struct scoreboard *scoreboard = process.scoreboard;

    if (scoreboard && atomic_load(&scoreboard->n_processes) < process.limits.n_spread &&
        !atomic_load(&scoreboard->has_asked) && !atomic_exchange(&scoreboard->has_asked, 1))
        ask_master_to_look();
}

/* All slots of the service are taken, or again not all. */
static void update_stress(void)
{
    const struct worker_limits *limits = &process.limits;
    uint64_t limit =
        limits->slot_limit ? limits->slot_limit : (uint64_t)limits->n_max * limits->slots;
    bool stressed = limit > 0 && scoreboard_busy(process.scoreboard) >= limit;

    if (stressed == process.is_stressed)
        return;
    process.is_stressed = stressed;
    conf_set_stress(stressed);
}

static enum scoreboard_state state_now(void)
{
    if (process.is_draining)
        return SCOREBOARD_DRAINING;
    return process.n_busy >= process.limits.slots ? SCOREBOARD_FULL : SCOREBOARD_FREE;
}

bool worker_slot_try(void)
{
    if (!process.scoreboard)
        return true; /* stand-alone */
    if (process.n_busy >= process.limits.slots ||
        !scoreboard_take(process.scoreboard, process.row))
        return false;
    process.n_busy++;
    update_stress();
    if (process.n_busy < process.limits.slots) {
        if (process.n_busy >= JOBS_WORTH_A_PROCESS)
            worker_ask_for_company();
        return true;
    }
    worker_set_state(state_now());
    worker_loop_pause();
    return true;
}

static void offer_turn(void)
{
    if (!co_queue_is_empty(&jobs))
        co_wake_one(&jobs);
    else
        co_wake_all(&acceptors);
}

/* Another process of the service waits for one. */
static void tell_the_others(void)
{
    const uint64_t one = 1;

    if (atomic_load(&process.scoreboard->n_waiting) > 0)
        (void)!write(WORKER_FD_SLOT_FREED, &one, sizeof(one));
}

void worker_slot_give(void)
{
    if (!process.scoreboard)
        return;
    bool was_full = process.n_busy >= process.limits.slots;

    process.n_busy--;
    scoreboard_give(process.row);
    update_stress();
    if (was_full)
        worker_set_state(state_now());
    if (process.n_busy == 0)
        process.idle_since = time_now_ms();
    offer_turn();
    tell_the_others();
}

/* This process has slots left and the service has none: wait until another gives one. */
static enum wake wait_for_others(void)
{
    struct scoreboard *scoreboard = process.scoreboard;
    enum wake wake = WAKE_READY;
    uint64_t count;

    atomic_fetch_add(&scoreboard->n_waiting, 1);
    /* One that was given before we counted as waiting has told nobody. */
    if (scoreboard_busy(scoreboard) >= atomic_load(&scoreboard->slot_limit))
        wake = co_wait_fd(WORKER_FD_SLOT_FREED, EPOLLIN, deadline_in(SECONDS(1)));
    atomic_fetch_sub(&scoreboard->n_waiting, 1);
    (void)!read(WORKER_FD_SLOT_FREED, &count, sizeof(count));
    return wake;
}

static enum wake wait_turn(struct co_queue *queue)
{
    static bool somebody_waits_for_others;

    if (process.n_busy >= process.limits.slots || somebody_waits_for_others)
        return co_wait(queue, DEADLINE_NONE);
    somebody_waits_for_others = true;
    enum wake wake = wait_for_others();

    somebody_waits_for_others = false;
    offer_turn(); /* somebody else watches from now on */
    return wake;
}

void worker_wait_for_free_slot(void)
{
    (void)wait_turn(&acceptors);
}

void worker_wake_acceptors(void)
{
    co_wake_all(&acceptors);
}

bool worker_slot_wait(void)
{
    bool is_our_turn = co_queue_is_empty(&jobs);

    while (!is_our_turn || !worker_slot_try()) {
        if (wait_turn(&jobs) == WAKE_CANCELLED) {
            offer_turn(); /* what may have been ours */
            return false;
        }
        is_our_turn = true;
    }
    return true;
}

void worker_look_for_changed_files(void)
{
    const char *spec;

    if (process.is_draining || time_now_ms() < process.next_table_check)
        return;
    process.next_table_check = time_now_ms() + TABLE_CHECK_MS;
    if (maps_any_changed(&spec)) {
        log_info("table %s has changed -- restarting", spec);
        worker_drain();
    } else if ((spec = dns_file_changed())) {
        log_info("%s has changed -- restarting", spec);
        worker_drain();
    }
}

void worker_job_began(void)
{
    process.n_jobs++;
    if (process.scoreboard)
        atomic_fetch_add(&process.row->uses, 1);
}

void worker_job_ended(void)
{
    if (process.n_jobs >= process.jobs_limit)
        worker_drain();
}

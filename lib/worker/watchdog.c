#include "worker/watchdog.h"

#include <signal.h>
#include <sys/time.h>

#include "base/bug.h"
#include "base/time.h"
#include "co/co.h"

enum { TICKS = 3 };

static unsigned n_plain_turns;
static unsigned seen_turns;
static unsigned n_ticks; /* since a turn was seen */

static void tick(int number)
{
    unsigned turns = co_turns() + n_plain_turns;

    n_ticks = turns == seen_turns ? n_ticks + 1 : 0;
    seen_turns = turns;
    if (n_ticks < TICKS)
        return;
    /* If the log is what hangs, or hangs now, the next tick has no mercy. */
    (void)signal(number, SIG_DFL);
    fatal(1, "watchdog timeout");
}

void watchdog_note_turn(void)
{
    n_plain_turns++;
}

void watchdog_start(int64_t timeout_ms)
{
    const struct sigaction action = {.sa_handler = tick, .sa_flags = SA_RESTART | SA_NODEFER};
    int64_t every_ms = timeout_ms / TICKS + 1;
    const struct timeval interval = {.tv_sec = every_ms / SECONDS(1),
                                     .tv_usec = every_ms % SECONDS(1) * 1000};
    const struct itimerval timer = {.it_interval = interval, .it_value = interval};

    if (sigaction(SIGALRM, &action, NULL) < 0 || setitimer(ITIMER_REAL, &timer, NULL) < 0)
        fatal(1, "watchdog: %m");
}

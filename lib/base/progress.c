#include "base/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/time.h"

#define PATIENCE_MS 1000
#define PAUSE_MS    200

/* The clock is looked at now and then only; a power of two. */
#define STEPS_BETWEEN 64

void progress_begin(struct progress *progress, const char *what)
{
    *progress = (struct progress){.what = what};
    progress->is_on = isatty(STDERR_FILENO) == 1;
    if (progress->is_on)
        progress->next_ms = time_now_ms() + PATIENCE_MS;
}

void progress_step(struct progress *progress)
{
    progress->count++;
    if (!progress->is_on || progress->count % STEPS_BETWEEN != 0)
        return;
    int64_t now = time_now_ms();

    if (now < progress->next_ms)
        return;
    progress->next_ms = now + PAUSE_MS;
    progress->is_shown = true;
    fprintf(stderr, "\r%" PRId64 " %s", progress->count, progress->what);
}

void progress_end(struct progress *progress)
{
    if (progress->is_shown)
        fprintf(stderr, "\r%60s\r", "");
    progress->is_shown = false;
}

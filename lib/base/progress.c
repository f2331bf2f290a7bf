#include "base/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/time.h"

#define PATIENCE_MS 1000
#define PAUSE_MS    200

/* The clock is looked at now and then only; a power of two. */
#define STEPS_BETWEEN 64

void progress_begin(struct progress *progress, const char *what, int64_t total)
{
    *progress = (struct progress){.what = what, .total = total};
    progress->is_on = isatty(STDERR_FILENO) == 1;
    if (progress->is_on)
        progress->next_ms = time_now_ms() + PATIENCE_MS;
}

static void show(const struct progress *progress)
{
    if (progress->total > 0) {
        int64_t percent =
            progress->count >= progress->total ? 100 : progress->count * 100 / progress->total;

        fprintf(stderr, "\r%" PRId64 " of %" PRId64 " %s (%" PRId64 "%%)", progress->count,
                progress->total, progress->what, percent);
    } else {
        fprintf(stderr, "\r%" PRId64 " %s", progress->count, progress->what);
    }
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
    show(progress);
}

void progress_end(struct progress *progress)
{
    if (progress->is_shown)
        fprintf(stderr, "\r%60s\r", "");
    progress->is_shown = false;
}

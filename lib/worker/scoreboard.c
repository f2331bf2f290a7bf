#include "worker/scoreboard.h"

#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"

int scoreboard_create(struct scoreboard **scoreboard, struct error *error)
{
    int fd = memfd_create("scoreboard", MFD_CLOEXEC);

    *scoreboard = NULL;
    if (fd >= 0 && ftruncate(fd, sizeof(struct scoreboard)) == 0)
        *scoreboard = scoreboard_map(fd);
    if (fd >= 0 && *scoreboard)
        return fd;
    error_set(error, ERROR_TEMPORARY, "make shared memory: %m");
    fd_close(&fd);
    return -1;
}

struct scoreboard *scoreboard_map(int fd)
{
    void *mapped =
        mmap(NULL, sizeof(struct scoreboard), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    return mapped == MAP_FAILED ? NULL : mapped;
}

void scoreboard_unmap(struct scoreboard *scoreboard)
{
    if (scoreboard)
        munmap(scoreboard, sizeof(*scoreboard));
}

static uint32_t count_rows(const struct scoreboard *scoreboard)
{
    uint32_t n_rows = atomic_load(&scoreboard->n_rows);

    return n_rows < SCOREBOARD_ROWS ? n_rows : SCOREBOARD_ROWS;
}

uint32_t scoreboard_busy(const struct scoreboard *scoreboard)
{
    uint32_t n_rows = count_rows(scoreboard), busy = 0;

    for (uint32_t i = 0; i < n_rows; i++)
        busy += atomic_load(&scoreboard->rows[i].busy);
    return busy;
}

bool scoreboard_take(struct scoreboard *scoreboard, struct scoreboard_row *row)
{
    uint32_t limit = atomic_load(&scoreboard->slot_limit);

    /*
     * The last of several that step back sees all the others gone, tries again and succeeds:
     * no slot is left over, and nobody holds a lock that its death would leave behind.
     */
    for (;;) {
        atomic_fetch_add(&row->busy, 1);
        if (limit == 0 || scoreboard_busy(scoreboard) <= limit)
            return true;
        atomic_fetch_sub(&row->busy, 1);
        if (scoreboard_busy(scoreboard) >= limit)
            return false;
    }
}

void scoreboard_give(struct scoreboard_row *row)
{
    atomic_fetch_sub(&row->busy, 1);
}

bool scoreboard_has_free(const struct scoreboard *scoreboard)
{
    uint32_t n_rows = count_rows(scoreboard);

    for (uint32_t i = 0; i < n_rows; i++) {
        if (atomic_load(&scoreboard->rows[i].state) == SCOREBOARD_FREE)
            return true;
    }
    return false;
}

bool scoreboard_has_open(const struct scoreboard *scoreboard)
{
    uint32_t n_rows = count_rows(scoreboard);

    for (uint32_t i = 0; i < n_rows; i++) {
        uint32_t state = atomic_load(&scoreboard->rows[i].state);

        if (state == SCOREBOARD_FREE || state == SCOREBOARD_HOLDING)
            return true;
    }
    return false;
}

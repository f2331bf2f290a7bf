#include "removal.h"

#include <errno.h>
#include <unistd.h>

#include "base/buf.h"
#include "co/co.h"
#include "mail.h"

/* With so few messages in the active queue there is nobody to keep waiting. */
#define FEW_MAILS 10

/* Files that one thread removes in turn; with this many waiting one more thread is at it. */
#define BATCH_MAX    8
#define THREADS_MOST 8
#define WAITING_MAX  ((size_t)BATCH_MAX * THREADS_MOST)

static struct list waiting = {{&waiting.head, &waiting.head}};
static size_t n_waiting, n_threads;
static struct co_queue room;

struct batch_of_files {
    struct mail *mails[BATCH_MAX];
    struct buf paths[BATCH_MAX];
    int errors[BATCH_MAX];
    size_t count;
};

/* Runs in the helper pool: system calls only. */
static int unlink_all(void *arg)
{
    struct batch_of_files *batch = arg;

    for (size_t i = 0; i < batch->count; i++)
        batch->errors[i] = unlink(batch->paths[i].data) < 0 ? errno : 0;
    return 0;
}

static void add(struct batch_of_files *batch, struct mail *mail)
{
    struct buf *path = &batch->paths[batch->count];

    *path = BUF_INIT;
    queue_path(path, mail_layout(), mail->removal.queue, mail_id(mail));
    batch->mails[batch->count++] = mail;
}

static void take_waiting(struct batch_of_files *batch)
{
    while (!list_is_empty(&waiting) && batch->count < BATCH_MAX) {
        struct list_link *first = waiting.head.next;

        list_remove(first);
        n_waiting--;
        add(batch, CONTAINER_OF(first, struct mail, removal.link));
    }
    if (n_waiting < WAITING_MAX)
        co_wake_all(&room);
}

static void finish_batch(struct batch_of_files *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        buf_release(&batch->paths[i]);
        batch->mails[i]->removal.done(batch->mails[i], batch->errors[i]);
    }
}

static void remove_waiting(void *unused)
{
    (void)unused;
    while (!list_is_empty(&waiting)) {
        struct batch_of_files batch = {.count = 0};

        take_waiting(&batch);
        (void)co_offload(unlink_all, &batch);
        finish_batch(&batch);
    }
    n_threads--;
}

static void remove_now(struct mail *mail)
{
    struct batch_of_files batch = {.count = 0};

    add(&batch, mail);
    (void)unlink_all(&batch);
    finish_batch(&batch);
}

void removal_of(struct mail *mail, const char *queue,
                void (*done)(struct mail *mail, int error_number))
{
    mail->removal = (struct removal){.queue = queue, .done = done};
    if (mail_count() <= FEW_MAILS && n_threads == 0) {
        remove_now(mail);
        return;
    }
    list_append(&waiting, &mail->removal.link);
    n_waiting++;
    if (n_threads > 0 && (n_waiting < BATCH_MAX || n_threads >= THREADS_MOST))
        return;
    n_threads++;
    if (!co_spawn("removal", remove_waiting, NULL))
        remove_waiting(NULL);
}

bool removal_is_under_way(void)
{
    return n_threads > 0;
}

void removal_wait_for_room(void)
{
    while (n_waiting >= WAITING_MAX && co_wait(&room, DEADLINE_NONE) == WAKE_READY)
        ;
}

#include "key_ring.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <string.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/fd.h"
#include "base/log.h"
#include "conf/params.h"

#define FILE_NAME "tls_ticket_keys"
#define MAGIC     "TASSIS1"

/* On disk for the moment between two processes of one installation. */
struct saved {
    char magic[sizeof(MAGIC)];
    uint32_t n_keys;
    int64_t made_at[TLSMGR_KEYS_MAX];
    struct tlsmgr_ticket_key keys[TLSMGR_KEYS_MAX];
};

static struct tlsmgr_keys ring;
static int64_t made_at[TLSMGR_KEYS_MAX]; /* wall-clock seconds */

/* Seconds for which a key makes tickets. */
static int64_t period(void)
{
    int64_t half = params.smtpd_tls_session_cache_timeout / 2000;

    return half < 1 ? 1 : half;
}

static void path_of(struct buf *path)
{
    buf_printf(path, "%s/%s", params.data_directory, FILE_NAME);
}

static void add_key(int64_t now)
{
    struct tlsmgr_ticket_key key;

    if (RAND_bytes((unsigned char *)&key, sizeof(key)) <= 0)
        fatal(1, "no random numbers");
    if (ring.n_keys == TLSMGR_KEYS_MAX)
        ring.n_keys--;
    memmove(ring.keys + 1, ring.keys, ring.n_keys * sizeof(ring.keys[0]));
    memmove(made_at + 1, made_at, ring.n_keys * sizeof(made_at[0]));
    ring.keys[0] = key;
    made_at[0] = now;
    ring.n_keys++;
}

/* The last ticket was made at the end of the first period, and lives two more. */
static void drop_old_keys(int64_t now)
{
    while (ring.n_keys > 0) {
        int64_t age = now - made_at[ring.n_keys - 1];

        if (age >= 0 && age <= 3 * period())
            return;
        OPENSSL_cleanse(&ring.keys[--ring.n_keys], sizeof(ring.keys[0]));
    }
}

const struct tlsmgr_keys *key_ring(void)
{
    int64_t now = time_wall_seconds();

    drop_old_keys(now);
    if (ring.n_keys == 0 || now - made_at[0] >= period())
        add_key(now);
    ring.renewal_ms = SECONDS(made_at[0] + period() - now);
    return &ring;
}

static int read_saved(const char *path, struct saved *saved)
{
    CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return -1;
    return fd_read_full(fd, saved, sizeof(*saved)) == (ssize_t)sizeof(*saved) ? 0 : -1;
}

static void take_saved(const struct saved *saved)
{
    if (memcmp(saved->magic, MAGIC, sizeof(MAGIC)) != 0 || saved->n_keys > TLSMGR_KEYS_MAX)
        return;
    memcpy(ring.keys, saved->keys, sizeof(ring.keys));
    memcpy(made_at, saved->made_at, sizeof(made_at));
    ring.n_keys = saved->n_keys;
}

void key_ring_open(void)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    struct saved saved;

    path_of(&path);
    if (read_saved(path.data, &saved) == 0)
        take_saved(&saved);
    if (unlink(path.data) < 0 && errno != ENOENT)
        log_warning("remove %s: %m", path.data);
    OPENSSL_cleanse(&saved, sizeof(saved));
    (void)key_ring();
}

static int write_saved(const char *path, const struct saved *saved)
{
    CLEANUP(fd_close)
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

    return fd < 0 ? -1 : fd_write_all(fd, saved, sizeof(*saved));
}

void key_ring_save(void)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    struct saved saved = {.magic = MAGIC};

    path_of(&path);
    saved.n_keys = (uint32_t)ring.n_keys;
    memcpy(saved.keys, ring.keys, sizeof(ring.keys));
    memcpy(saved.made_at, made_at, sizeof(made_at));
    if (unlink(path.data) < 0 && errno != ENOENT)
        log_warning("remove %s: %m", path.data);
    if (write_saved(path.data, &saved) < 0)
        log_warning("write %s: %m", path.data);
    OPENSSL_cleanse(&saved, sizeof(saved));
}

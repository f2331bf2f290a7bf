#include "base/log_ring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/time.h"

#define MAGIC        0x676f6c73u
#define DATA_BYTES   ((uint64_t)64 * 1024)
#define ENTRY_ALIGN  8u
#define ATTENTION_MS 500        /* a reader that has not looked for so long has gone */
#define ANSWER_MS    SECONDS(1) /* and so has one that has not answered the bell */
#define CACHE_LINE   64
#define SEALS        (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/* What stands before each text, at an offset that ENTRY_ALIGN divides. */
struct entry {
    int64_t when;
    uint32_t len, reserved;
};

struct log_ring_memory {
    _Alignas(CACHE_LINE) _Atomic uint64_t added; /* bytes ever; the writer's */
    _Alignas(CACHE_LINE) _Atomic uint64_t taken; /* bytes ever; the reader's */
    _Atomic int64_t looked;                      /* monotonic milliseconds */
    _Atomic uint32_t is_attended;
    uint32_t magic;
    int32_t owner;
    _Alignas(CACHE_LINE) char data[DATA_BYTES];
};

static int map(struct log_ring *ring)
{
    void *memory = mmap(NULL, sizeof(struct log_ring_memory), PROT_READ | PROT_WRITE,
                        MAP_SHARED, ring->fd, 0);

    if (memory == MAP_FAILED) {
        fd_close(&ring->fd);
        return -1;
    }
    ring->memory = memory;
    return 0;
}

int log_ring_create(struct log_ring *ring)
{
    *ring = (struct log_ring){.fd = memfd_create("log", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
    if (ring->fd < 0)
        return -1;
    if (ftruncate(ring->fd, sizeof(struct log_ring_memory)) < 0 ||
        fcntl(ring->fd, F_ADD_SEALS, SEALS) < 0) {
        fd_close(&ring->fd);
        return -1;
    }
    if (map(ring) < 0)
        return -1;
    ring->memory->magic = MAGIC;
    ring->memory->owner = getpid();
    return 0;
}

void log_ring_release(struct log_ring *ring)
{
    if (!ring->memory)
        return;
    munmap(ring->memory, sizeof(*ring->memory));
    ring->memory = NULL;
    fd_close(&ring->fd);
}

static uint64_t entry_bytes(size_t len)
{
    return sizeof(struct entry) +
           (((uint64_t)len + ENTRY_ALIGN - 1) & ~(uint64_t)(ENTRY_ALIGN - 1));
}

static void copy_in(struct log_ring_memory *memory, uint64_t at, const void *bytes, size_t len)
{
    size_t start = at % DATA_BYTES;
    size_t head = len < DATA_BYTES - start ? len : DATA_BYTES - start;

    memcpy(memory->data + start, bytes, head);
    memcpy(memory->data, (const char *)bytes + head, len - head);
}

static void copy_out(const struct log_ring_memory *memory, uint64_t at, void *bytes, size_t len)
{
    size_t start = at % DATA_BYTES;
    size_t head = len < DATA_BYTES - start ? len : DATA_BYTES - start;

    memcpy(bytes, memory->data + start, head);
    memcpy((char *)bytes + head, memory->data, len - head);
}

bool log_ring_add(struct log_ring *ring, const char *line, size_t len)
{
    struct log_ring_memory *memory = ring->memory;
    uint64_t added = atomic_load_explicit(&memory->added, memory_order_relaxed);
    uint64_t taken = atomic_load_explicit(&memory->taken, memory_order_acquire);

    if (len > LOG_RING_LINE_BYTES || added - taken + entry_bytes(len) > DATA_BYTES)
        return false;
    const struct entry entry = {.when = time_now_ns(), .len = (uint32_t)len};
    copy_in(memory, added, &entry, sizeof(entry));
    copy_in(memory, added + sizeof(entry), line, len);
    /* Whoever sees the new count sees the line; and a reader about to look away sees the count,
     * or we see that it has looked away. */
    atomic_store(&memory->added, added + entry_bytes(len));
    return true;
}

bool log_ring_needs_bell(const struct log_ring *ring)
{
    int64_t now = time_now_ms();
    int64_t looked = atomic_load(&ring->memory->looked);

    if (atomic_load(&ring->memory->is_attended) && now - looked < ATTENTION_MS)
        return false;
    /* One bell is enough, as long as it may still be on its way. */
    return looked >= ring->rung || now - ring->rung >= ANSWER_MS;
}

bool log_ring_is_empty(const struct log_ring *ring)
{
    return atomic_load(&ring->memory->added) == atomic_load(&ring->memory->taken);
}

int log_ring_ring_bell(struct log_ring *ring, int socket)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct msghdr message = {.msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    ssize_t sent;

    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &ring->fd, sizeof(ring->fd));
    do
        sent = sendmsg(socket, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return -1;
    ring->rung = time_now_ms();
    return 0;
}

int log_ring_open(struct log_ring *ring, int fd, pid_t *owner)
{
    struct stat status;
    int seals = fcntl(fd, F_GET_SEALS);

    *ring = (struct log_ring){.fd = fd};
    /* Without its seals a file could shrink under our feet. */
    if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &status) < 0 ||
        status.st_size != (off_t)sizeof(struct log_ring_memory)) {
        fd_close(&ring->fd);
        return -1;
    }
    if (map(ring) < 0)
        return -1;
    if (ring->memory->magic != MAGIC) {
        log_ring_release(ring);
        return -1;
    }
    *owner = ring->memory->owner;
    return 0;
}

int64_t log_ring_look(const struct log_ring *ring, int64_t until, struct buf *text,
                      struct buf *lines)
{
    const struct log_ring_memory *memory = ring->memory;
    uint64_t added = atomic_load(&memory->added);
    uint64_t at = atomic_load(&memory->taken);
    struct entry entry;

    if (added - at > DATA_BYTES)
        return -1;
    while (at < added) {
        copy_out(memory, at, &entry, sizeof(entry));
        if (entry.len > LOG_RING_LINE_BYTES || entry_bytes(entry.len) > added - at)
            return -1;
        if (entry.when >= until)
            break;
        const struct log_ring_line line = {
            .when = entry.when, .offset = text->len, .len = entry.len};
        char *room = buf_reserve(text, entry.len);

        copy_out(memory, at + sizeof(entry), room, entry.len);
        text->len += entry.len;
        buf_add(lines, &line, sizeof(line));
        at += entry_bytes(entry.len);
    }
    return (int64_t)at;
}

void log_ring_take(struct log_ring *ring, int64_t position)
{
    atomic_store_explicit(&ring->memory->taken, (uint64_t)position, memory_order_release);
}

void log_ring_attend(struct log_ring *ring, bool is_attended)
{
    atomic_store(&ring->memory->looked, time_now_ms());
    atomic_store(&ring->memory->is_attended, is_attended);
}

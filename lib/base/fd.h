/*
 * Descriptors and files: the loops around read and write, locks, atomic replacement.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/error.h"

/* For CLEANUP(fd_close): closes *fd unless it is -1 and sets it to -1. errno is kept. */
void fd_close(int *fd);

/*
 * Descriptors that are closed many at a time, which saves who reads very many files a system
 * call for each. Zero is an empty bin.
 */
struct fd_bin {
    int items[128];
    size_t count;
};

/* Takes over fd, or nothing when that is -1. errno is kept. */
void fd_bin_add(struct fd_bin *bin, int fd);
void fd_bin_empty(struct fd_bin *bin);

/* Write all of it, over partial writes and EINTR. -1 with errno. Blocking descriptors only. */
MUST_USE int fd_write_all(int fd, const void *data, size_t len);

/* Read up to len bytes over EINTR until that many or the end; the count, or -1 with errno. */
MUST_USE ssize_t fd_read_full(int fd, void *data, size_t len);

/* Append all that is left to read, at most limit bytes (temporary error when there is more). */
MUST_USE int fd_read_all(int fd, struct buf *buf, size_t limit, struct error *error);
MUST_USE int file_read_all(const char *path, struct buf *buf, size_t limit,
                           struct error *error);

MUST_USE int fd_set_nonblocking(int fd, bool on);
MUST_USE int fd_set_cloexec(int fd, bool on);

/*
 * Replace the file at path as a whole: written beside it, fsynced, renamed, directory fsynced.
 * mode is that of a new file; an existing file's owner and mode are kept.
 */
MUST_USE int file_replace(const char *path, struct slice contents, mode_t mode,
                          struct error *error);

enum file_lock { FILE_LOCK_SHARED, FILE_LOCK_EXCLUSIVE, FILE_LOCK_NONE };

enum file_lock_wait { FILE_LOCK_BLOCK, FILE_LOCK_TRY };

/* flock(2) and fcntl(2) locks. -1 with errno EAGAIN when TRY found it locked. */
MUST_USE int fd_flock(int fd, enum file_lock lock, enum file_lock_wait wait);
MUST_USE int fd_fcntl_lock(int fd, enum file_lock lock, enum file_lock_wait wait);

/* mkdir -p for the directories above path. -1 with errno. */
MUST_USE int path_make_parents(const char *path, mode_t mode);

/* Allow this process as many descriptors as it may have; where that fails it keeps its limit.
 */
void fd_raise_limit(void);

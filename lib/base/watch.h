/*
 * Has a file changed since we read it? The descriptor is kept, so that the question can be
 * asked in a jail that does not show the path.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/compiler.h"
#include "base/error.h"

struct file_watch {
    int fd; /* -1: nothing to watch */
    char *path;
    struct stat seen;
    struct stat root;  /* of the file system when it was opened */
    int64_t next_look; /* on the monotonic clock */
    bool has_changed;
};

#define FILE_WATCH_INIT ((struct file_watch){.fd = -1})

/*
 * Open for reading and watch from now on. -1: temporary error "<verb> PATH: why", the verb
 * being "open" or "open database". A directory is refused, as nothing could be read from it.
 */
MUST_USE int file_watch_open(struct file_watch *watch, const char *verb, const char *path,
                             struct error *error);
void file_watch_close(struct file_watch *watch); /* twice is harmless */

/* Written to, replaced or removed. Looks at most once a second; once true it stays true. */
bool file_watch_changed(struct file_watch *watch);

/*
 * A file that is written beside an old one and takes its place when it is whole.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/compiler.h"
#include "base/error.h"

struct new_file {
    char *path;      /* the name it is going to have */
    char *temporary; /* the name it has until then: path + ".tmp" */
    int fd;          /* open for reading and writing */
};

#define NEW_FILE_INIT ((struct new_file){.fd = -1})

/*
 * Create it empty; waits for others who are about to replace the same file. An existing file at
 * path hands on its mode and, as far as we may, its owner; without one the mode is as given.
 * Temporary error "open database PATH: why".
 */
MUST_USE int new_file_create(struct new_file *file, const char *path, mode_t mode,
                             struct error *error);
/* Put the bytes of the file at path into it. *is_missing tells that there is no such file. */
MUST_USE int new_file_copy_old(struct new_file *file, bool *is_missing, struct error *error);
/* Sync and rename; then the new name is durable. The struct is released in any case. */
MUST_USE int new_file_commit(struct new_file *file, struct error *error);
/* Remove the temporary file, if any is left. Twice is harmless. */
void new_file_release(struct new_file *file);

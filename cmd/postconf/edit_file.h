/*
 * The physical lines of a configuration file that is being edited: each belongs to an entry or
 * to none (comments, empty lines), so that an edit of one entry leaves the rest as it is.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/slice.h"

#define NO_ENTRY SIZE_MAX

struct edit_line {
    struct slice text; /* without line end */
    size_t entry;      /* number of the entry, from 0, or NO_ENTRY */
    bool is_first;     /* of its entry */
};

struct edit_file {
    char *path;      /* symbolic links resolved */
    int lock;        /* directory, locked against other postconf commands */
    struct buf text; /* what was read */
    struct edit_line *lines;
    size_t n_lines, n_entries;
};

/* Lock and read; ends the program when that fails. */
void edit_file_open(struct edit_file *file, const char *path);
void edit_file_release(struct edit_file *file);

/* Append the lines of one entry, joined as the readers of the file join them. */
void edit_file_entry(const struct edit_file *file, size_t entry, struct buf *out);

/* Replace the file as a whole (old or new after a crash, never half) when the text differs. */
void edit_file_replace(const struct edit_file *file, const struct buf *text);

/* "name=value": fatal when the request is none, as -e of postconf words it. */
void edit_split_assignment(const char *request, struct slice *name, struct slice *value);

/* Fatal for requests that would break the file's syntax. */
void edit_check_request(const char *request);

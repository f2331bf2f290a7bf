/*
 * The text behind a table: a file, or rules written in main.cf itself
 * ("cidr:{{10.0.0.0/8 OK}, {...}}"), given line by line with their numbers.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"
#include "base/watch.h"
#include "conf/logical_line.h"

/* More than any table that is kept in memory should have; also the longest line of others. */
#define SOURCE_MAX_BYTES ((size_t)1 << 30)

struct table_source {
    const char *name;    /* for messages */
    struct buf contents; /* all of it, or the part that is being read */
    struct logical_lines lines;
    int fd;              /* there is more to read, as a stream; else -1 */
    size_t part_len;     /* stream: what in contents is whole lines */
    struct error failed; /* stream: what ended it, unless it was the end */
    struct slice rules;  /* inline: those left */
    bool is_inline;
    struct buf text;         /* the current line */
    int line;                /* where it starts */
    struct file_watch watch; /* of the file; the caller may take it over */
};

/* Read the file at path. Temporary error: "<verb> PATH: No such file or directory". */
MUST_USE int table_source_open(struct table_source *source, const char *verb, const char *path,
                               struct error *error);
/*
 * The same for a file of any size, which is read in parts as its lines are asked for. When
 * there are no more lines, table_source_check tells whether that was the end.
 */
MUST_USE int table_source_open_stream(struct table_source *source, const char *verb,
                                      const char *path, struct error *error);
/* The same from a descriptor that stays the caller's, such as standard input. */
void table_source_open_fd(struct table_source *source, const char *name, int fd);
/*
 * The same, or take the rules out of name when it starts with a brace. type is for the error:
 * "cidr map: missing '}' in ...".
 */
MUST_USE int table_source_open_rules(struct table_source *source, const char *type,
                                     const char *name, struct error *error);
void table_source_release(struct table_source *source); /* for CLEANUP */

#define TABLE_SOURCE_INIT   \
    ((struct table_source){ \
        .contents = BUF_INIT, .fd = -1, .text = BUF_INIT, .watch = FILE_WATCH_INIT})

/*
 * The next line, NUL-terminated and valid until the next call; false at the end. A line that
 * starts with white space and has nothing to continue, or holds a NUL byte, is passed over with
 * a warning in the log.
 */
bool table_source_next(struct table_source *source, struct slice *line);

/* -1: a stream could not be read to its end; temporary error with its name. */
MUST_USE int table_source_check(const struct table_source *source, struct error *error);

/*
 * Walks over the records of a queue file as its readers do: pointer records are followed, with
 * a limit against loops, and what lies in the buffer is not copied.
 */
#pragma once

#include <sys/types.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/error.h"
#include "base/slice.h"

/* More jumps back than any milter makes are a loop. */
#define RECORD_BACKWARD_JUMPS_MAX 10000
/* Longer records (line_length_limit bounds honest ones) mean a damaged file. */
#define RECORD_BYTES_MAX ((size_t)16 * 1024 * 1024)

enum record_pointers { RECORD_POINTERS_FOLLOW, RECORD_POINTERS_SHOW };

struct record_reader {
    int fd; /* borrowed; read with pread(2), so its offset does not move */
    enum record_pointers pointers; /* SHOW: they are records as any other (postcat -r) */
    struct buf buffer;             /* bytes of the file from buffer_start on */
    off_t buffer_start;
    off_t position;          /* of the record that comes next */
    size_t chunk_bytes;      /* how much one pread asks for */
    unsigned backward_jumps; /* seen so far */
};

/* Start at the offset. chunk_bytes: 4096 where little is read, 65536 for content. */
void record_reader_init(struct record_reader *reader, int fd, off_t offset, size_t chunk_bytes);
void record_reader_release(struct record_reader *reader); /* not the descriptor */

/* Go on at that offset. */
void record_reader_seek(struct record_reader *reader, off_t offset);

struct record {
    char type;
    struct slice data; /* valid until the next call */
    off_t offset;      /* of the type byte */
};

/*
 * The next record. 1: there is one; 0: the file ends; -1: temporary (read error) or permanent
 * (malformed, cut off, a loop), with the offset in the text.
 */
MUST_USE int record_reader_next(struct record_reader *reader, struct record *record,
                                struct error *error);

/* For RECORD_POINTERS_SHOW: go where that pointer record says, with the limit against loops. */
MUST_USE int record_reader_follow(struct record_reader *reader, const struct record *record,
                                  struct error *error);

/*
 * Memory that is freed all at once: everything of one transaction, one message, one request.
 */
#pragma once

#include <stddef.h>

#include "base/compiler.h"
#include "base/slice.h"

struct arena_block;

struct arena {
    struct arena_block *blocks;
    char *next;        /* free space of the newest block */
    size_t left;       /* bytes left there */
    size_t used_bytes; /* total handed out, for limits */
};

#define ARENA_INIT ((struct arena){0})

void arena_init(struct arena *arena);
void arena_release(struct arena *arena); /* frees everything; usable again */
void arena_reset(struct arena *arena);   /* as release, but keeps one block for the next use */

/* Zeroed memory, aligned for any type. */
MUST_USE void *arena_alloc(struct arena *arena, size_t size);
#define arena_new(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
#define arena_array(arena, type, count) \
    ((type *)arena_alloc_array((arena), (count), sizeof(type)))
MUST_USE void *arena_alloc_array(struct arena *arena, size_t count, size_t size);

/* Copies; all NUL-terminated behind their end. */
struct slice arena_slice(struct arena *arena, struct slice slice);
char *arena_text(struct arena *arena, struct slice slice);
char *arena_printf(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);
/* A lower-cased copy (ASCII letters). */
struct slice arena_lower(struct arena *arena, struct slice slice);

#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bug.h"
#include "base/mem.h"

/* With malloc's own header a first block fits in 2 KiB; later ones double up to the largest. */
#define FIRST_BLOCK_BYTES   2000
#define LARGEST_BLOCK_BYTES 32000
#define ALIGNMENT           16

struct arena_block {
    struct arena_block *older;
    size_t size;
    _Alignas(ALIGNMENT) char data[];
};

void arena_init(struct arena *arena)
{
    *arena = ARENA_INIT;
}

static void free_block(struct arena_block *block)
{
    /* Envelopes, passwords on their way to SASL: not to be found by the next session's bug. */
    explicit_bzero(block->data, block->size);
    mem_free(block);
}

static void free_blocks(struct arena_block *block)
{
    while (block) {
        struct arena_block *older = block->older;

        free_block(block);
        block = older;
    }
}

void arena_release(struct arena *arena)
{
    free_blocks(arena->blocks);
    arena_init(arena);
}

void arena_reset(struct arena *arena)
{
    struct arena_block *kept = arena->blocks;

    if (!kept)
        return;
    free_blocks(kept->older);
    kept->older = NULL;
    explicit_bzero(kept->data, kept->size - arena->left);
    *arena = (struct arena){.blocks = kept, .next = kept->data, .left = kept->size};
}

static void add_block(struct arena *arena, size_t least)
{
    size_t size = arena->blocks ? arena->blocks->size * 2 : FIRST_BLOCK_BYTES;

    if (size > LARGEST_BLOCK_BYTES)
        size = LARGEST_BLOCK_BYTES;
    if (size < least)
        size = least;
    bug_if(size > SIZE_MAX - sizeof(struct arena_block));
    struct arena_block *block = mem_zeroed(1, sizeof(*block) + size);
    block->older = arena->blocks;
    block->size = size;
    arena->blocks = block;
    arena->next = block->data;
    arena->left = size;
}

/* Blocks are zeroed when new and when kept, so what is left of one is always zero. */
void *arena_alloc(struct arena *arena, size_t size)
{
    bug_if(size > SIZE_MAX - ALIGNMENT);
    size_t rounded = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);

    if (rounded == 0)
        rounded = ALIGNMENT;
    if (rounded > arena->left)
        add_block(arena, rounded);
    void *result = arena->next;
    arena->next += rounded;
    arena->left -= rounded;
    arena->used_bytes += rounded;
    return result;
}

void *arena_alloc_array(struct arena *arena, size_t count, size_t size)
{
    size_t bytes;

    bug_if(__builtin_mul_overflow(count, size, &bytes));
    return arena_alloc(arena, bytes);
}

char *arena_text(struct arena *arena, struct slice slice)
{
    char *text = arena_alloc(arena, slice.len + 1);

    if (slice.len)
        memcpy(text, slice.ptr, slice.len);
    return text;
}

struct slice arena_slice(struct arena *arena, struct slice slice)
{
    return slice_of(arena_text(arena, slice), slice.len);
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    int len = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    bug_if(len < 0);
    char *text = arena_alloc(arena, (size_t)len + 1);
    va_start(arguments, format);
    vsnprintf(text, (size_t)len + 1, format, arguments);
    va_end(arguments);
    return text;
}

struct slice arena_lower(struct arena *arena, struct slice slice)
{
    char *text = arena_text(arena, slice);

    for (size_t i = 0; i < slice.len; i++)
        text[i] = ascii_lower(text[i]);
    return slice_of(text, slice.len);
}

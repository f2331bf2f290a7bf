#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/bug.h"

static NORETURN void out_of_memory(size_t count, size_t size)
{
    fatal(EX_OSERR, "out of memory: cannot get %zu times %zu bytes", count, size);
}

void *mem_zeroed(size_t count, size_t size)
{
    void *pointer = calloc(count ? count : 1, size ? size : 1);

    if (!pointer)
        out_of_memory(count, size);
    return pointer;
}

void *mem_resize(void *pointer, size_t count, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes))
        out_of_memory(count, size);
    void *resized = realloc(pointer, bytes ? bytes : 1);
    if (!resized)
        out_of_memory(count, size);
    return resized;
}

char *mem_dup(const void *data, size_t len)
{
    bug_if(len == SIZE_MAX);
    char *copy = mem_zeroed(len + 1, 1);

    if (len)
        memcpy(copy, data, len);
    return copy;
}

char *mem_dup_text(const char *text)
{
    return mem_dup(text, strlen(text));
}

void mem_free(void *pointer)
{
    free(pointer);
}

void mem_free_text(char **text)
{
    free(*text);
    *text = NULL;
}

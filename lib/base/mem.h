/*
 * The heap. Running out of memory ends the process with a log line, so no caller checks for
 * NULL; whoever lets a size come from outside checks it against a limit first.
 */
#pragma once

#include <stddef.h>

#include "base/compiler.h"

/* A zeroed object of the type. */
#define mem_new(type) ((type *)mem_zeroed(1, sizeof(type)))

/* A zeroed array of count elements; the product is checked for overflow. */
#define mem_array(type, count) ((type *)mem_zeroed((count), sizeof(type)))

MUST_USE void *mem_zeroed(size_t count, size_t size);

/* Resize to count elements (new ones are not zeroed); pointer may be NULL. */
MUST_USE void *mem_resize(void *pointer, size_t count, size_t size);

/* A NUL-terminated copy; the caller frees it. */
MUST_USE char *mem_dup_text(const char *text);
MUST_USE char *mem_dup(const void *data, size_t len);

/* free(3); NULL is harmless. */
void mem_free(void *pointer);

/* For CLEANUP(mem_free_text): frees the char pointer it points to. */
void mem_free_text(char **text);

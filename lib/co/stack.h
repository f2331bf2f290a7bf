/*
 * The stacks that coroutines run on: mapped memory with a page below that nobody may touch.
 * Private to lib/co.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "co/checker.h"

/* Address space, not memory: what is never touched costs nothing. ASan's frames are larger. */
#define CO_STACK_BYTES ((size_t)(CO_ASAN ? 1024 : 256) * 1024)

struct co_stack {
    char *bottom; /* lowest usable address; the guard lies below */
    size_t size;
    unsigned valgrind_id;
};

/* 0, or -1 with errno. */
MUST_USE int co_stack_map(struct co_stack *stack);
void co_stack_unmap(struct co_stack *stack);

/* The stack goes to rest: learn now and then how deep it was used, and give much memory back.
 */
void co_stack_rest(struct co_stack *stack);

/*
 * The flow that stands on it waits, and needs nothing below floor (co_context_floor): give that
 * memory back.
 */
void co_stack_trim(struct co_stack *stack, const void *floor);

/* The deepest use seen so far in this process, in bytes. */
size_t co_stack_deepest(void);

/* Install the handler that names the coroutine whose stack overflowed. */
void co_stack_watch(void);

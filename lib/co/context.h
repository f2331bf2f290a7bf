/*
 * A suspended flow of control, and the switch between two of them. There is one implementation
 * for each processor (switch_x86_64.S, switch_aarch64.S) and one on swapcontext(3), which makes
 * a system call for each switch and serves where the others do not fit (other processors,
 * enforced shadow stacks). make CO_SWITCH=... chooses. Private to lib/co.
 */
#pragma once

#include <stddef.h>

struct co_context {
    void *place; /* the stack pointer, or the ucontext_t */
};

/*
 * Let the first switch to *context call entry() on the stack that ends at stack_end (the
 * highest address, exclusive) and is size bytes long. entry may not return.
 */
void co_context_make(struct co_context *context, void *stack_end, size_t size,
                     void (*entry)(void));

/*
 * Below this address a suspended flow has nothing on its stack that it still needs. NULL: that
 * is not known.
 */
void *co_context_floor(const struct co_context *context);

/* Suspend the running flow in *from (zeroed before its first use) and go on with *to. */
void co_context_switch(struct co_context *from, struct co_context *to);

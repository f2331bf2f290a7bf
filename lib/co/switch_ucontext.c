/*
 * The switch on swapcontext(3). A coroutine's ucontext_t lies at the end of its own stack; the
 * flow that runs the loop has one here.
 */
#include <stdint.h>
#include <ucontext.h>

#include "base/bug.h"
#include "co/context.h"

static ucontext_t loop_context;

void co_context_make(struct co_context *context, void *stack_end, size_t size,
                     void (*entry)(void))
{
    size_t reserved = (sizeof(ucontext_t) + 63) & ~(size_t)63;
    ucontext_t *ucontext = (ucontext_t *)(void *)((char *)stack_end - reserved);

    bug_if(size <= reserved || getcontext(ucontext) < 0);
    ucontext->uc_stack.ss_sp = (char *)stack_end - size;
    ucontext->uc_stack.ss_size = size - reserved;
    ucontext->uc_link = NULL;
    makecontext(ucontext, entry, 0);
    context->place = ucontext;
}

void co_context_switch(struct co_context *from, struct co_context *to)
{
    if (!from->place)
        from->place = &loop_context;
    bug_if(swapcontext(from->place, to->place) < 0);
}

/* Where the stack pointer lies in there is the C library's business. */
void *co_context_floor(const struct co_context *context)
{
    (void)context;
    return NULL;
}

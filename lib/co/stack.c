#include "co/stack.h"

#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "co/loop.h"

/* x86-64 has 4 KiB, some aarch64 kernels 64 KiB. */
#define LARGEST_PAGES (CO_STACK_BYTES / 4096)
#define KEPT_BYTES    ((size_t)64 * 1024)
#define LOOK_EVERY    8 /* a look costs a system call */

static size_t deepest;

static size_t page_bytes(void)
{
    static size_t bytes;

    if (!bytes)
        bytes = (size_t)sysconf(_SC_PAGESIZE);
    return bytes;
}

int co_stack_map(struct co_stack *stack)
{
    size_t guard = page_bytes();
    char *memory = mmap(NULL, guard + CO_STACK_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);

    if (memory == MAP_FAILED)
        return -1;
    if (mprotect(memory, guard, PROT_NONE) < 0) {
        (void)munmap(memory, guard + CO_STACK_BYTES);
        return -1;
    }
    stack->bottom = memory + guard;
    stack->size = CO_STACK_BYTES;
    stack->valgrind_id =
        (unsigned)VALGRIND_STACK_REGISTER(stack->bottom, stack->bottom + stack->size);
    checker_add_stack(stack->bottom, stack->size);
    return 0;
}

void co_stack_unmap(struct co_stack *stack)
{
    checker_clean_stack(stack->bottom, stack->size);
    checker_remove_stack(stack->bottom, stack->size);
    VALGRIND_STACK_DEREGISTER(stack->valgrind_id);
    (void)munmap(stack->bottom - page_bytes(), page_bytes() + stack->size);
    stack->bottom = NULL;
}

/* Bytes from the lowest page that was ever touched up to the end. */
static size_t touched_bytes(const struct co_stack *stack)
{
    unsigned char resident[LARGEST_PAGES];
    size_t n_pages = stack->size / page_bytes();
    size_t i = 0;

    if (mincore(stack->bottom, stack->size, resident) < 0)
        return 0;
    while (i < n_pages && !(resident[i] & 1))
        i++;
    return (n_pages - i) * page_bytes();
}

/* Now and then; 0 when this is not the time. */
static size_t look(const struct co_stack *stack)
{
    static unsigned n_looks;

    if (n_looks++ % LOOK_EVERY != 0)
        return 0;
    size_t touched = touched_bytes(stack);

    if (touched > deepest)
        deepest = touched;
    return touched;
}

void co_stack_trim(struct co_stack *stack, const void *floor)
{
    size_t below = (uintptr_t)floor - (uintptr_t)stack->bottom;

    /* AddressSanitizer keeps accounts of what lies there. */
    if (!floor || CO_ASAN || below > stack->size)
        return;
    (void)look(stack);
    (void)madvise(stack->bottom, below / page_bytes() * page_bytes(), MADV_DONTNEED);
}

void co_stack_rest(struct co_stack *stack)
{
    checker_clean_stack(stack->bottom, stack->size);
    size_t touched = look(stack);

    /* Failing to give back is no harm. */
    if (touched > KEPT_BYTES)
        (void)madvise(stack->bottom, stack->size - KEPT_BYTES, MADV_DONTNEED);
}

size_t co_stack_deepest(void)
{
    return deepest;
}

static void on_fault(int number, siginfo_t *info, void *context)
{
    uintptr_t address = (uintptr_t)info->si_addr;
    struct co *co = co_self();

    (void)context;
    if (co) {
        uintptr_t bottom = (uintptr_t)co->stack.bottom;

        if (address < bottom && address >= bottom - page_bytes())
            log_error("coroutine %s: stack overflow", co->name);
    }
    /* The instruction runs again and ends the process, with a core where that is wanted. */
    (void)signal(number, SIG_DFL);
}

void co_stack_watch(void)
{
    static char handler_stack[32 * 1024];
    stack_t alternative = {.ss_sp = handler_stack, .ss_size = sizeof(handler_stack)};
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};

    /* Without it an overflow ends the process all the same, only without the name. */
    if (sigaltstack(&alternative, NULL) < 0 || sigaction(SIGSEGV, &action, NULL) < 0)
        log_debug(1, "cannot watch for stack overflows: %m");
}

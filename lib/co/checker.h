/*
 * What AddressSanitizer and valgrind must be told about stacks that they did not make. All of
 * it is empty without them. Private to lib/co.
 */
#pragma once

#include <stddef.h>

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define CO_ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define CO_ASAN 1
#endif
#ifndef CO_ASAN
#define CO_ASAN 0
#endif

#if CO_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>

static inline void checker_leave(void **fake_stack, const void *bottom, size_t size)
{
    __sanitizer_start_switch_fiber(fake_stack, bottom, size);
}

static inline void checker_arrive(void *fake_stack, const void **old_bottom, size_t *old_size)
{
    __sanitizer_finish_switch_fiber(fake_stack, old_bottom, old_size);
}

static inline void checker_add_stack(const void *bottom, size_t size)
{
    __lsan_register_root_region(bottom, size);
}

static inline void checker_remove_stack(const void *bottom, size_t size)
{
    __lsan_unregister_root_region(bottom, size);
}

/* Frames that a coroutine never returned from left their red zones behind. */
static inline void checker_clean_stack(void *bottom, size_t size)
{
    ASAN_UNPOISON_MEMORY_REGION(bottom, size);
}
#else
static inline void checker_leave(void **fake_stack, const void *bottom, size_t size)
{
    (void)fake_stack, (void)bottom, (void)size;
}

/* NOLINTNEXTLINE(readability-non-const-parameter) */
static inline void checker_arrive(void *fake_stack, const void **old_bottom, size_t *old_size)
{
    (void)fake_stack, (void)old_bottom, (void)old_size;
}

static inline void checker_add_stack(const void *bottom, size_t size)
{
    (void)bottom, (void)size;
}

static inline void checker_remove_stack(const void *bottom, size_t size)
{
    (void)bottom, (void)size;
}

static inline void checker_clean_stack(void *bottom, size_t size)
{
    (void)bottom, (void)size;
}
#endif

#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#endif
#ifndef VALGRIND_STACK_REGISTER
#define RUNNING_ON_VALGRIND                 0
#define VALGRIND_STACK_REGISTER(start, end) 0
#define VALGRIND_STACK_DEREGISTER(id)       ((void)(id))
#endif

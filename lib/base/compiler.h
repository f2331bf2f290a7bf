/*
 * The few compiler attributes and macros that every file uses.
 */
#pragma once

#include <stddef.h>

/* The result tells success from failure: ignoring it is a compile error. */
#define MUST_USE __attribute__((warn_unused_result))

/* The arguments are checked as those of printf(3). */
#define PRINTF_LIKE(text, first) __attribute__((__format__(__printf__, text, first)))

#define NORETURN __attribute__((noreturn))

/*
 * Run release(&variable) when the variable goes out of scope, on every way out of the block.
 * The release function takes a pointer to the variable's type.
 */
#define CLEANUP(release) __attribute__((cleanup(release)))

/* Marks prototypes that may let other sessions run before they return (see co/co.h). */
#define MAY_WAIT

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* The struct of which *member is the member called name. */
#define CONTAINER_OF(member, type, name) \
    ((type *)(void *)((char *)(member)-offsetof(type, name)))

/*
 * Thinking aloud: how a decision comes about, step by step, for `tassis explain`. Off (and then
 * next to free) everywhere else; a program that is asked to explain itself opens it once.
 *
 * A step is one line. A step with parts begins, has its parts in lines of their own that are
 * indented below it, and ends with what came of it; without parts it is one line after all:
 *
 *     permit_mynetworks: no opinion
 *     check_client_access texthash:/etc/postfix/clients:
 *       texthash:/etc/postfix/clients "192.0.2.1": "REJECT"
 *       => reject
 */
#pragma once

#include <stdbool.h>

#include "base/compiler.h"

extern bool trace_is_on;

/* From now on write to this descriptor, which is the caller's. */
void trace_open(int fd);

/* Control bytes in what is shown are replaced. Use the macros: off, they evaluate nothing. */
void trace_write_step(const char *format, ...) PRINTF_LIKE(1, 2);
void trace_write_begin(const char *format, ...) PRINTF_LIKE(1, 2);
void trace_write_end(const char *format, ...) PRINTF_LIKE(1, 2);

#define trace_step(...)  (trace_is_on ? trace_write_step(__VA_ARGS__) : (void)0)
#define trace_begin(...) (trace_is_on ? trace_write_begin(__VA_ARGS__) : (void)0)
#define trace_end(...)   (trace_is_on ? trace_write_end(__VA_ARGS__) : (void)0)

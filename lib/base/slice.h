/*
 * A view of bytes that somebody else owns. Parsers take and give slices; nothing is copied, and
 * nothing is NUL-terminated unless a function says so.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

struct slice {
    const char *ptr;
    size_t len;
};

/* A slice of a string literal. */
#define SLICE(literal) ((struct slice){("" literal), sizeof(literal) - 1})
#define SLICE_EMPTY    ((struct slice){"", 0})

/* For printf: "%.*s" with SLICE_ARG(slice). */
#define SLICE_ARG(slice) ((int)(slice).len), ((slice).ptr)

/* The whole of a C string; NULL gives the empty slice. */
struct slice slice_from(const char *text);
struct slice slice_of(const void *data, size_t len);

/* From offset to the end, or at most len bytes of that; clamped to what there is. */
struct slice slice_from_offset(struct slice slice, size_t offset);
struct slice slice_sub(struct slice slice, size_t offset, size_t len);

bool slice_is_empty(struct slice slice);

/* Comparison; the nocase forms fold ASCII letters only, in no locale. */
bool slice_equals(struct slice a, const char *b);
bool slice_equals_nocase(struct slice a, const char *b);
bool slice_same(struct slice a, struct slice b);
bool slice_same_nocase(struct slice a, struct slice b);
bool slice_starts_with(struct slice slice, const char *prefix);
bool slice_starts_with_nocase(struct slice slice, const char *prefix);
bool slice_ends_with(struct slice slice, const char *suffix);
bool slice_ends_with_nocase(struct slice slice, const char *suffix);
/* As memcmp over the common length, then by length. */
int slice_compare(struct slice a, struct slice b);

/* Offset of the first (last) such byte, or slice.len when there is none. */
size_t slice_find(struct slice slice, char byte);
size_t slice_find_last(struct slice slice, char byte);
/* Offset of the first byte that is (is not) in the set, or slice.len. */
size_t slice_find_any(struct slice slice, const char *set);
size_t slice_skip_any(struct slice slice, const char *set);
/* Offset of the first occurrence of the text, or slice.len. */
size_t slice_find_text(struct slice slice, struct slice text);

/* Without the ASCII white space (space, \t, \r, \n, \f, \v) around it. */
struct slice slice_trim(struct slice slice);
struct slice slice_trim_right(struct slice slice);

/*
 * Cut off what stands before the separator and return it; *rest keeps what follows. Without a
 * separator all of it is returned and *rest is empty.
 */
struct slice slice_split(struct slice *rest, char separator);

/*
 * Cut off the next word, words being separated by any bytes of the set; returns an empty slice
 * (ptr NULL) when there is none left.
 */
struct slice slice_word(struct slice *rest, const char *separators);

/* ASCII decimal with optional sign and nothing around it. False when malformed or out of range.
 */
bool slice_to_int(struct slice text, int64_t min, int64_t max, int64_t *value);
/* Unsigned in base 8, 10 or 16, digits only. */
bool slice_to_uint(struct slice text, int base, uint64_t max, uint64_t *value);

/* A NUL-terminated heap copy; the caller frees it. Embedded NULs are kept. */
MUST_USE char *slice_dup(struct slice slice);

/* True when all bytes are 7-bit; when all are valid UTF-8 (RFC 3629). */
bool slice_is_ascii(struct slice slice);
bool slice_is_utf8(struct slice slice);
/* Bytes of the valid UTF-8 character at the start; 0 when there is none. */
size_t slice_utf8_len(struct slice slice);

/* A hash for tables in memory; seeded at process start, so never store it. */
uint64_t slice_hash(struct slice slice);
uint64_t slice_hash_nocase(struct slice slice);

/* ASCII only, in no locale. */
char ascii_lower(char c);
char ascii_upper(char c);
bool ascii_is_space(char c);
bool ascii_is_digit(char c);
bool ascii_is_alpha(char c);
bool ascii_is_alnum(char c);
bool ascii_is_print(char c);

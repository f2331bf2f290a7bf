/*
 * The records that a queue file is made of (queue format, section 4).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/error.h"
#include "base/slice.h"

enum record_type {
    RECORD_SIZE = 'C',
    RECORD_TIME = 'T',
    RECORD_CREATE_TIME = 'c',
    RECORD_FULL_NAME = 'F',
    RECORD_SENDER = 'S',
    RECORD_RECIPIENT = 'R',
    RECORD_ORIGINAL_RECIPIENT = 'O',
    RECORD_DONE = 'D',
    RECORD_CANCELLED = '/',
    RECORD_ATTRIBUTE = 'A',
    RECORD_WARN_TIME = 'W',
    RECORD_FILTER = 'L', /* in the envelope; in the content the same byte is RECORD_PART */
    RECORD_INSPECTOR = 'I',
    RECORD_REDIRECT = '>',
    RECORD_VERP = 'V',
    RECORD_KILLED = 'K',
    RECORD_PRIORITY = 'P',
    RECORD_RETURN_RECEIPT = 'r',
    RECORD_ERRORS_TO = 'e',
    RECORD_DSN_RET = '<',
    RECORD_DSN_ENVID = 'i',
    RECORD_DSN_ORCPT = 'o',
    RECORD_DSN_NOTIFY = 'n',
    RECORD_MESSAGE = 'M',
    RECORD_EXTRACTED = 'X',
    RECORD_END = 'E',
    RECORD_LINE = 'N',
    RECORD_PART = 'L',
    RECORD_PADDING = 'w',
    RECORD_POINTER = 'p',
    RECORD_FLAGS = 'f', /* new CLEANUP_ flags on the way to cleanup; never in a file */
    /* On the way to cleanup only: a type, and text with a NUL where the queue ID belongs. */
    RECORD_WITH_ID = '%',
};

/* Bytes of type and length in front of len data bytes. */
size_t record_header_bytes(size_t len);
/* Append one record. len is at most 2^28 - 1. */
void record_append(struct buf *buf, char type, struct slice data);
void record_printf(struct buf *buf, char type, const char *format, ...) PRINTF_LIKE(3, 4);
void record_attribute(struct buf *buf, const char *name, struct slice value); /* A name=value */

/*
 * Decode the record at the start of `from`. Returns the bytes it takes and sets *type and *data
 * (a view); 0 when `from` ends before the record does; -1 when it is malformed.
 */
ssize_t record_decode(struct slice from, char *type, struct slice *data);

/* The name that postcat prints ("message_size", "named_attribute", ...). */
const char *record_name(char type);

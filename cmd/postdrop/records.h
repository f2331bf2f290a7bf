/*
 * The records that a user hands to postdrop: what may stand where, read from a descriptor.
 */
#pragma once

#include "base/buf.h"
#include "base/slice.h"

enum segment { SEGMENT_ENVELOPE, SEGMENT_CONTENT, SEGMENT_EXTRACTED, SEGMENT_END };

struct records {
    int fd;
    size_t length_limit; /* bytes of one record's data */
    struct buf input;
    size_t consumed;      /* bytes of input */
    enum segment segment; /* of the record that comes next */
};

#define RECORDS_INIT(from_fd, limit) \
    ((struct records){.fd = (from_fd), .length_limit = (limit), .input = BUF_INIT})

void records_release(struct records *records);

enum records_result {
    RECORDS_FOUND,
    RECORDS_ENDED,      /* in front of a record: the caller changed its mind */
    RECORDS_MALFORMED,  /* said in the log */
    RECORDS_UNEXPECTED, /* a type that may not stand in this segment */
};

/*
 * The next record; *data lies in the input until the next call. SEGMENT_END is reached with the
 * record that ends the message: nothing must be asked for behind it. *type is set where it is
 * UNEXPECTED as well.
 */
enum records_result records_next(struct records *records, char *type, struct slice *data);

/* One record is one line of the log, of tables and of queue listings; the content is not. */
bool records_data_is_clean(enum segment segment, struct slice data);

/*
 * True for an attribute ("name=value") that users may give; *has_value is false where there is
 * no '='.
 */
bool records_attribute_is_allowed(struct slice attribute, bool *has_value);

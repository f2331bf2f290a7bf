/*
 * Message content from the wire to records of a queue file: line ends, dots, long lines.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

/* Takes one record: RECORD_LINE or RECORD_PART (mail/record.h). */
typedef void content_sink(void *arg, char type, struct slice data);

struct content {
    content_sink *sink;
    void *arg;
    bool is_dotted;     /* DATA: leading dots, and a lone one ends; BDAT: neither */
    bool standard_end;  /* only CR LF . CR LF ends */
    size_t line_limit;  /* longer lines are split into records of this many bytes */
    int64_t size_limit; /* of size_bytes; 0: none. What is beyond is read and dropped */

    struct buf partial;  /* the start of a line whose end has not come yet */
    bool is_inside_line; /* a part of the line was handed over already */
    bool after_bare_lf;  /* the line before ended in LF alone */
    bool has_begun;      /* the first line was seen */
    bool saw_bare_lf;
    bool is_too_big;
    int64_t size_bytes; /* of what was handed over, with two for each line end */
};

enum content_result { CONTENT_MORE, CONTENT_END };

/* Ready for the first byte; line_limit and size_limit as in the struct. */
void content_init(struct content *content, content_sink *sink, void *arg, size_t line_limit,
                  int64_t size_limit);
void content_release(struct content *content);

/*
 * Take bytes as they come; *used tells how many, which is all of them but after CONTENT_END
 * (the line that ends the message is used up). Lone CRs stay in the line. One CR in front of an
 * LF belongs to the line end.
 */
enum content_result content_feed(struct content *content, struct slice input, size_t *used);

/* BDAT LAST: what is left without a line end is a line. */
void content_finish(struct content *content);

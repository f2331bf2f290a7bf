/*
 * Showing a message to the filters, and doing to it what they want.
 *
 * The message is complete in some store of the caller's; filters see it through these
 * functions, each as the ones before it have left it.
 */
#pragma once

#include "base/buf.h"
#include "base/compiler.h"
#include "base/slice.h"
#include "milter/milter.h"

/* Functions that return int say -1 when the store failed; the caller's context remembers why.
 */
struct milter_message {
    void *context;

    /*
     * The header with that number among those that filters may see. value: all behind the
     * colon, with its lines separated by LF. False when there are no more.
     */
    bool (*header)(void *context, size_t number, struct slice *name, struct slice *value);
    /* The next piece of the body with CR LF line ends, at most MILTER_CHUNK_BYTES; 0 at the
     * end. */
    MAY_WAIT int (*body)(void *context, struct buf *piece);
    /* The next piece is the first one again. */
    void (*rewind_body)(void *context);

    MAY_WAIT void (*add_header)(void *context, struct slice name, struct slice value);
    /* index counts all headers, from 0: the place where it will stand. */
    MAY_WAIT void (*insert_header)(void *context, size_t index, struct slice name,
                                   struct slice value);
    /* The index-th (from 1) header of that name; an empty value removes it. */
    MAY_WAIT void (*change_header)(void *context, size_t index, struct slice name,
                                   struct slice value);
    MAY_WAIT void (*add_recipient)(void *context, struct slice address,
                                   struct slice parameters);
    MAY_WAIT void (*delete_recipient)(void *context, struct slice address);
    MAY_WAIT void (*change_sender)(void *context, struct slice address,
                                   struct slice parameters);
    /* The pieces of a new body, CR LF line ends; then replaced. */
    MAY_WAIT int (*replace_body)(void *context, struct slice piece);
    MAY_WAIT void (*body_is_replaced)(void *context);
    void (*quarantine)(void *context, struct slice reason);
};

/*
 * Show the message to all of them and take their verdict. Filters that cannot change the
 * message get it at the same time as the next one; the end of the message, where verdicts and
 * changes come from, is theirs in order.
 *
 * Trouble of the store ends it with MILTER_GO_ON; of that the caller knows.
 */
MAY_WAIT struct milter_decision milters_message(struct milters *milters,
                                                const struct milter_message *message);

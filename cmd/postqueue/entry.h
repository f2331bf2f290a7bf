/*
 * One message of the queue as showq describes it, while its attributes arrive.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct entry {
    char queue_name[128];
    struct buf queue_id, sender, reason, last_reason;
    int64_t time, size;
    bool is_forced, is_started;
    /* The recipient that is being read. */
    struct buf original, address, log_class;
    size_t n_recipients;
};

struct totals {
    int64_t n_messages, bytes;
};

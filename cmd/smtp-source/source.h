/*
 * What smtp-source was asked to send, and its sessions.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "load/source.h"

struct smtp_source {
    struct load_source load;
    bool is_lmtp, is_old; /* old: neither greeting nor headers */
    bool keeps_connection, survives_refusal, numbers_recipients;
    const char *subject;
    struct buf text; /* with CRLF, dots doubled: as it is sent */
    bool text_has_headers;
    int64_t n_recipients; /* numbers given out */
};

extern struct smtp_source smtp_source;

/* Fill smtp_source.text: from the file, of the length that was asked for, or a few lines. */
void text_read(const char *path);
void text_make(void);

/* A session, for load_source_run. */
MAY_WAIT void session_run(void *load);

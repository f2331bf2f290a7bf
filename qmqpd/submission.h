/*
 * Handing the request to cleanup: the envelope as it comes, then trace header and content.
 */
#pragma once

#include "ipc/cleanup_client.h"
#include "net/endpoint.h"
#include "route/client_name.h"

struct submission {
    struct endpoint endpoint; /* the client's */
    struct client_name name;
    struct slice address;
    const char *full_name; /* "name[address]" */

    struct cleanup_client cleanup;
    struct timeval arrival_time;
    char bad_verp[3]; /* delimiters that the sender's VERP must not have */
    size_t n_recipients;
    struct buf recipient; /* the first */
};

/* Before the jail. */
void submission_open(void);

void submission_init(struct submission *submission);
MAY_WAIT void submission_release(struct submission *submission);

void submission_begin(struct submission *submission);
/* Waits for it; "NOQUEUE" when there is none. */
MAY_WAIT const char *submission_queue_id(struct submission *submission);
/* For request_read: arg is the submission. */
MAY_WAIT void submission_put_sender(void *arg, struct slice sender);
MAY_WAIT void submission_put_recipient(void *arg, struct slice recipient);
MAY_WAIT void submission_put_message(struct submission *submission, struct slice message);
/* As cleanup_finish. */
MUST_USE MAY_WAIT int submission_finish(struct submission *submission, struct arena *arena,
                                        struct cleanup_result_texts *result,
                                        struct error *error);

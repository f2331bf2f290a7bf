/*
 * One notification: composed from the status entries and the message, and posted by cleanup.
 */
#pragma once

#include "base/compiler.h"
#include "base/error.h"
#include "entries.h"
#include "mail/bounce_report.h"
#include "mail/message.h"
#include "mail/queue_id.h"

struct notice {
    struct bounce_report report; /* all but template, text and the parameters */
    struct entries entries;
    struct slice sender; /* of the notification: empty, or double-bounce */
    int send_options;
    const struct message *message; /* what it is about; NULL when that cannot be read */
};

enum notice_result {
    NOTICE_POSTED,
    NOTICE_NOT_WANTED, /* no recipient asked for it */
    NOTICE_FAILED,     /* with a temporary error */
};

/* Set id to the queue ID of the notification when it was posted. */
MUST_USE MAY_WAIT enum notice_result notice_post(struct notice *notice, char id[QUEUE_ID_BYTES],
                                                 struct error *error);

/* Read bounce_template_file; before the jail. What is wrong with it goes to the log. */
void notice_open_templates(void);

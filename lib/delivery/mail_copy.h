/*
 * A message as it is written into mailboxes, files and commands: local line ends, the headers
 * that record the delivery, mbox quoting.
 */
#pragma once

#include "base/compiler.h"
#include "base/error.h"
#include "base/time.h"
#include "delivery/delivery.h"

enum mail_copy_flag {
    MAIL_COPY_FROM_LINE = 1,    /* "From sender date" in front (mbox) */
    MAIL_COPY_RETURN_PATH = 2,  /* Return-Path: */
    MAIL_COPY_ORIGINAL_TO = 4,  /* X-Original-To:, where the original recipient is known */
    MAIL_COPY_DELIVERED_TO = 8, /* Delivered-To: */
    MAIL_COPY_QUOTE_FROM = 16,  /* ">" in front of body lines that start with "From " */
    MAIL_COPY_BLANK_LINE = 32,  /* an empty line behind (mbox) */
    MAIL_COPY_DOT_STUFF = 64,   /* "." in front of lines that start with "." */
};

#define MAIL_COPY_MAILDIR \
    (MAIL_COPY_RETURN_PATH | MAIL_COPY_ORIGINAL_TO | MAIL_COPY_DELIVERED_TO)
#define MAIL_COPY_MBOX \
    (MAIL_COPY_MAILDIR | MAIL_COPY_FROM_LINE | MAIL_COPY_QUOTE_FROM | MAIL_COPY_BLANK_LINE)

struct mail_copy {
    const struct delivery *delivery;
    const struct recipient *recipient;
    struct slice delivered_to; /* internal form */
    unsigned flags;            /* MAIL_COPY_ bits */
    const char *end_of_line;   /* "\n" */
    deadline_t deadline;       /* for a non-blocking descriptor (a pipe); 0: a file */
    int64_t room;              /* so many bytes of it may be written; 0: any number */
    bool returns_mail;         /* a mailbox that takes none, for whatever reason: a bounce */
};

/*
 * Write the copy to the descriptor (blocking), with its present file offset. Temporary error:
 * the queue file cannot be read; the destination cannot be written (errno is kept in
 * *write_errno, 0 when it was not the destination; EFBIG when there was no room for all).
 */
MUST_USE int mail_copy_write(const struct mail_copy *copy, int fd, int *write_errno,
                             struct error *error);

/* True when the message already has a Delivered-To: for that address: it goes in circles. */
bool mail_copy_is_loop(const struct delivery *delivery, struct slice address);

/*
 * The status of trouble with the mailbox: 4.3.0 system, 5.2.2 quota, 4.2.0 busy or not ours to
 * write; other: 5.2.0 with returns_mail, 4.2.0 without. 0, for it was not the mailbox: 4.3.0.
 */
const char *mail_copy_status(const struct mail_copy *copy, int mailbox_errno);

/*
 * What goes wrong in an SMTP conversation, told to the postmaster: a transcript of what was
 * said, and the mail with it, which goes to cleanup. Server and client have this in common.
 */
#pragma once

#include "base/buf.h"
#include "base/compiler.h"
#include "base/error.h"
#include "base/slice.h"
#include "base/time.h"

/*
 * Add what one side says: " In:  " or " Out: " and each of the lines, which end in LF or CRLF.
 * Nothing more is added to a transcript of 32 KiB.
 */
void transcript_add_received(struct buf *transcript, struct slice lines);
void transcript_add_sent(struct buf *transcript, struct slice lines);
/* The line, without the password that "AUTH PLAIN ..." ends with. */
struct slice transcript_without_secret(struct slice line);

struct postmaster_notice {
    const char *service;      /* cleanup's: "public/cleanup" */
    const char *recipient;    /* of the envelope; the header has error_notice_recipient */
    const char *reporter;     /* "SMTP server" */
    const char *peer;         /* "mx.example.com[192.0.2.1]" */
    struct slice opening;     /* lines of text in front of the transcript, each with its LF */
    struct slice transcript;  /* as the functions above make it */
    struct slice last_remark; /* lines behind it */
};

/*
 * Send the notice from double_bounce_sender. -1: nobody gets it; that is for the log. Reads the
 * global params.
 */
MUST_USE MAY_WAIT int postmaster_notice_send(const struct postmaster_notice *notice,
                                             deadline_t until, struct error *error);

/*
 * Packets of the milter protocol (version 6 and the older ones): making commands, taking
 * replies apart. Nothing here touches a socket.
 *
 * A packet is four bytes of length in network order, a byte that says what it is, and data.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/error.h"
#include "base/slice.h"

#define MILTER_VERSION 6
/* The longest packet that is taken: a header line or a piece of a body, and some. */
#define MILTER_PACKET_MOST_BYTES ((size_t)1 << 20)
/* A piece of the body in one packet. */
#define MILTER_CHUNK_BYTES 65535

/* What the filter is told. */
enum milter_event {
    MILTER_CONNECT,
    MILTER_HELO,
    MILTER_MAIL,
    MILTER_RCPT,
    MILTER_DATA,
    MILTER_UNKNOWN,
    MILTER_HEADER,
    MILTER_END_OF_HEADER,
    MILTER_BODY,
    MILTER_END_OF_BODY,
    N_MILTER_EVENTS,
};

/* Commands without an answer. */
#define MILTER_COMMAND_NEGOTIATE 'O'
#define MILTER_COMMAND_MACROS    'D'
#define MILTER_COMMAND_ABORT     'A'
#define MILTER_COMMAND_QUIT      'Q'

enum milter_action_bit {
    MILTER_ADD_HEADERS = 0x1,
    MILTER_CHANGE_BODY = 0x2,
    MILTER_ADD_RECIPIENTS = 0x4,
    MILTER_DELETE_RECIPIENTS = 0x8,
    MILTER_CHANGE_HEADERS = 0x10,
    MILTER_QUARANTINE = 0x20,
    MILTER_CHANGE_SENDER = 0x40,
    MILTER_ADD_RECIPIENTS_PAR = 0x80,
    MILTER_SET_MACROS = 0x100,
};

enum milter_step_bit {
    MILTER_STEP_NO_HEADER_REPLY = 0x80,
    MILTER_STEP_SKIP = 0x400,            /* the filter may answer SKIP to body */
    MILTER_STEP_RCPT_REJECTED = 0x800,   /* it wants to see refused recipients as well */
    MILTER_STEP_LEADING_SPACE = 0x100000 /* header values with the space behind the colon */
};

enum milter_reply_type {
    MILTER_REPLY_CONTINUE = 'c',
    MILTER_REPLY_ACCEPT = 'a',
    MILTER_REPLY_REJECT = 'r',
    MILTER_REPLY_TEMPFAIL = 't',
    MILTER_REPLY_DISCARD = 'd',
    MILTER_REPLY_CODE = 'y',
    MILTER_REPLY_SHUTDOWN = '4',
    MILTER_REPLY_PROGRESS = 'p',
    MILTER_REPLY_SKIP = 's',
    MILTER_REPLY_ADD_RECIPIENT = '+',
    MILTER_REPLY_ADD_RECIPIENT_PAR = '2',
    MILTER_REPLY_DELETE_RECIPIENT = '-',
    MILTER_REPLY_REPLACE_BODY = 'b',
    MILTER_REPLY_ADD_HEADER = 'h',
    MILTER_REPLY_INSERT_HEADER = 'i',
    MILTER_REPLY_CHANGE_HEADER = 'm',
    MILTER_REPLY_CHANGE_SENDER = 'e',
    MILTER_REPLY_QUARANTINE = 'q',
};

/* One reply; the slices lie in the packet. */
struct milter_reply {
    char type;
    uint32_t index;     /* of INSERT_HEADER and CHANGE_HEADER */
    struct slice name;  /* header name, address, reason, reply text, body bytes */
    struct slice value; /* header value; ESMTP parameters; empty when not sent */
};

/*
 * Take a reply apart; packet begins with the type byte. What is not in the protocol at all is
 * given as it is (the caller says what it expected). -1 with a permanent error when the data do
 * not fit the type: "packet too short for string".
 */
MUST_USE int milter_reply_parse(struct milter_reply *reply, struct slice packet,
                                struct error *error);

/* What the two sides agreed on. */
struct milter_agreement {
    uint32_t version, actions, steps;
    struct slice macros[N_MILTER_EVENTS]; /* lists that the filter wants instead of ours */
    bool has_macros[N_MILTER_EVENTS];
};

/* What is offered with a version: the actions and steps that it knows. Version 2, 3, 4 or 6. */
void milter_offer(uint32_t version, struct milter_agreement *offer);
/*
 * The filter's answer to the offer, packet as above. -1 with a permanent error in the words of
 * Postfix when it wants what was not offered, or is malformed.
 */
MUST_USE int milter_agreement_parse(struct milter_agreement *agreement,
                                    const struct milter_agreement *offer, struct slice packet,
                                    struct error *error);

/*
 * The text of MILTER_REPLY_CODE as an SMTP reply, lines separated by CR LF: "%" escapes the
 * next character. False when it is none: "4xx text" or "5xx text", an enhanced status code (if
 * there is one) of the same class; all lines of one code.
 */
MUST_USE bool milter_reply_text(struct slice text, struct buf *reply);

/* -- making commands --------------------------------------------------------------------- */

/* Begin a packet; the offset is for milter_packet_end. Add the data in between. */
MUST_USE size_t milter_packet_begin(struct buf *out, char command);
void milter_packet_end(struct buf *out, size_t begin);
void milter_add_uint32(struct buf *out, uint32_t number);
/* Up to its first NUL, and a NUL. */
void milter_add_string(struct buf *out, struct slice text);

/* The command byte of an event. */
char milter_event_command(enum milter_event event);
/* Does the agreement leave the event, or the answer to it, out? */
bool milter_skips_event(const struct milter_agreement *agreement, enum milter_event event);
bool milter_skips_reply(const struct milter_agreement *agreement, enum milter_event event);

/* "SMFIC_MAIL", "SMFIR_ADDHEADER", "(unknown filter reply)": for messages. */
const char *milter_event_name(enum milter_event event);
const char *milter_reply_name(char type);

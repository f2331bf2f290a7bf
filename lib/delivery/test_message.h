/*
 * A delivery of a message made from text, for unit tests of what writes messages.
 */
#pragma once

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/test.h"
#include "delivery/delivery.h"
#include "mail/record.h"

struct test_message {
    struct delivery delivery;
    struct recipient recipient;
};

/* Put the content into a queue file: a line a record, in several where it is long. */
static inline void test_message_write(int fd, struct slice content)
{
    enum { PART_BYTES = 2048 };
    struct buf records = BUF_INIT;

    record_append(&records, RECORD_RECIPIENT, SLICE("a@example.test"));
    record_append(&records, RECORD_MESSAGE, SLICE_EMPTY);
    while (content.len > 0) {
        struct slice line = slice_split(&content, '\n');
        for (; line.len > PART_BYTES; line = slice_from_offset(line, PART_BYTES))
            record_append(&records, RECORD_PART, slice_sub(line, 0, PART_BYTES));
        record_append(&records, RECORD_LINE, line);
    }
    record_append(&records, RECORD_EXTRACTED, SLICE_EMPTY);
    record_append(&records, RECORD_END, SLICE_EMPTY);
    assert_int_equal(fd_write_all(fd, records.data, records.len), 0);
    buf_release(&records);
}

/* From sender@example.test to a@example.test; lines of content end with LF. */
static inline void test_message_init(struct test_message *message, struct slice content)
{
    size_t recipient_bytes =
        record_header_bytes(strlen("a@example.test")) + strlen("a@example.test");
    struct delivery *delivery = &message->delivery;

    memset(message, 0, sizeof(*message));
    arena_init(&delivery->arena);
    buf_init(&delivery->result_reason);
    delivery->fd = memfd_create("queue file", MFD_CLOEXEC);
    assert_true(delivery->fd >= 0);
    test_message_write(delivery->fd, content);
    delivery->message.fd = delivery->fd;
    delivery->message.envelope.content_offset =
        (int64_t)(recipient_bytes + record_header_bytes(0));
    delivery->request.queue_id = SLICE("TESTID");
    delivery->request.sender = SLICE("sender@example.test");
    delivery->request.data_size = (int64_t)content.len;
    message->recipient = (struct recipient){.address = SLICE("a@example.test")};
    delivery->recipients = &message->recipient;
    delivery->n_recipients = 1;
}

static inline void test_message_release(struct test_message *message)
{
    fd_close(&message->delivery.fd);
    buf_release(&message->delivery.result_reason);
    arena_release(&message->delivery.arena);
}

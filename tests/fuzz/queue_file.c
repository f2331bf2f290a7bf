/* Queue files as their readers see them: envelope, recipients, content. */
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/fd.h"
#include "mail/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RECIPIENTS_AT_ONCE 3

static void read_recipients(struct message *message, size_t size)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    CLEANUP(recipient_list_release) struct recipient_list list = {0};
    struct error error;

    while (message->next_recipient != 0) {
        size_t before = list.count;

        if (message_read_recipients(message, &arena, RECIPIENTS_AT_ONCE, &list, &error) < 0)
            return;
        bug_if(list.count > before + RECIPIENTS_AT_ONCE);
        if (list.count > size) /* pointer records show the same ones again */
            return;
    }
    for (size_t i = 0; i < list.count; i++)
        bug_if(list.items[i].offset <= 0 || (size_t)list.items[i].offset >= size);
}

static void read_content(const struct message *message, size_t size)
{
    CLEANUP(content_close) struct content_reader reader;
    struct error error;
    struct slice line;
    bool continues;
    size_t lines = 0;

    content_open(&reader, message);
    while (lines++ < size && content_next_line(&reader, &line, &continues, &error) > 0)
        bug_if(continues && line.len < CONTENT_LINE_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(fd_close) int fd = memfd_create("queue_file", MFD_CLOEXEC);
    struct message message;
    struct error error = ERROR_INIT;

    bug_if(fd < 0 || fd_write_all(fd, data, size) < 0);
    if (message_read_envelope(&message, fd, &error) < 0) {
        bug_if(error.kind != ERROR_PERMANENT || error.text[0] == '\0');
        return 0;
    }
    bug_if(!message.envelope.sender.ptr || !message.envelope.encoding.ptr);
    read_recipients(&message, size);
    read_content(&message, size);
    message_release(&message);
    return 0;
}

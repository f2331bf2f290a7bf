/*
 * What the filter of smtpd_proxy_filter answers: all of it is there before it is read, reply
 * after reply until the bytes are used up.
 */
// links: smtpd/
#include <sys/socket.h>
#include <unistd.h>

#include "../../smtpd/proxy.h"
#include "base/bug.h"
#include "base/log.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

enum { INPUT_MOST = 60000, TEXT_MOST = 21000 };

/* The reading end of a connection whose other end said all that and is gone. */
static int reader_of(const unsigned char *data, size_t size)
{
    int ends[2];

    bug_if(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0);
    bug_if(size > 0 && send(ends[1], data, size, MSG_NOSIGNAL) != (ssize_t)size);
    bug_if(close(ends[1]) < 0);
    return ends[0];
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    CLEANUP(stream_release) struct stream stream = {.fd = -1};
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct smtp_reply reply;

    if (size > INPUT_MOST)
        return 0;
    log_hook = log_discard;
    stream_init(&stream, reader_of(data, size));
    stream_set_deadline(&stream, deadline_in(SECONDS(10)));
    while (proxy_read_reply(&stream, "fuzz", &arena, &reply)) {
        bug_if(reply.code < 200 || reply.code > 599);
        bug_if(reply.text.len > TEXT_MOST);
    }
    return 0;
}

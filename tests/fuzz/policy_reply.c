/*
 * What a policy server answers: all of it is there before it is read, reply after reply until
 * the bytes are used up.
 */
// links: smtpd/policy_server
#include <sys/socket.h>
#include <unistd.h>

#include "../../smtpd/policy_server.h"
#include "base/bug.h"
#include "base/log.h"
#include "net/stream.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

enum { INPUT_MOST = 60000 };

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    CLEANUP(stream_release) struct stream stream = {.fd = -1};
    CLEANUP(buf_release) struct buf action = BUF_INIT;
    bool has_action = false;
    int ends[2];

    if (size > INPUT_MOST)
        return 0;
    log_hook = log_discard;
    bug_if(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0);
    bug_if(size > 0 && send(ends[1], data, size, MSG_NOSIGNAL) != (ssize_t)size);
    bug_if(close(ends[1]) < 0);
    stream_init(&stream, ends[0]);
    stream_set_deadline(&stream, deadline_in(SECONDS(10)));
    while (policy_read_reply(&stream, "fuzz", &action, &has_action) == 0) {
        bug_if(memchr(action.data, '\n', action.len) != NULL);
    }
    return 0;
}

#include "dump.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/fd.h"
#include "base/time.h"
#include "sink.h"

enum { PATH_MOST = 4096, TRIES = 100, COPY_BYTES = 4096 };

/* The template is the user's. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"

static void expand(struct buf *path, const char *template)
{
    char text[PATH_MOST];
    time_t now = time_wall_seconds();
    struct tm parts;

    if (!localtime_r(&now, &parts) || strftime(text, sizeof(text), template, &parts) == 0)
        fatal(1, "bad dump template: %s", template);
    buf_set_text(path, text);
}

#pragma GCC diagnostic pop

/* A name that no other message has. */
static int create(struct dump *dump, const char *template)
{
    uint32_t id = 0;

    for (int i = 0; i < TRIES; i++) {
        if (getrandom(&id, sizeof(id), 0) < 0)
            fatal(1, "getrandom: %m");
        (void)snprintf(dump->id, sizeof(dump->id), "%08x", id);
        expand(&dump->path, template);
        buf_add_text(&dump->path, dump->id);
        if (path_make_parents(dump->path.data, 0755) < 0)
            fatal(1, "make directory of %s: %m", dump->path.data);
        int fd = open(dump->path.data, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        if (fd >= 0)
            return fd;
        if (errno != EEXIST)
            break;
    }
    fatal(1, "open %s: %m", dump->path.data);
}

/* Messages arrive at the same time: each waits in a nameless file until it is complete. */
static void become_nameless(struct dump *dump)
{
    expand(&dump->mailbox, sink.mailbox_template);
    if (unlink(dump->path.data) < 0)
        fatal(1, "remove %s: %m", dump->path.data);
    buf_reset(&dump->path);
}

void dump_open(struct dump *dump, const struct dump_envelope *envelope, struct slice sender)
{
    if (!sink.message_template && !sink.mailbox_template)
        return;
    int fd =
        create(dump, sink.message_template ? sink.message_template : sink.mailbox_template);
    dump->file = fdopen(fd, "w+");
    if (!dump->file)
        fatal(1, "open %s: %m", dump->path.data);
    if (sink.mailbox_template)
        become_nameless(dump);
    (void)fwrite(sink.dump_start.ptr, 1, sink.dump_start.len, dump->file);
    fprintf(dump->file, "X-Client-Addr: %s\nX-Client-Proto: %s\n", envelope->client,
            envelope->protocol);
    if (envelope->helo.ptr)
        fprintf(dump->file, "X-Helo-Args: %.*s\n", SLICE_ARG(envelope->helo));
    fprintf(dump->file, "X-Mail-Args: %.*s\n", SLICE_ARG(sender));
}

void dump_recipient(struct dump *dump, struct slice recipient)
{
    if (dump->file)
        fprintf(dump->file, "X-Rcpt-Args: %.*s\n", SLICE_ARG(recipient));
}

void dump_trace(struct dump *dump, const struct dump_envelope *envelope)
{
    if (!dump->file)
        return;
    if (envelope->helo.ptr)
        fprintf(dump->file, "Received: from %.*s", SLICE_ARG(envelope->helo));
    else
        fprintf(dump->file, "Received: from [%s]", envelope->client);
    fprintf(dump->file, " ([%s])\n\tby %s (smtp-sink) with %s id %s;\n\t%s\n", envelope->client,
            sink.host_name, envelope->protocol, dump->id, time_rfc5322(time_wall_seconds()));
}

static void append_to_mailbox(struct dump *dump)
{
    const char *path = dump->mailbox.data;
    char bytes[COPY_BYTES];
    size_t count;

    if (path_make_parents(path, 0755) < 0)
        fatal(1, "make directory of %s: %m", path);
    CLEANUP(fd_close) int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0 || fd_flock(fd, FILE_LOCK_EXCLUSIVE, FILE_LOCK_BLOCK) < 0)
        fatal(1, "open %s: %m", path);
    rewind(dump->file);
    while ((count = fread(bytes, 1, sizeof(bytes), dump->file)) > 0) {
        if (fd_write_all(fd, bytes, count) < 0)
            fatal(1, "write %s: %m", path);
    }
    if (ferror(dump->file))
        fatal(1, "read the message for %s: %m", path);
}

void dump_finish(struct dump *dump)
{
    if (!dump->file)
        return;
    if (fputc('\n', dump->file) == EOF || fflush(dump->file) != 0 || ferror(dump->file))
        fatal(1, "write %s: %m", dump->path.len ? dump->path.data : dump->mailbox.data);
    if (dump->mailbox.len)
        append_to_mailbox(dump);
    buf_reset(&dump->path);
    dump_drop(dump);
}

void dump_drop(struct dump *dump)
{
    if (dump->file)
        (void)fclose(dump->file); /* what matters has been flushed */
    dump->file = NULL;
    if (dump->path.len && unlink(dump->path.data) < 0 && errno != ENOENT)
        fatal(1, "remove %s: %m", dump->path.data);
    buf_release(&dump->path);
    buf_release(&dump->mailbox);
}

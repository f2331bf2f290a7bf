#include "mailbox.h"

#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "conf/params.h"
#include "delivery/command.h"
#include "delivery/maildir.h"
#include "delivery/mbox.h"
#include "dotforward.h"
#include "mail/address.h"
#include "route/open_maps.h"
#include "table/maps.h"
#include "worker/worker.h"

static struct maps *command_maps;
static unsigned mailbox_locks;

void mailbox_open(void)
{
    struct error error = ERROR_INIT;

    command_maps =
        open_maps(maps_open_sensitive, "mailbox_command_maps", params.mailbox_command_maps);
    if (mbox_parse_locks(params.mailbox_delivery_lock, &mailbox_locks, &error) < 0)
        log_error("mailbox_delivery_lock: %s", error.text);
}

/* The request's sender is what the copy shows; a list's owner takes its place meanwhile. */
static struct mail_copy make_copy(struct job *job, struct slice address, unsigned flags,
                                  const char *delivered_kind)
{
    if (!strstr(params.prepend_delivered_header, delivered_kind))
        flags &= ~(unsigned)MAIL_COPY_DELIVERED_TO;
    return (struct mail_copy){
        .delivery = job->delivery,
        .recipient = job->recipient,
        .delivered_to = params.frozen_delivered_to ? job->recipient->address : address,
        .flags = flags,
        .end_of_line = "\n",
        .returns_mail = true};
}

/* -- commands ---------------------------------------------------------------------------------
 */

static int run_command(struct job *job, struct command *command, struct slice address,
                       const struct origin *origin, const struct passwd *user, struct dsn *dsn)
{
    struct mail_copy copy = make_copy(job, address,
                                      MAIL_COPY_FROM_LINE | MAIL_COPY_RETURN_PATH |
                                          MAIL_COPY_ORIGINAL_TO | MAIL_COPY_DELIVERED_TO,
                                      "command");
    struct slice sender = job->delivery->request.sender, output;

    if (delivery_is_trial(job->delivery)) {
        delivery_dsn(job->delivery, dsn, "2.0.0", "delivers to command: %s",
                     command->shell_line);
        return 0;
    }
    if (dotforward_command_directory(job, address, user, &command->directory) < 0) {
        delivery_dsn(job->delivery, dsn, "4.3.5", "mail system configuration error");
        return -1;
    }
    command->environment = job_environment(job, origin, address, user);
    command->shell = params.local_command_shell;
    command->time_limit = params.command_time_limit;
    command->file_limit = params.mailbox_size_limit;
    command->prepare_child = worker_child_prepare;
    job->delivery->request.sender = origin->sender;
    int result = command_run(command, &copy, job->delivery, &output, dsn);
    job->delivery->request.sender = sender;
    if (result == 0)
        delivery_dsn(job->delivery, dsn, "2.0.0", "delivered to command: %s",
                     command->shell_line);
    return result;
}

void mailbox_run_command(struct job *job, struct slice line, const struct origin *origin)
{
    struct command command = {.shell_line = arena_text(&job->delivery->arena, line),
                              .user = origin->has_user ? origin->user : default_user};
    const struct passwd *user =
        origin->kind == ORIGIN_FORWARD ? getpwuid(origin->user.uid) : NULL;
    struct dsn dsn;

    run_command(job, &command, origin->address, origin, user, &dsn);
    job_ended(job, origin->address, &dsn);
}

/*
 * The shell line that delivers for the user: from the map, else mailbox_command; "" none. It is
 * the shell's alone: $name in it is an environment variable, no parameter.
 */
static int find_command(const struct passwd *user, struct buf *line, struct error *error)
{
    switch (maps_find(command_maps, slice_from(user->pw_name), line, error)) {
    case TABLE_ERROR:
        return -1;
    case TABLE_FOUND:
        return 0;
    case TABLE_NOT_FOUND:
        break;
    }
    buf_set_text(line, params.mailbox_command);
    return 0;
}

/* -- files
 * ---------------------------------------------------------------------------------------- */

static int append_maildir(struct job *job, const char *path, struct slice address,
                          const struct user *user, const char *kind, struct dsn *dsn)
{
    struct mail_copy copy = make_copy(job, address, MAIL_COPY_MAILDIR, kind);
    struct maildir maildir = {.path = path,
                              .hostname = params.myhostname,
                              .limit_bytes = params.mailbox_size_limit,
                              .user = *user};

    return maildir_deliver(&maildir, &copy, job->delivery, dsn);
}

static struct mbox make_mbox(const char *path, const struct user *user)
{
    return (struct mbox){.path = path,
                         .locks = mailbox_locks,
                         .lock_attempts = params.deliver_lock_attempts,
                         .lock_delay = params.deliver_lock_delay,
                         .stale_lock_time = params.stale_lock_time,
                         .limit_bytes = params.mailbox_size_limit,
                         .user = *user,
                         .file_owner = *user};
}

void mailbox_append_file(struct job *job, struct slice path, const struct origin *origin)
{
    const struct user *user = origin->has_user ? &origin->user : &default_user;
    struct slice sender = job->delivery->request.sender;
    struct mail_copy copy = make_copy(job, origin->address, MAIL_COPY_MBOX, "file");
    const char *name = arena_text(&job->delivery->arena, path);
    char status[DSN_STATUS_BYTES];
    struct error error;
    struct dsn dsn;

    if (delivery_is_trial(job->delivery)) {
        delivery_dsn(job->delivery, &dsn, "2.0.0", "delivers to file: %s", name);
        job_ended(job, origin->address, &dsn);
        return;
    }
    job->delivery->request.sender = origin->sender;
    if (slice_ends_with(path, "/")) {
        (void)append_maildir(job, name, origin->address, user, "file", &dsn);
    } else {
        struct mbox mbox = make_mbox(name, user);
        mbox.may_be_special = true;
        if (mbox_append(&mbox, &copy, status, &error) < 0)
            delivery_dsn(job->delivery, &dsn, status, "cannot append message to file %s: %s",
                         name, error.text);
        else
            delivery_dsn(job->delivery, &dsn, "2.0.0", "delivered to file: %s", name);
    }
    job->delivery->request.sender = sender;
    job_ended(job, origin->address, &dsn);
}

/* -- a user's mailbox
 * --------------------------------------------------------------------------------- */

/*
 * In the spool directory locks and new files need the directory's rights: its group, where that
 * may write, or its owner's.
 */
static void use_spool_rights(struct mbox *mbox, const char *directory)
{
    struct stat status;

    if (stat(directory, &status) < 0 || (status.st_mode & S_IWOTH))
        return;
    if (status.st_mode & S_IWGRP)
        mbox->user.gid = status.st_gid;
    else
        mbox->user.uid = status.st_uid;
}

static int append_mailbox(struct job *job, struct slice address, const struct passwd *passwd,
                          struct dsn *dsn)
{
    struct arena *arena = &job->delivery->arena;
    struct user user = {.uid = passwd->pw_uid, .gid = passwd->pw_gid};
    struct mail_copy copy = make_copy(job, address, MAIL_COPY_MBOX, "file");
    bool is_home = *params.home_mailbox != '\0';
    const char *path =
        is_home ? arena_printf(arena, "%s/%s", passwd->pw_dir, params.home_mailbox)
                : arena_printf(arena, "%s/%s", params.mail_spool_directory, passwd->pw_name);
    char status[DSN_STATUS_BYTES];
    struct error error;

    if (!is_home && slice_ends_with(slice_from(params.mail_spool_directory), "/"))
        path = arena_printf(arena, "%s%s/", params.mail_spool_directory, passwd->pw_name);
    copy.flags |= MAIL_COPY_DELIVERED_TO; /* a mailbox is not a /file */
    bool is_maildir = slice_ends_with(slice_from(path), "/");
    if (delivery_is_trial(job->delivery)) {
        delivery_dsn(job->delivery, dsn, "2.0.0", "delivers to %s",
                     is_maildir ? "maildir" : "mailbox");
        return 0;
    }
    if (is_maildir)
        return append_maildir(job, path, address, &user, "file", dsn);
    struct mbox mbox = make_mbox(path, &user);
    mbox.must_own = params.strict_mailbox_ownership;
    if (!is_home)
        use_spool_rights(&mbox, params.mail_spool_directory);
    if (mbox_append(&mbox, &copy, status, &error) == 0) {
        delivery_dsn(job->delivery, dsn, "2.0.0", "delivered to mailbox");
        return 0;
    }
    delivery_dsn(job->delivery, dsn, status, "cannot update mailbox %s for user %s. %s", path,
                 passwd->pw_name, error.text);
    return -1;
}

void mailbox_deliver(struct job *job, struct slice address, const struct passwd *user,
                     const struct origin *origin)
{
    CLEANUP(buf_release) struct buf line = BUF_INIT;
    struct slice sender = job->delivery->request.sender;
    struct error error;
    struct dsn dsn;

    if (job_has_seen_mailbox(job, address))
        return;
    job->delivery->request.sender = origin->sender;
    if (find_command(user, &line, &error) < 0) {
        log_warning("%s", error.text);
        delivery_dsn(job->delivery, &dsn, "4.3.0", "table lookup failure");
    } else if (line.len > 0) {
        struct command command = {.shell_line = line.data,
                                  .user = {.uid = user->pw_uid, .gid = user->pw_gid}};
        run_command(job, &command, address, origin, user, &dsn);
    } else {
        (void)append_mailbox(job, address, user, &dsn);
    }
    job->delivery->request.sender = sender;
    job_ended(job, address, &dsn);
}

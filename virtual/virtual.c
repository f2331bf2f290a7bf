/*
 * virtual: deliver to the mailboxes of virtual_mailbox_maps. No aliases, no commands, no user
 * database: three tables say which file, whose rights.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "conf/params.h"
#include "delivery/delivery.h"
#include "delivery/maildir.h"
#include "delivery/mbox.h"
#include "mail/address.h"
#include "route/open_maps.h"
#include "table/maps.h"
#include "worker/worker.h"

#define RELAY SLICE("virtual")

static struct maps *mailbox_maps, *uid_maps, *gid_maps;
static unsigned mailbox_locks;

static void before_jail(void)
{
    struct error error;

    mailbox_maps =
        open_maps(maps_open_sensitive, "virtual_mailbox_maps", params.virtual_mailbox_maps);
    uid_maps = open_maps(maps_open_sensitive, "virtual_uid_maps", params.virtual_uid_maps);
    gid_maps = open_maps(maps_open_sensitive, "virtual_gid_maps", params.virtual_gid_maps);
    delivery_open();
    delivery_check_limit("virtual_mailbox_limit", params.virtual_mailbox_limit);
    delivery_open_filter("virtual_delivery_status_filter",
                         params.virtual_delivery_status_filter);
    if (mbox_parse_locks(params.virtual_mailbox_lock, &mailbox_locks, &error) < 0)
        log_error("virtual_mailbox_lock: %s", error.text);
}

/* user+ext@domain, user@domain, @domain: in all three tables the same. */
static enum table_result find(struct maps *maps, struct slice address, struct buf *value,
                              struct error *error)
{
    struct maps_address query = {.address = address,
                                 .delimiters = params.recipient_delimiter,
                                 .forms = MAPS_FULL | MAPS_NO_EXT | MAPS_AT_DOMAIN};

    return maps_find_address(maps, &query, value, error);
}

/* A number of a table; anything else is the administrator's to mend: mail waits. */
static int find_id(struct maps *maps, const char *title, struct slice address, int64_t minimum,
                   int64_t *id, struct error *error)
{
    CLEANUP(buf_release) struct buf value = BUF_INIT;

    switch (find(maps, address, &value, error)) {
    case TABLE_ERROR:
        return -1;
    case TABLE_NOT_FOUND:
        return error_set(error, ERROR_PERMANENT, "recipient %.*s: not found in %s",
                         SLICE_ARG(address), title);
    case TABLE_FOUND:
        break;
    }
    if (!slice_to_int(slice_trim(buf_slice(&value)), minimum, INT32_MAX, id))
        return error_set(error, ERROR_TEMPORARY, "recipient %.*s: bad %s %s in %s",
                         SLICE_ARG(address), maps == uid_maps ? "uid" : "gid", value.data,
                         title);
    return 0;
}

/* What the tables say of a recipient. */
struct mailbox {
    char *path; /* ends with a slash: a Maildir */
    struct user user;
};

static int find_mailbox(struct delivery *delivery, struct slice address,
                        struct mailbox *mailbox, bool *is_known, struct error *error)
{
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    int64_t uid, gid;

    enum table_result result = find(mailbox_maps, address, &value, error);
    *is_known = result != TABLE_NOT_FOUND;
    if (result == TABLE_ERROR)
        return -1;
    if (result == TABLE_NOT_FOUND)
        return error_set(error, ERROR_PERMANENT, "unknown user: \"%.*s\"", SLICE_ARG(address));
    if (find_id(uid_maps, "virtual_uid_maps", address, params.virtual_minimum_uid, &uid,
                error) < 0 ||
        find_id(gid_maps, "virtual_gid_maps", address, 1, &gid, error) < 0)
        return -1;
    mailbox->user = (struct user){.uid = (uid_t)uid, .gid = (gid_t)gid};
    mailbox->path =
        *params.virtual_mailbox_base
            ? arena_printf(&delivery->arena, "%s/%s", params.virtual_mailbox_base, value.data)
            : arena_text(&delivery->arena, buf_slice(&value));
    return 0;
}

static int deliver_to_file(const struct mailbox *mailbox, struct mail_copy *copy,
                           struct delivery *delivery, struct dsn *dsn)
{
    struct mbox mbox = {.path = mailbox->path,
                        .locks = mailbox_locks,
                        .lock_attempts = params.deliver_lock_attempts,
                        .lock_delay = params.deliver_lock_delay,
                        .stale_lock_time = params.stale_lock_time,
                        .limit_bytes = params.virtual_mailbox_limit,
                        .user = mailbox->user,
                        .file_owner = mailbox->user};
    char status[DSN_STATUS_BYTES];
    struct error error;

    copy->flags = MAIL_COPY_MBOX;
    if (mbox_append(&mbox, copy, status, &error) < 0) {
        delivery_dsn(delivery, dsn, status, "delivery failed to mailbox %s: %s", mailbox->path,
                     error.text);
        return -1;
    }
    delivery_dsn(delivery, dsn, "2.0.0", "delivered to mailbox");
    return 0;
}

static int deliver_to_mailbox(const struct mailbox *mailbox, struct mail_copy *copy,
                              struct delivery *delivery, struct dsn *dsn)
{
    struct maildir maildir = {.path = mailbox->path,
                              .hostname = params.myhostname,
                              .limit_bytes = params.virtual_mailbox_limit,
                              .user = mailbox->user};

    bool is_maildir = slice_ends_with(slice_from(mailbox->path), "/");
    if (delivery_is_trial(delivery)) {
        delivery_dsn(delivery, dsn, "2.0.0", "delivers to %s",
                     is_maildir ? "maildir" : "mailbox");
        return 0;
    }
    if (!is_maildir)
        return deliver_to_file(mailbox, copy, delivery, dsn);
    copy->flags = MAIL_COPY_MAILDIR;
    return maildir_deliver(&maildir, copy, delivery, dsn);
}

static void deliver_recipient(struct delivery *delivery, struct recipient *recipient)
{
    struct mail_copy copy = {.delivery = delivery,
                             .recipient = recipient,
                             .delivered_to = recipient->address,
                             .end_of_line = "\n"};
    struct mailbox mailbox = {0};
    struct error error = ERROR_INIT;
    struct dsn dsn;
    bool is_known;

    if (mail_copy_is_loop(delivery, recipient->address))
        delivery_dsn(delivery, &dsn, "5.4.6", "mail forwarding loop for %.*s",
                     SLICE_ARG(recipient->address));
    else if (find_mailbox(delivery, recipient->address, &mailbox, &is_known, &error) < 0) {
        if (is_known) { /* trouble with, or a gap in, our own tables */
            log_warning("%s", error.text);
            delivery_dsn(delivery, &dsn, "4.3.5", "mail system configuration error");
        } else {
            delivery_dsn(delivery, &dsn, "5.1.1", "%s", error.text);
        }
    } else if (deliver_to_mailbox(&mailbox, &copy, delivery, &dsn) == 0) {
        delivery_sent(delivery, recipient, RELAY, &dsn);
        return;
    }
    delivery_ended(delivery, recipient, RELAY, &dsn);
}

static void deliver(struct delivery *delivery)
{
    delivery->times.connect_done = time_wall();
    for (size_t i = 0; i < delivery->n_recipients; i++)
        deliver_recipient(delivery, &delivery->recipients[i]);
}

static int request(struct channel *channel, enum message_number number, struct slice body)
{
    return delivery_answer(channel, number, body, deliver);
}

int main(int argc, char **argv)
{
    static const struct worker virtual = {
        .name = "virtual",
        .sessions_per_process = 1,
        .needs_root = true,
        .before_jail = before_jail,
        .request = request,
    };

    return worker_main(&virtual, argc, argv);
}

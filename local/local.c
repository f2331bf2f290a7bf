/*
 * local: deliver to the users of this system, as they and the administrator ask for it:
 * aliases, .forward, mailbox, command, file. Each recipient becomes a list of targets (job.h),
 * worked off until it is empty.
 */
#include <grp.h>
#include <pwd.h>
#include <string.h>

#include "aliases.h"
#include "base/log.h"
#include "conf/params.h"
#include "conf/words.h"
#include "delivery/delivery.h"
#include "expand.h"
#include "job.h"
#include "mail/address.h"
#include "mailbox.h"
#include "outside.h"
#include "recipient.h"
#include "route/resolve.h"
#include "route/rewrite.h"
#include "worker/worker.h"

enum { DEPTH_MAX = 100 };

/* "alias", "forward", "include": the words of allow_mail_to_*. */
static const char *origin_word(const struct origin *origin)
{
    switch (origin->kind) {
    case ORIGIN_ALIAS:
        return "alias";
    case ORIGIN_INCLUDE:
        return "include";
    case ORIGIN_FORWARD:
        return "forward";
    case ORIGIN_REQUEST:
        return "request";
    }
    return "";
}

static void refuse(struct job *job, const struct origin *origin, const char *what)
{
    struct dsn dsn;

    delivery_dsn(job->delivery, &dsn, "5.7.1", "mail to %s is restricted", what);
    job_ended(job, origin->address, &dsn);
}

/* user+extension@domain, where the extension was not used on the way here. */
static struct slice with_extension(struct job *job, struct slice address,
                                   const struct origin *origin)
{
    struct slice local = address_local_part(address), domain = address_domain(address);
    const char *delimiter = params.recipient_delimiter;

    if (origin->extension.len == 0 || !*delimiter ||
        !words_have(slice_from(params.propagate_unmatched_extensions),
                    slice_from(origin_word(origin))))
        return address;
    if (domain.len == 0)
        return slice_from(arena_printf(&job->delivery->arena, "%.*s%c%.*s", SLICE_ARG(local),
                                       *delimiter, SLICE_ARG(origin->extension)));
    return slice_from(arena_printf(&job->delivery->arena, "%.*s%c%.*s@%.*s", SLICE_ARG(local),
                                   *delimiter, SLICE_ARG(origin->extension),
                                   SLICE_ARG(domain)));
}

/* May the address be delivered here and now, as part of this delivery? */
static int is_ours(struct job *job, struct slice address, struct error *error)
{
    struct resolved resolved;

    if (resolve_address(job->delivery->request.sender, address, false, &job->delivery->arena,
                        &resolved, error) < 0)
        return -1;
    return (resolved.flags & RESOLVE_CLASS_LOCAL) &&
           slice_same(resolved.transport, job->delivery->request.transport);
}

/*
 * An address of an alias, a .forward or a list. Aliases go on in this delivery where the
 * address is local; what a user or a list's owner answers for becomes a message of its own.
 */
static void deliver_address(struct job *job, const struct target *target)
{
    const struct origin *origin = target->origin;
    bool is_literal = slice_starts_with(target->text, "\\");
    struct slice bare = slice_from_offset(target->text, is_literal);
    struct slice address = rewrite_internal(REWRITE_LOCAL, with_extension(job, bare, origin),
                                            &job->delivery->arena);
    struct error error;
    struct dsn dsn;

    int ours = is_ours(job, address, &error);
    if (ours < 0) {
        log_warning("%s", error.text);
        delivery_dsn(job->delivery, &dsn, "4.3.0", "address resolver failure");
        job_ended(job, origin->address, &dsn);
        return;
    }
    struct slice user = address_local_part(address), extension;
    address_split_extension(user, params.recipient_delimiter, params.owner_request_special,
                            &user, &extension);
    bool is_self =
        origin->kind == ORIGIN_FORWARD && ours && slice_same_nocase(user, origin->name);
    /* Members of a list in a file get a message of their own, apart from the alias's others. */
    if (!ours || (origin->kind == ORIGIN_FORWARD && !is_self) ||
        origin->kind == ORIGIN_INCLUDE ||
        (origin->has_owner && !is_self && !recipient_is_alias(job, address))) {
        if (!ours || !recipient_is_loop(job, address))
            job_forward(job, address, origin);
        return;
    }
    if (is_literal)
        address = slice_from(arena_printf(&job->delivery->arena, "\\%.*s", SLICE_ARG(address)));
    recipient_deliver(job, address, origin);
}

static void deliver_target(struct job *job, const struct target *target)
{
    const struct origin *origin = target->origin;
    const char *word = origin_word(origin);
    struct dsn dsn;

    if (origin->depth > DEPTH_MAX) {
        delivery_dsn(job->delivery, &dsn, "5.4.6", "possible alias database loop for %.*s",
                     SLICE_ARG(origin->address));
        job_ended(job, origin->address, &dsn);
        return;
    }
    switch (target->kind) {
    case TARGET_ADDRESS:
        if (origin->kind == ORIGIN_REQUEST)
            recipient_deliver(job, target->text, origin);
        else
            deliver_address(job, target);
        break;
    case TARGET_COMMAND:
        if (words_have(slice_from(params.allow_mail_to_commands), slice_from(word)))
            mailbox_run_command(job, target->text, origin);
        else
            refuse(job, origin, "command");
        break;
    case TARGET_FILE:
        if (words_have(slice_from(params.allow_mail_to_files), slice_from(word)))
            mailbox_append_file(job, target->text, origin);
        else
            refuse(job, origin, "file");
        break;
    case TARGET_INCLUDE:
        expand_include(job, target->text, origin);
        break;
    }
}

static void deliver_recipient(struct delivery *delivery, struct recipient *recipient)
{
    struct job job = {.delivery = delivery, .recipient = recipient, .seen = HASH_INIT};
    struct origin *request = arena_new(&delivery->arena, struct origin);
    struct dsn dsn;

    request->sender = delivery->request.sender;
    request->address = recipient->address;
    list_init(&job.targets);
    list_init(&job.forwards);
    job_add(&job, TARGET_ADDRESS, recipient->address, request);
    while (!list_is_empty(&job.targets)) {
        struct target *target = LIST_FIRST(&job.targets, struct target, link);
        if (!target)
            break;
        list_remove(&target->link);
        deliver_target(&job, target);
    }
    outside_forward_all(&job);
    if (!job.is_handled) { /* an alias that names nobody */
        delivery_dsn(delivery, &dsn, "5.1.1", "unknown user: \"%.*s\"",
                     SLICE_ARG(address_local_part(recipient->address)));
        job_ended(&job, recipient->address, &dsn);
    }
    if (!job.is_incomplete)
        delivery_mark_done(delivery, recipient);
    hash_release(&job.seen, NULL);
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

static void before_jail(void)
{
    const struct passwd *user = getpwnam(params.default_privs);

    if (user)
        default_user = (struct user){.uid = user->pw_uid, .gid = user->pw_gid};
    else
        log_error("default_privs: unknown user: %s", params.default_privs);
    if (!user || user->pw_uid == 0) {
        if (user)
            log_error("default_privs: %s has root's rights", params.default_privs);
        default_user = (struct user){.uid = 65534, .gid = 65534};
    }
    aliases_open();
    recipient_open();
    mailbox_open();
    route_open();
    delivery_open();
    delivery_check_limit("mailbox_size_limit", params.mailbox_size_limit);
    delivery_open_filter("local_delivery_status_filter", params.local_delivery_status_filter);
}

int main(int argc, char **argv)
{
    static const struct worker local = {
        .name = "local",
        .sessions_per_process = 1,
        .needs_root = true,
        .before_jail = before_jail,
        .request = request,
    };

    return worker_main(&local, argc, argv);
}

#include "job.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "conf/params.h"
#include "delivery/command.h"
#include "mail/address.h"

/* A recipient that expands to more is not a mailing list but a mistake. */
enum { TARGETS_MAX = 100000 };

struct user default_user;

static bool is_duplicate(struct job *job, enum target_kind kind, struct slice text,
                         const struct origin *origin)
{
    CLEANUP(buf_release) struct buf key = BUF_INIT;

    buf_printf(&key, "%d:%ld:", (int)kind, origin->has_user ? (long)origin->user.uid : -1L);
    /* The same address counts again where it comes back to itself: its alias leads further. */
    if (kind == TARGET_ADDRESS) {
        buf_reset(&key);
        buf_printf(&key, "%p:", (const void *)origin);
        text = arena_lower(&job->delivery->arena, text);
    }
    buf_add_slice(&key, text);
    if (hash_has(&job->seen, buf_slice(&key)))
        return true;
    if (job->seen.n_entries < (size_t)params.duplicate_filter_limit)
        hash_set(&job->seen, buf_slice(&key), job);
    return false;
}

void job_add(struct job *job, enum target_kind kind, struct slice text,
             const struct origin *origin)
{
    struct dsn dsn;

    if (is_duplicate(job, kind, text, origin))
        return;
    if (++job->n_targets > TARGETS_MAX) {
        if (job->n_targets == TARGETS_MAX + 1) {
            delivery_dsn(job->delivery, &dsn, "4.3.5", "too many recipients after expansion");
            job_ended(job, job->recipient->address, &dsn);
        }
        return;
    }
    struct target *target = arena_new(&job->delivery->arena, struct target);
    *target = (struct target){
        .kind = kind, .text = arena_slice(&job->delivery->arena, text), .origin = origin};
    list_append(&job->targets, &target->link);
}

bool job_has_seen_mailbox(struct job *job, struct slice address)
{
    CLEANUP(buf_release) struct buf key = BUF_INIT;

    buf_add_text(&key, "mailbox:");
    buf_add_slice(&key, arena_lower(&job->delivery->arena, address));
    if (hash_has(&job->seen, buf_slice(&key)))
        return true;
    if (job->seen.n_entries < (size_t)params.duplicate_filter_limit)
        hash_set(&job->seen, buf_slice(&key), job);
    return false;
}

void job_derive(const struct job *job, struct slice address, struct recipient *derived)
{
    *derived = *job->recipient;
    derived->is_derived = true;
    derived->done = false;
    derived->address = arena_slice(&job->delivery->arena, address);
    if (derived->original.len == 0)
        derived->original = job->recipient->address;
}

void job_ended(struct job *job, struct slice address, const struct dsn *dsn)
{
    struct recipient derived;

    job_derive(job, address, &derived);
    delivery_ended(job->delivery, &derived, SLICE("local"), dsn);
    job->is_handled = true;
    if (!derived.done)
        job->is_incomplete = true;
}

static struct forward *find_forward(struct job *job, const struct origin *origin)
{
    LIST_FOREACH(&job->forwards, link)
    {
        struct forward *forward = CONTAINER_OF(link, struct forward, link);
        if (slice_same(forward->origin->address, origin->address) &&
            slice_same(forward->origin->sender, origin->sender))
            return forward;
    }
    struct forward *forward = arena_new(&job->delivery->arena, struct forward);
    forward->origin = origin;
    list_append(&job->forwards, &forward->link);
    return forward;
}

void job_forward(struct job *job, struct slice address, const struct origin *origin)
{
    struct forward *forward = find_forward(job, origin);
    struct arena *arena = &job->delivery->arena;

    for (size_t i = 0; i < forward->n_addresses; i++)
        if (slice_same_nocase(forward->addresses[i], address))
            return;
    if (forward->n_addresses == forward->capacity) {
        size_t capacity = forward->capacity ? forward->capacity * 2 : 8;
        struct slice *larger = arena_array(arena, struct slice, capacity);
        if (forward->n_addresses > 0)
            memcpy(larger, forward->addresses, forward->n_addresses * sizeof(*larger));
        forward->addresses = larger;
        forward->capacity = capacity;
    }
    forward->addresses[forward->n_addresses++] = arena_slice(arena, address);
}

/* -- environment
 * --------------------------------------------------------------------------------- */

struct environment {
    struct arena *arena;
    const char **list;
    size_t count;
};

/* What came from outside is limited to the bytes of command_expansion_filter. */
static void set(struct environment *environment, const char *name, struct slice value)
{
    char *entry = arena_printf(environment->arena, "%s=%.*s", name, SLICE_ARG(value));

    for (char *c = strchr(entry, '=') + 1; *c; c++)
        if (!strchr(params.command_expansion_filter, *c))
            *c = '_';
    environment->list[environment->count++] = entry;
}

static void set_user(struct environment *environment, const struct passwd *user)
{
    struct arena *arena = environment->arena;
    const char *shell = *user->pw_shell ? user->pw_shell : "/bin/sh";

    environment->list[environment->count++] = arena_printf(arena, "HOME=%s", user->pw_dir);
    environment->list[environment->count++] = arena_printf(arena, "SHELL=%s", shell);
}

const char *const *job_environment(struct job *job, const struct origin *origin,
                                   struct slice address, const struct passwd *user)
{
    enum { MORE = 32 };
    const struct delivery_request *request = &job->delivery->request;
    struct environment environment = {.arena = &job->delivery->arena};
    struct slice local = address_local_part(address), name = local, extension = SLICE_EMPTY;

    environment.list = command_environment(environment.arena, params.export_environment, MORE,
                                           &environment.count);
    address_split_extension(local, params.recipient_delimiter, params.owner_request_special,
                            &name, &extension);
    if (user)
        set_user(&environment, user);
    set(&environment, "USER", name);
    set(&environment, "LOGNAME", name);
    set(&environment, "LOCAL", local);
    if (extension.len > 0)
        set(&environment, "EXTENSION", extension);
    set(&environment, "DOMAIN", address_domain(address));
    set(&environment, "RECIPIENT", address);
    set(&environment, "ORIGINAL_RECIPIENT", job->recipient->original);
    set(&environment, "SENDER", origin->sender.len ? origin->sender : SLICE("MAILER-DAEMON"));
    if (request->envelope_id.len > 0)
        set(&environment, "ENVID", request->envelope_id);
    set(&environment, "CLIENT_HOSTNAME", request->log_client_name);
    set(&environment, "CLIENT_ADDRESS", request->log_client_address);
    set(&environment, "CLIENT_HELO", request->log_client_helo);
    set(&environment, "CLIENT_PROTOCOL", request->log_client_protocol);
    if (request->sasl_method.len > 0) {
        set(&environment, "SASL_METHOD", request->sasl_method);
        set(&environment, "SASL_USERNAME", request->sasl_username);
        set(&environment, "SASL_SENDER", request->sasl_sender);
    }
    return environment.list;
}

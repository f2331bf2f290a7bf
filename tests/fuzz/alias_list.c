/* The right-hand side of an alias, the lines of a .forward or :include: file. */
// links: local/expand local/job local/system_user
#include "../../local/expand.h"
#include "base/bug.h"
#include "conf/conf.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void check_targets(const struct job *job, const struct origin *origin)
{
    size_t n_targets = 0;

    LIST_FOREACH(&job->targets, link)
    {
        const struct target *target = CONTAINER_OF(link, struct target, link);
        bug_if(target->kind == TARGET_FILE && !slice_starts_with(target->text, "/"));
        bug_if(target->origin != origin);
        n_targets++;
    }
    bug_if(n_targets > job->n_targets);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static bool is_loaded;
    struct delivery delivery = {.fd = -1, .result_reason = BUF_INIT};
    struct recipient recipient = {.address = SLICE("list@example.test")};
    struct job job = {.delivery = &delivery, .recipient = &recipient, .seen = HASH_INIT};
    struct origin origin = {.kind = ORIGIN_ALIAS, .address = recipient.address};
    struct error error;

    bug_if(!is_loaded && conf_load(NULL, &error) < 0);
    is_loaded = true;
    list_init(&job.targets);
    list_init(&job.forwards);
    size_t n_entries = expand_list(&job, slice_of(data, size), &origin);
    bug_if(n_entries > size);
    check_targets(&job, &origin);
    hash_release(&job.seen, NULL);
    arena_release(&delivery.arena);
    return 0;
}

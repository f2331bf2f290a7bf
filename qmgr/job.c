/*
 * Entries, peers and jobs, and the choice of the next entry.
 */
#include "job.h"

#include "base/bug.h"
#include "base/mem.h"
#include "base/time.h"
#include "mail.h"

/* Between the ranks of two jobs that came one after the other there is room for preferred ones.
 */
#define RANK_STEP ((int64_t)1 << 24)

/* A search for a job to prefer looks at all; its result holds for so long. */
#define CANDIDATE_MS 1000

struct batch *batch_new(void)
{
    struct batch *batch = mem_new(struct batch);

    arena_init(&batch->arena);
    return batch;
}

void batch_free_if_empty(struct batch *batch)
{
    if (batch->n_entries > 0)
        return;
    arena_release(&batch->arena);
    mem_free(batch);
}

static struct job *job_get(struct mail *mail, struct transport *transport)
{
    struct job *job;

    LIST_FOREACH(&mail->jobs, link)
    {
        job = CONTAINER_OF(link, struct job, mail_link);
        if (job->transport == transport)
            return job;
    }
    job = mem_new(struct job);
    job->mail = mail;
    job->transport = transport;
    job->rank = ++transport->n_jobs_made * RANK_STEP;
    list_init(&job->peers);
    list_append(&mail->jobs, &job->mail_link);
    return job;
}

void job_free_all(struct mail *mail)
{
    LIST_FOREACH(&mail->jobs, link)
    {
        struct job *job = CONTAINER_OF(link, struct job, mail_link);

        bug_if(job->n_entries > 0);
        list_remove(&job->mail_link);
        mem_free(job);
    }
}

/* The job's entries for the destination; those of an earlier reading may stand apart. */
static struct peer *peer_get(struct job *job, struct destination *destination)
{
    struct peer *peer = destination->newest;

    if (peer && peer->job == job)
        return peer;
    peer = mem_new(struct peer);
    peer->job = job;
    peer->destination = destination;
    list_init(&peer->entries);
    list_append(&job->peers, &peer->link);
    heap_add(&destination->peers, &peer->node, job->rank);
    destination->newest = peer;
    return peer;
}

static void peer_free(struct peer *peer)
{
    struct destination *destination = peer->destination;

    if (destination->newest == peer)
        destination->newest = NULL;
    list_remove(&peer->link);
    heap_remove(&destination->peers, &peer->node);
    mem_free(peer);
}

/* Put the entry behind the others that its mail has for the destination. */
static void entry_link(struct entry *entry, struct destination *destination)
{
    struct job *job = job_get(entry->mail, destination->transport);
    struct peer *peer = peer_get(job, destination);

    entry->job = job;
    entry->peer = peer;
    entry->destination = destination;
    list_append(&peer->entries, &entry->link);
    destination->n_todo++;
    job->transport->n_recipients += (int64_t)entry->n_recipients;
    if (job->n_entries++ == 0) {
        list_append(&job->transport->jobs, &job->transport_link);
        if (!job->transport->candidate) /* what the last search missed */
            job->transport->candidate = job;
    }
    destination_update(destination);
}

static void entry_unlink(struct entry *entry)
{
    struct peer *peer = entry->peer;
    struct job *job = entry->job;
    struct destination *destination = entry->destination;

    list_remove(&entry->link);
    entry->peer = NULL;
    destination->n_todo--;
    if (list_is_empty(&peer->entries))
        peer_free(peer);
    if (--job->n_entries == 0) {
        list_remove(&job->transport_link);
        if (job->transport->candidate == job)
            job->transport->candidate = NULL;
    }
    destination_update(destination);
}

static struct entry *entry_new(struct mail *mail, struct destination *destination,
                               struct batch *batch)
{
    struct entry *entry = arena_new(&batch->arena, struct entry);

    entry->mail = mail;
    entry->batch = batch;
    batch->n_entries++;
    mail->n_entries++;
    entry_link(entry, destination);
    return entry;
}

/* Can the entry take another recipient? One of another batch would outlive its memory. */
static bool entry_has_room(const struct entry *entry, const struct batch *batch)
{
    int64_t limit = entry->destination->transport->limits.recipients_per_delivery;

    if (entry->batch != batch || mail_is_verp(entry->mail))
        return false;
    return limit == 0 || (int64_t)entry->n_recipients < limit;
}

static struct entry *last_entry(struct mail *mail, const struct destination *destination)
{
    struct peer *peer = destination->newest;

    if (!peer || peer->job->mail != mail)
        return NULL;
    return CONTAINER_OF(peer->entries.head.previous, struct entry, link);
}

static struct entry *first_entry(struct peer *peer)
{
    bug_if(list_is_empty(&peer->entries)); /* an empty peer is freed at once */
    return CONTAINER_OF(peer->entries.head.next, struct entry, link);
}

static void entry_add(struct entry *entry, const struct recipient *recipient)
{
    if (entry->n_recipients == entry->capacity) {
        size_t capacity = entry->capacity ? entry->capacity * 2 : 1;
        struct recipient *larger =
            arena_array(&entry->batch->arena, struct recipient, capacity);

        if (entry->n_recipients)
            memcpy(larger, entry->recipients, entry->n_recipients * sizeof(*larger));
        entry->recipients = larger;
        entry->capacity = capacity;
    }
    entry->recipients[entry->n_recipients++] = *recipient;
    entry->destination->transport->n_recipients++;
    mail_add_recipients(entry->mail, 1);
}

void job_add_recipient(struct mail *mail, struct destination *destination, struct batch *batch,
                       const struct recipient *recipient)
{
    struct entry *entry = last_entry(mail, destination);

    if (!entry || !entry_has_room(entry, batch))
        entry = entry_new(mail, destination, batch);
    entry_add(entry, recipient);
}

void job_move_waiting(struct destination *from, struct destination *to)
{
    struct heap_node *node;

    bug_if(from == to);
    while ((node = heap_top(&from->peers))) {
        struct peer *peer = CONTAINER_OF(node, struct peer, node);
        struct entry *entry = first_entry(peer);

        from->transport->n_recipients -= (int64_t)entry->n_recipients;
        entry_unlink(entry);
        entry_link(entry, to);
    }
}

void job_move_selected(struct entry *entry, struct destination *to)
{
    struct destination *from = entry->destination;

    from->transport->n_recipients -= (int64_t)entry->n_recipients;
    transport_end(from->transport);
    destination_end(from);
    entry_link(entry, to);
    destination_forget_if_idle(from);
}

/* Deliveries that the job needs, at most: those in memory and one for each unread recipient. */
static int64_t deliveries_left(const struct job *job)
{
    return job->n_entries + job->mail->n_unread;
}

static bool can_deliver_now(const struct job *job)
{
    LIST_FOREACH(&job->peers, link)
    {
        if (destination_is_ready(CONTAINER_OF(link, struct peer, link)->destination))
            return true;
    }
    return false;
}

/* May the job go before the current one: is it behind, ready, and no dearer than affordable? */
static bool is_candidate(const struct job *job, const struct job *current, int64_t affordable)
{
    return job->rank > current->rank && deliveries_left(job) <= affordable &&
           can_deliver_now(job);
}

/* The job with the best ratio of time waited to deliveries needed. */
static struct job *search_candidate(const struct job *current, int64_t affordable)
{
    struct timeval now = time_wall();
    struct job *best = NULL;
    double best_score = 0;

    LIST_FOREACH(&current->transport->jobs, link)
    {
        struct job *job = CONTAINER_OF(link, struct job, transport_link);
        double waited;

        if (!is_candidate(job, current, affordable))
            continue;
        waited = timeval_diff_seconds(job->mail->active_since, now) + 1;
        if (waited / (double)deliveries_left(job) > best_score) {
            best_score = waited / (double)deliveries_left(job);
            best = job;
        }
    }
    return best;
}

static struct job *find_candidate(const struct job *current)
{
    struct transport *transport = current->transport;
    int64_t now = time_now_ms();
    /* All that the current job can still earn. */
    int64_t affordable =
        (deliveries_left(current) + current->slots) / transport->limits.slot_cost;

    if (transport->candidate_for != current || transport->candidate_found_at == 0 ||
        now >= transport->candidate_found_at + CANDIDATE_MS) {
        transport->candidate = search_candidate(current, affordable);
        transport->candidate_for = current;
        transport->candidate_found_at = now;
    }
    if (transport->candidate && !is_candidate(transport->candidate, current, affordable))
        return NULL;
    return transport->candidate;
}

static void job_set_rank(struct job *job, int64_t rank)
{
    job->rank = rank;
    LIST_FOREACH(&job->peers, link)
    {
        struct peer *peer = CONTAINER_OF(link, struct peer, link);

        heap_change(&peer->destination->peers, &peer->node, rank);
        destination_update(peer->destination);
    }
}

/* Let a smaller job go first when the current one has earned the slots for it. */
static void prefer_smaller(struct job *current)
{
    const struct transport_limits *limits = &current->transport->limits;
    struct job *candidate;
    int64_t needed;

    if (limits->slot_cost <= 0 || current->slots <= 0 ||
        current->n_selected + deliveries_left(current) <
            limits->minimum_slots * limits->slot_cost)
        return;
    candidate = find_candidate(current);
    if (!candidate)
        return;
    needed = deliveries_left(candidate);
    /* The loan and the discount let it go earlier; the price is the same. */
    if ((current->slots / limits->slot_cost + limits->slot_loan) * 100 <
        needed * limits->slot_discount)
        return;
    current->slots -= needed * limits->slot_cost;
    job_set_rank(candidate, current->rank - 1);
    current->transport->candidate_found_at = 0;
}

/* The destination whose job comes first, of those for which the transport has room. */
static struct peer *first_peer(const struct transport *transport)
{
    struct heap_node *node = NULL;
    struct destination *destination;

    for (int standing = 0; standing < STANDINGS; standing++) {
        struct heap_node *top = heap_top(&transport->ready[standing]);

        if (top && transport_has_room(transport, (enum standing)standing) &&
            (!node || top->key < node->key))
            node = top;
    }
    if (!node)
        return NULL;
    destination = CONTAINER_OF(node, struct destination, ready);
    return CONTAINER_OF(heap_top(&destination->peers), struct peer, node);
}

struct entry *job_select(struct transport *transport)
{
    struct peer *peer;
    struct entry *entry;

    peer = first_peer(transport);
    if (!peer)
        return NULL;
    prefer_smaller(peer->job);
    peer = first_peer(transport);
    bug_if(!peer);
    entry = first_entry(peer);
    entry->job->n_selected++;
    entry->job->slots++;
    entry_unlink(entry);
    destination_begin(entry->destination);
    transport_begin(transport);
    return entry;
}

void job_entry_done(struct entry *entry)
{
    struct destination *destination = entry->destination;
    struct batch *batch = entry->batch;
    struct mail *mail = entry->mail;
    int64_t n_recipients = (int64_t)entry->n_recipients;

    destination->transport->n_recipients -= n_recipients;
    transport_end(destination->transport);
    destination_end(destination);
    destination_forget_if_idle(destination);
    mail_add_recipients(mail, -n_recipients);
    mail->n_entries--;
    batch->n_entries--; /* the entry lies in it */
    batch_free_if_empty(batch);
}

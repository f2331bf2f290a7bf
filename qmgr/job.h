/*
 * What there is to deliver: entries (one delivery each) of peers (a message's part for one
 * destination) of jobs (a message's part for one transport), and which entry is next.
 *
 * Jobs are served in the order of their arrival, but small ones may be preferred: each delivery
 * of a big job earns it a fraction of a slot (1/delivery_slot_cost), and when it has earned
 * about as many slots as a smaller job has deliveries, that job goes first. So a message to a
 * few recipients does not wait for one to ten thousand, which loses no more than that fraction.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/heap.h"
#include "base/list.h"
#include "destination.h"
#include "mail/message.h"

struct mail;

struct job {
    struct mail *mail;
    struct transport *transport;
    struct list_link mail_link;      /* in mail->jobs */
    struct list_link transport_link; /* in transport->jobs while something is to do */
    struct list peers;               /* with entries to deliver */
    int64_t rank;                    /* the lower, the earlier */
    int64_t n_entries;               /* to deliver */
    int64_t n_selected;              /* handed out so far */
    int64_t slots;                   /* earned, in units of 1/slot_cost */
};

struct peer {
    struct job *job;
    struct destination *destination;
    struct list_link link; /* in job->peers */
    struct heap_node node; /* in destination->peers */
    struct list entries;
};

/* The memory of recipients that were read together. */
struct batch {
    struct arena arena;
    size_t n_entries; /* that lie in it */
};

struct entry {
    struct list_link link; /* in peer->entries while to be delivered */
    struct mail *mail;
    struct job *job;
    struct peer *peer; /* NULL while in delivery */
    struct destination *destination;
    struct batch *batch;
    struct recipient *recipients; /* in the batch's arena */
    size_t n_recipients, capacity;
};

/* Add a recipient of the mail to what the destination gets; it lies in the batch. */
void job_add_recipient(struct mail *mail, struct destination *destination, struct batch *batch,
                       const struct recipient *recipient);

/*
 * The entry to deliver next, taken out and counted as being delivered (transport, destination);
 * NULL when there is none or no room. job_entry_done must follow.
 */
struct entry *job_select(struct transport *transport);

/* The attempt has ended: frees the entry. Its mail stays (mail.h). */
void job_entry_done(struct entry *entry);

/*
 * Put all that waits for the destination (or the one entry that was selected) into the queue of
 * another. The counts of the mail do not change.
 */
void job_move_waiting(struct destination *from, struct destination *to);
void job_move_selected(struct entry *entry, struct destination *to);

/* Free the jobs of a mail that has no entries left. */
void job_free_all(struct mail *mail);

/* A batch without entries frees itself with the last one, or here. */
struct batch *batch_new(void);
void batch_free_if_empty(struct batch *batch);

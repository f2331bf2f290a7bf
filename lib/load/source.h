/*
 * What the programs that make test mail (smtp-source, qmqp-source) have in common: how many
 * sessions and messages, who writes to whom, and the pace. For programs: trouble ends them.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "net/place.h"
#include "net/stream.h"

struct load_source {
    /* What was asked for; load_source_init sets what nobody asks for. */
    int64_t sessions, messages, recipients, tries;
    int64_t length; /* of the text in bytes; 0: not given */
    int64_t pause_ms;
    bool pause_is_random; /* up to pause_ms */
    bool shows_count;
    int family;
    const char *host_name, *sender, *recipient;
    /* How far it is. */
    struct place server;
    int64_t n_left; /* messages that no session has begun with */
    int64_t n_done;
};

/* The options that load_source_option knows, for getopt(3). */
#define LOAD_SOURCE_OPTIONS "46cC:f:l:m:M:r:R:s:t:vw:"

void load_source_init(struct load_source *source);
/* Take an option; false when it is none of ours. A bad value is the end of the program. */
MUST_USE bool load_source_option(struct load_source *source, int option, const char *argument);

/* Find the server, on default_port unless text says which, and the names of sender, recipient
 * and host that nobody gave. */
void load_source_begin(struct load_source *source, const char *text, uint16_t default_port);
/* Run session(source) in as many coroutines as there are to be sessions, until all have ended.
 */
void load_source_run(struct load_source *source, void (*session)(void *source));

/*
 * May the session send another message? Waits for the time between two of them if it is not its
 * first.
 */
MUST_USE MAY_WAIT bool load_source_next(struct load_source *source, bool is_first);
/* Connect, in as many tries as were asked for; the end of the program when none succeeds. */
MAY_WAIT void load_source_connect(struct load_source *source, struct stream *stream,
                                  int64_t timeout_ms);
/* A message has arrived. */
void load_source_count(struct load_source *source);
/* The end of the program: the server is gone, or does not answer, "while sending message". */
NORETURN void load_source_lost(const struct stream *stream, const char *what);

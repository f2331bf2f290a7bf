/*
 * What master and a worker process agree on: the descriptors a worker is born with, and the
 * words they exchange over the control socket (SOCK_SEQPACKET, one word a packet).
 */
#pragma once

#include <stdint.h>

enum worker_fd {
    WORKER_FD_CONFIG = 3, /* memory file: main_cf_serialize of the checked main.cf */
    WORKER_FD_CONTROL = 4,
    WORKER_FD_SCOREBOARD = 5, /* worker/scoreboard.h */
    WORKER_FD_SLOT_FREED = 6, /* event: a slot was freed while scoreboard.n_waiting */
    WORKER_FD_LISTEN = 7,     /* the first listening socket; the others follow */
};

enum control_word {
    CONTROL_HELLO = 'H', /* worker: started; struct control_message is filled */
    CONTROL_LOOK = 'L',  /* worker: nobody takes new work now; or one more would help */
    CONTROL_DRAIN = 'D', /* master: take no new work, end with the last job */
};

struct control_message {
    uint32_t word;
    /* Of the hello: */
    uint32_t n_max;           /* processes at most; 0: as many as there is work for */
    uint32_t counts_draining; /* processes that drain count for n_max, too */
    uint32_t reserved;
};

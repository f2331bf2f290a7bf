/*
 * The words in master.cf of the services that run commands: pipe's flags=DRhu user=vmail:mail
 * argv=/path ${recipient} ..., and spawn's user=vmail argv=/path ...
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "base/error.h"
#include "delivery/user.h"

struct attributes {
    unsigned copy_flags; /* MAIL_COPY_ bits: B D F O R . > */
    bool fold_host;      /* h */
    bool fold_user;      /* u */
    bool quote;          /* q */
    bool is_final;       /* X */
    bool one_recipient;  /* D and O speak of a single one */
    char one_recipient_flag;
    struct user user;
    const char *end_of_line;
    const char *null_sender;
    int64_t size_limit; /* bytes; 0: none */
    const char *chroot_directory, *directory;
    const char *const *argv; /* NULL-terminated, macros not expanded */
    size_t argc;
};

/*
 * Parse the words, which must stay; what is made of them lies in the arena. For spawn there is
 * no attribute besides user= and argv=. Permanent error where a word makes no sense (unknown
 * attribute or flag, unknown user, root, the mail owner) or user= or argv= is missing. Reads
 * params.mail_owner.
 */
enum attributes_program { ATTRIBUTES_OF_PIPE, ATTRIBUTES_OF_SPAWN };

MUST_USE int attributes_parse(struct attributes *attributes, enum attributes_program program,
                              int argc, const char *const *argv, struct arena *arena,
                              struct error *error);

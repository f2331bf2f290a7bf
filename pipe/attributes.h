/*
 * pipe's words in master.cf: flags=DRhu user=vmail:mail argv=/path ${recipient} ...
 */
#pragma once

#include <stdbool.h>

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
 * Parse the words; they must stay. Ends the program, naming the service, where a word makes no
 * sense: unknown attribute or flag, unknown user, root, the mail owner.
 */
void attributes_parse(struct attributes *attributes, const char *service, int argc,
                      char **argv);

/*
 * What is wrong with the files of key pairs, in the words that Postfix has for it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"

/* A file of a set. Where one file has key and certificates, or several have, it is a chain. */
enum key_file_role { KEY_FILE_CHAIN, KEY_FILE_CERT, KEY_FILE_KEY };

struct key_file {
    char *path;
    enum key_file_role role;
    const char *type; /* "RSA", "DSA", "ECDSA"; NULL: of a list of chains */
    struct buf stamp;
    struct buf contents; /* emptied when the set has been read */
};

/*
 * Append lines for the log: the file could not be read for this reason. A key is behind its
 * certificate in an array. True: it is a chain that cannot even be opened, which a client does
 * without when it is in a list (TLSKEY_UNREADABLE).
 */
bool faults_of_reading(const struct key_file *file, const struct error *error,
                       struct buf *faults);

/*
 * The same for files whose contents have been read and are not as they should be, for the
 * reason of keys_read.
 */
void faults_of_contents(const struct key_file *files, size_t n_files, const struct error *error,
                        struct buf *faults);

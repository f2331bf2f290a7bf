/*
 * What postmap -q and -s print. For commands: trouble ends the process with a message.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/slice.h"
#include "table/table.h"

/* Parts of a message on standard input that become keys, instead of its lines. */
enum query_parts {
    QUERY_HEADERS = 1, /* of the message */
    QUERY_BODY = 2,    /* lines of the body */
    QUERY_MIME = 4,    /* headers of its parts are headers, too */
};

struct query_options {
    struct table_options table;
    const char *separator;  /* between key and value; NULL: a tab */
    unsigned message_parts; /* QUERY_ bits */
    bool as_json;
};

/*
 * Print the answer of the first table that knows the key; with key "-" that of every line of
 * standard input, as key, separator and answer. specs ends with NULL. True when anything was
 * found.
 */
bool query_tables(char **specs, const char *key, const struct query_options *options);

/* Print all entries of all tables. */
void query_list(char **specs, const struct query_options *options);

/* The key, or with "-" the lines of standard input. */
struct query_keys {
    struct buf text;
    struct slice *keys;
    size_t n_keys;
};

void query_keys_read(struct query_keys *keys, const char *key);
void query_keys_release(struct query_keys *keys);

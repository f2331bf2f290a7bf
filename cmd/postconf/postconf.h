/*
 * What the files of postconf share: the options, the two configuration files, and the names
 * that are parameters.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/slice.h"
#include "conf/known_names.h"
#include "conf/main_cf.h"
#include "conf/master_cf.h"
#include "conf/params.h"

enum postconf_subject {
    SUBJECT_MAIN,            /* -p and none: main.cf */
    SUBJECT_MASTER_ENTRY,    /* -M */
    SUBJECT_MASTER_FIELD,    /* -F */
    SUBJECT_MASTER_PARAM,    /* -P */
    SUBJECT_LOCK_TYPES,      /* -l */
    SUBJECT_TABLE_TYPES,     /* -m */
    SUBJECT_SERVER_SASL,     /* -a */
    SUBJECT_CLIENT_SASL,     /* -A */
    SUBJECT_BOUNCE_EXPANDED, /* -b */
    SUBJECT_BOUNCE_RAW,      /* -t */
    SUBJECT_TLS,             /* -T */
    SUBJECT_MANUAL,          /* --manual */
};

enum postconf_action { ACTION_SHOW, ACTION_EDIT, ACTION_COMMENT_OUT, ACTION_REMOVE };

struct options {
    enum postconf_subject subject;
    enum postconf_action action;
    int classes;      /* -C: NAME_CLASS_ bits */
    bool defaults;    /* -d */
    bool non_default; /* -n */
    bool fold;        /* -f */
    bool no_names;    /* -h */
    bool no_values;   /* -H */
    bool expand;      /* -x */
    bool json;        /* -j */
    bool quiet;       /* -q: no word about old names */
    const char *directory;
    const char **overrides;
    size_t n_overrides;
    const char *tls_request; /* -T */
    const char **arguments;
    size_t n_arguments;
};

struct postconf {
    struct options options;
    struct main_cf main_cf;     /* empty with -d */
    struct master_cf master_cf; /* what could be read of it */
    struct known_names known;
    struct buf main_path, master_path;
};

/* show_master.c */

/* Append the value with the service's own -o options on top of main.cf. -1: bad syntax in it.
 */
MUST_USE int service_expand(const struct postconf *postconf,
                            const struct master_service *service, const char *value,
                            struct buf *out, struct error *error);

/* warn.c */

/* Warn about values that nothing reads, names that nothing defines, and names of the past. */
void names_warn(struct postconf *postconf);

/* Warn "NAME: unknown parameter", with the nearest name that exists. */
void names_warn_unknown(const char *name);

/* print.c */

/*
 * Print a line with white space reduced to single blanks; with -f broken before column 80, the
 * lines after the first indented.
 */
void print_line(const struct options *options, struct slice line);

/* "name = value", or what -h and -H leave of it. */
void print_assignment(const struct options *options, const char *name, struct slice value);

/* A JSON object on a line; n pairs of name and value. */
struct json_pair {
    const char *name;
    struct slice value;
};

void print_json(const struct json_pair *pairs, size_t n);

/* Append a master.cf entry in columns, folded or as one line (without line end). */
void format_service(struct buf *out, const struct master_service *service, bool fold);

/* Append the command of an entry; column is where it starts, for folding. */
void format_command(struct buf *out, const struct master_service *service, bool fold,
                    size_t column);

/* show_main.c, show_master.c */
void show_main(struct postconf *postconf);
void show_master(struct postconf *postconf);

/* edit_main.c, edit_master.c: end the program on errors. */
void edit_main(struct postconf *postconf);
void edit_master(struct postconf *postconf);

/* info.c */
void show_info(const struct postconf *postconf);

/* bounce.c: -b and -t. */
void show_bounce_texts(const struct options *options);

/* manual.c: postconf(5) in mdoc. */
void print_manual(void);

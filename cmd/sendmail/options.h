/*
 * The command line of sendmail, with all the options that decades of programs have passed.
 */
#pragma once

#include <stdbool.h>

enum mode {
    MODE_SUBMIT,     /* -bm */
    MODE_VERIFY,     /* -bv: report what would be done, deliver nothing */
    MODE_SMTP,       /* -bs */
    MODE_LIST,       /* -bp, mailq */
    MODE_FLUSH,      /* -q */
    MODE_FLUSH_SITE, /* -qR */
    MODE_FLUSH_ID,   /* -qI */
    MODE_ALIASES,    /* -bi, -I, newaliases */
    MODE_DAEMON,     /* -bd, -bl */
    MODE_NOTHING,    /* -bh, -bH, -q1h: accepted, nothing to do */
};

struct options {
    enum mode mode;
    const char *flush_what;      /* the site or queue ID */
    const char *alias_database;  /* -oA; NULL: alias_database */
    const char *sender;          /* -f, -r; NULL: the user */
    const char *full_name;       /* -F; NULL: the user's */
    const char *encoding;        /* "7bit", "8bit" or NULL */
    const char *envelope_id;     /* -V; NULL: none */
    const char *verp_delimiters; /* -XV; NULL: none */
    int notify;                  /* NOTIFY_ bits, 0: not given */
    int ret;                     /* RET_FULL, RET_HEADERS, 0 */
    int send_options;            /* SEND_ bits of -O */
    bool wants_report;           /* -v */
    int n_verbose;               /* how often -v was said */
    bool dot_is_text;            /* -i */
    bool extracts_recipients;    /* -t */
    bool is_gateway;             /* -G: headers are left alone */
    char **recipients;           /* the words behind the options, NULL-terminated */
};

/* The directory of -C, or NULL; looked for before all else, since main.cf is read with it. */
const char *options_config_directory(int argc, char **argv);

/* Needs params. Bad usage ends the program. */
void options_parse(struct options *options, int argc, char **argv);

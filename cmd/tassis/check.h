/*
 * tassis check: what is wrong with an instance, before mail finds out. One file for each kind
 * of question, all on the same view of the configuration.
 */
#pragma once

#include "base/arena.h"
#include "base/compiler.h"
#include "conf/main_cf.h"
#include "conf/master_cf.h"
#include "net/hostport.h"
#include "report.h"

/* A parameter that main.cf or a service's -o sets, with its value expanded. */
struct setting {
    const char *name;
    const char *value;
    const char *file;
    int line;
    const struct master_service *service; /* NULL: main.cf */
};

struct check {
    struct report *report;
    const struct main_cf *main_cf;
    struct master_cf master_cf;
    size_t n_own_services; /* those of the file; behind them come those that are added */
    struct main_cf *service_main_cf; /* of each own service that sets anything with -o */
    struct arena arena;
    struct setting *settings; /* in the order of the files, main.cf first */
    size_t n_settings;
    bool is_running;
    bool builds_indexes; /* an index that is missing will be built: no reason to worry */
};

/* Where a setting, where a service stands. */
struct place check_place(const char *kind, const struct setting *setting);
struct place check_place_of(const char *kind, const struct master_service *service);

/*
 * The verbs "check" and "quick-check": look everything over, with -j as JSON lines. The exit
 * status: 0 when nothing is wrong, 1 when there was an error, and for "tassis" also when there
 * was a warning (scripts know that "postfix check" passes over these).
 */
int check_run(int argc, char **argv, const char *program);

/* The same where main.cf itself cannot be used. */
int check_unusable(int argc, char **argv, const char *why);

/*
 * Everything but what belongs to a running system, for other verbs. -1 when master.cf cannot be
 * read, which has been reported.
 */
MUST_USE int check_open(struct check *check, struct report *report);
void check_release(struct check *check);

/* True when the directories can be looked over, and made where they are missing. */
bool check_places(struct check *check);

/* The questions; each reports what it finds. */
void check_parameters(struct check *check);
void check_files(struct check *check);
void check_tables(struct check *check);
void check_services(struct check *check);
void check_listeners(struct check *check);
void check_restrictions(struct check *check);
void check_tls(struct check *check);
void check_destinations(struct check *check);
void check_clients(struct check *check);
void check_milters(struct check *check);
MAY_WAIT void check_peers(struct check *check);

/* Is there such a program: at this path, or without one where commands are looked for? */
bool check_finds_program(const char *name);

/* What the service reads: main.cf with its own -o settings. NULL: main.cf itself. */
const struct main_cf *check_main_cf_of(const struct check *check,
                                       const struct master_service *service);

/* Does master start it: is it neither switched off nor without work here? */
bool check_is_started(const struct master_service *service);

/* An entry of a table that a parameter names. */
struct table_mention;

struct entry {
    struct check *check;
    const struct setting *setting;
    const struct table_mention *mention;
    struct slice key, value; /* no key: each has this value */
    int *n_findings;
};

/*
 * Look at the entries of each table that the setting names and that is a file or stands in
 * main.cf: not all of a large one, and not on after some findings.
 */
void check_entries(struct check *check, const struct setting *setting,
                   void (*look)(const struct entry *entry));
/* Something is wrong with this one: a warning that names table and key. */
void check_entry_report(const struct entry *entry, const char *kind, const char *text);

/* Is the socket that of a service of our own, which is not there before the system runs? */
bool check_will_serve(const struct check *check, const struct socket_name *name);

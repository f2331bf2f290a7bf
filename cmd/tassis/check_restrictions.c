/*
 * tassis check: are the restrictions of access control such as smtpd knows, with what each of
 * them needs behind it?
 */
#include <string.h>

#include "base/mem.h"
#include "check.h"
#include "conf/restrictions.h"
#include "conf/words.h"
#include "dns/filter.h"
#include "table/table.h"

#define KIND "restriction"

static const char *const lists[] = {
    "smtpd_client_restrictions",      "smtpd_helo_restrictions",
    "smtpd_sender_restrictions",      "smtpd_relay_restrictions",
    "smtpd_recipient_restrictions",   "smtpd_data_restrictions",
    "smtpd_end_of_data_restrictions", "smtpd_etrn_restrictions",
    "local_header_rewrite_clients",
};

/* Going through one list. */
struct walk {
    struct report *to;
    const struct setting *setting;
    const struct hash *classes; /* of the whole configuration */
    struct slice rest;
};

static bool is_list(const struct walk *walk)
{
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        if (strcmp(walk->setting->name, lists[i]) == 0)
            return true;
    }
    return hash_has(walk->classes, slice_from(walk->setting->name));
}

/* Arguments may be in braces: "check_client_access { inline:{a=b, c=d} }". */
static bool next_word(struct walk *walk, struct slice *word)
{
    if (!words_next(&walk->rest, WORDS_COMMA_SPACE, word))
        return false;
    if (slice_starts_with(*word, "{") && words_unbrace(*word, word, NULL) < 0)
        *word = SLICE_EMPTY;
    return true;
}

static bool is_restriction(const struct walk *walk, struct slice word)
{
    return restriction_row_find(word) || hash_has(walk->classes, word) ||
           slice_equals_nocase(word, "warn_if_reject");
}

/* -- arguments ----------------------------------------------------------------------------- */

static void check_table_type(struct walk *walk, struct slice spec)
{
    struct slice name = spec, type = slice_split(&name, ':');

    while (slice_equals(type, "proxy"))
        type = slice_split(&name, ':');
    if (!table_driver_find(type))
        report(walk->to, SEVERITY_WARNING, check_place("table-type", walk->setting),
               "%s: unsupported table type: %.*s", walk->setting->name, SLICE_ARG(spec));
}

static void check_table(struct walk *walk, const char *name, struct slice word)
{
    if (restriction_is_table(word))
        check_table_type(walk, word);
    else
        report(walk->to, SEVERITY_WARNING, check_place(KIND, walk->setting),
               "%s: %s needs a table (type:name), not \"%.*s\"", walk->setting->name, name,
               SLICE_ARG(word));
}

static void check_domain(struct walk *walk, const char *name, struct slice word)
{
    struct slice filter = word;

    (void)slice_split(&filter, '=');
    if (slice_find(word, '=') < word.len && !dns_filter_is_valid(filter))
        report(walk->to, SEVERITY_WARNING, check_place(KIND, walk->setting),
               "%s: %s: malformed filter in \"%.*s\"", walk->setting->name, name,
               SLICE_ARG(word));
}

static void check_number(struct walk *walk, const char *name, struct slice word)
{
    int64_t number;

    if (!slice_to_int(word, 0, INT32_MAX, &number))
        report(walk->to, SEVERITY_WARNING, check_place(KIND, walk->setting),
               "%s: %s needs a number, not \"%.*s\"", walk->setting->name, name,
               SLICE_ARG(word));
}

static void check_argument(struct walk *walk, const struct restriction_row *row)
{
    static const char *const needs[] = {
        [RESTRICTION_ARGUMENT_TABLE] = "a table (type:name)",
        [RESTRICTION_ARGUMENT_CCERT] = "a table (type:name)",
        [RESTRICTION_ARGUMENT_DOMAIN] = "a domain name",
        [RESTRICTION_ARGUMENT_NUMBER] = "a number",
        [RESTRICTION_ARGUMENT_POLICY] = "a socket (inet:host:port or unix:path)",
    };
    struct slice before = walk->rest, word = SLICE_EMPTY;

    if (row->argument == RESTRICTION_ARGUMENT_NONE)
        return;
    if (!next_word(walk, &word) || is_restriction(walk, word)) {
        report(walk->to, SEVERITY_WARNING, check_place(KIND, walk->setting),
               "%s: %s needs %s behind it, and there is none", walk->setting->name, row->name,
               needs[row->argument]);
        walk->rest = before;
    } else if (row->argument == RESTRICTION_ARGUMENT_TABLE) {
        check_table(walk, row->name, word);
    } else if (row->argument == RESTRICTION_ARGUMENT_CCERT) {
        check_table(walk, row->name, slice_word(&word, WORDS_COMMA_SPACE));
    } else if (row->argument == RESTRICTION_ARGUMENT_DOMAIN) {
        check_domain(walk, row->name, word);
    } else if (row->argument == RESTRICTION_ARGUMENT_NUMBER) {
        check_number(walk, row->name, word);
    } /* whether the policy server's socket makes sense is found when it is tried */
}

/* -- lists --------------------------------------------------------------------------------- */

static void unknown(struct walk *walk, struct slice word)
{
    const char *nearest = restriction_name_nearest(word);

    if (nearest) {
        report(walk->to, SEVERITY_WARNING, check_place(KIND, walk->setting),
               "%s: unknown restriction \"%.*s\" (the nearest name is %s)", walk->setting->name,
               SLICE_ARG(word), nearest);
    } else {
        report(walk->to, SEVERITY_WARNING, check_place(KIND, walk->setting),
               "%s: unknown restriction \"%.*s\"", walk->setting->name, SLICE_ARG(word));
    }
    if (slice_starts_with_nocase(word, "check_"))
        (void)next_word(walk, &word); /* its argument */
}

static void check_age(struct walk *walk, const char *name)
{
    static const struct {
        const char *name, *advice;
    } former[] = {
        {"reject_maps_rbl", "obsolete restriction without effect: use reject_rbl_client"},
        {"permit_naked_ip_address", "obsolete restriction without effect: use "
                                    "permit_mynetworks or permit_sasl_authenticated"},
        {"check_relay_domains", "obsolete restriction: use reject_unauth_destination"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(former); i++) {
        if (strcmp(name, former[i].name) == 0)
            report(walk->to, SEVERITY_WARNING, check_place(KIND, walk->setting), "%s: %s: %s",
                   walk->setting->name, name, former[i].advice);
    }
}

static void check_list(struct walk *walk)
{
    struct slice word;

    while (next_word(walk, &word)) {
        const struct restriction_row *row = restriction_row_find(word);

        if (row)
            check_age(walk, row->name);
        if (row)
            check_argument(walk, row);
        else if (restriction_is_table(word))
            check_table_type(walk, word);
        else if (!is_restriction(walk, word))
            unknown(walk, word);
    }
}

static void collect_classes(const struct check *check, struct hash *classes)
{
    for (size_t i = 0; i < check->n_settings; i++) {
        struct slice rest = slice_from(check->settings[i].value), name;

        if (strcmp(check->settings[i].name, "smtpd_restriction_classes") != 0)
            continue;
        while (words_next(&rest, WORDS_COMMA_SPACE, &name))
            (void)hash_set(classes, name, classes);
    }
}

/* -- who may relay ------------------------------------------------------------------------- */

/* The lists of one service, and behind them those of the classes that they name. */
struct lists {
    const struct main_cf *main_cf;
    struct hash seen; /* classes: they may name each other */
    struct buf text;
};

static void add_list(struct lists *all, const char *name)
{
    struct error error;

    buf_add_char(&all->text, ' ');
    if (main_cf_value(all->main_cf, name, &all->text, &error) < 0)
        buf_add_text(&all->text, "reject"); /* that it has no value is said elsewhere */
}

static void add_class(struct lists *all, const struct hash *classes, struct slice word)
{
    CLEANUP(mem_free_text) char *name = slice_dup(word);

    if (!hash_has(classes, word) || hash_has(&all->seen, word))
        return;
    (void)hash_set(&all->seen, slice_from(name), all);
    add_list(all, name);
}

static bool is_guard(struct slice word)
{
    for (size_t i = 0; restriction_guards[i]; i++) {
        if (slice_equals_nocase(word, restriction_guards[i]))
            return true;
    }
    return false;
}

static bool has_guard(struct lists *all, const struct hash *classes)
{
    struct slice rest = buf_slice(&all->text), word;
    bool only_warns = false;

    while (words_next(&rest, WORDS_COMMA_SPACE, &word)) {
        size_t read = (size_t)(rest.ptr - all->text.data);

        if (!only_warns && is_guard(word))
            return true;
        only_warns = slice_equals_nocase(word, "warn_if_reject");
        add_class(all, classes, word);
        rest = slice_from_offset(buf_slice(&all->text), read);
    }
    return false;
}

/* smtpd refuses to run as what may become an open relay. */
static void check_guard(struct check *check, const struct hash *classes,
                        const struct master_service *service)
{
    struct lists all = {
        .main_cf = check_main_cf_of(check, service), .seen = HASH_INIT, .text = BUF_INIT};

    add_list(&all, "smtpd_relay_restrictions");
    add_list(&all, "smtpd_recipient_restrictions");
    if (!has_guard(&all, classes)) {
        report(check->report, SEVERITY_ERROR, check_place_of(KIND, service),
               "service %s: neither smtpd_relay_restrictions nor smtpd_recipient_restrictions "
               "keeps strangers from relaying: smtpd does not run without "
               "reject_unauth_destination, defer_unauth_destination, reject, defer or the like "
               "there",
               service->name);
    }
    hash_release(&all.seen, NULL);
    buf_release(&all.text);
}

void check_restrictions(struct check *check)
{
    struct hash classes = HASH_INIT_NOCASE;

    collect_classes(check, &classes);
    for (size_t i = 0; i < check->n_settings; i++) {
        struct walk walk = {.to = check->report,
                            .setting = &check->settings[i],
                            .classes = &classes,
                            .rest = slice_from(check->settings[i].value)};

        if (is_list(&walk))
            check_list(&walk);
    }
    for (size_t i = 0; i < check->n_own_services; i++) {
        const struct master_service *service = &check->master_cf.services[i];

        if (strcmp(service->program, "smtpd") == 0 && check_is_started(service))
            check_guard(check, &classes, service);
    }
    hash_release(&classes, NULL);
}

/*
 * Reading the command line.
 */
#include "options.h"

#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/bug.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/words.h"

#define OPTION_LETTERS "aAbc:C:defFhHjlmMno:pPqtT:vxX#"

/* Which letters were given. */
struct seen {
    bool letter[128];
};

static NORETURN void usage(void)
{
    fatal(
        1,
        "usage: postconf [-a (server SASL types)] [-A (client SASL types)] [-b (bounce templates)] [-c config_dir] "
        "[-C param_class] [-d (parameter defaults)] [-e (edit configuration)] [-f (fold "
        "lines)] [-F (master.cf fields)] [-h (no names)] [-H (no values)] [-j (JSON)] [-l "
        "(lock types)] [-m (map types)] [-M (master.cf)] [-n (non-default parameters)] [-o "
        "name=value (override parameter value)] [-p (main.cf, default)] [-P (master.cf "
        "parameters)] [-q (no warnings about old names)] [-t (bounce templates)] [-T "
        "compile-version|run-version|public-key-algorithms] [-v (verbose)] [-x (expand "
        "parameter values)] [-X (exclude)] [-# (comment-out)] [--manual] [name...]");
}

static int parse_classes(const char *text)
{
    static const struct {
        const char *name;
        int class;
    } names[] = {{"builtin", NAME_CLASS_BUILTIN},
                 {"service", NAME_CLASS_SERVICE},
                 {"user", NAME_CLASS_USER},
                 {"all", NAME_CLASS_ALL}};
    struct slice rest = slice_from(text), word;
    int classes = 0;

    while (words_next(&rest, WORDS_COMMA_SPACE, &word)) {
        int class = 0;

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
            if (slice_equals_nocase(word, names[i].name))
                class = names[i].class;
        }
        if (!class)
            fatal(1, "unknown -C option value \"%.*s\" in \"%s\"", SLICE_ARG(word), text);
        classes |= class;
    }
    return classes;
}

static void set_subject(struct options *options, int letter)
{
    static const struct {
        int letter;
        enum postconf_subject subject;
    } subjects[] = {
        {'a', SUBJECT_SERVER_SASL},  {'A', SUBJECT_CLIENT_SASL},
        {'l', SUBJECT_LOCK_TYPES},   {'m', SUBJECT_TABLE_TYPES},
        {'M', SUBJECT_MASTER_ENTRY}, {'F', SUBJECT_MASTER_FIELD},
        {'P', SUBJECT_MASTER_PARAM}, {'T', SUBJECT_TLS},
        {'p', SUBJECT_MAIN},         {'b', SUBJECT_BOUNCE_EXPANDED},
        {'t', SUBJECT_BOUNCE_RAW},
    };

    for (size_t i = 0; i < ARRAY_SIZE(subjects); i++) {
        if (subjects[i].letter == letter)
            options->subject = subjects[i].subject;
    }
}

static void set_action(struct options *options, int letter)
{
    if (letter == 'e')
        options->action = ACTION_EDIT;
    else if (letter == '#')
        options->action = ACTION_COMMENT_OUT;
    else if (letter == 'X')
        options->action = ACTION_REMOVE;
}

static void set_value(struct options *options, int letter, const char *value)
{
    switch (letter) {
    case 'c':
        options->directory = value;
        break;
    case 'C':
        options->classes = parse_classes(value);
        break;
    case 'o':
        options->overrides[options->n_overrides++] = value;
        break;
    case 'T':
        options->tls_request = value;
        break;
    case 'v':
        log_verbosity++;
        break;
    case '?':
        usage();
    default:
        break;
    }
}

/* The letters of the set that were given, as options. */
static size_t list_given(const struct seen *seen, const char *set, struct buf *list)
{
    size_t n = 0;

    buf_reset(list);
    for (const char *letter = set; *letter; letter++) {
        if (seen->letter[(int)*letter]) {
            buf_printf(list, " -%c", *letter);
            n++;
        }
    }
    return n;
}

static void check_exclusive(const struct seen *seen, const char *set)
{
    CLEANUP(buf_release) struct buf list = BUF_INIT;

    if (list_given(seen, set, &list) > 1)
        fatal(1, "specify one of%s", list.data);
}

static void check_without(const struct seen *seen, char with, const char *set)
{
    CLEANUP(buf_release) struct buf list = BUF_INIT;

    if (seen->letter[(int)with] && list_given(seen, set, &list) > 0)
        fatal(1, "with option -%c, do not specify%s", with, list.data);
}

static void check(const struct seen *seen)
{
    static const char *const exclusive[] = {"aAbFlmMpPtT", "denX#", "efX#", "ehHX#",
                                            "exX#",        "jH",    "jh"};

    static const struct {
        char with;
        const char *without;
    } contradictions[] = {
        {'a', "defhHnxX#"}, {'A', "defhHnxX#"}, {'b', "defhHnxX#"}, {'F', "dnX#"},
        {'l', "defhHnxX#"}, {'m', "defhHnxX#"}, {'M', "dhHn"},      {'P', "dn#"},
        {'t', "defhHnxX#"}, {'T', "defhHnxX#"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(exclusive); i++)
        check_exclusive(seen, exclusive[i]);
    for (size_t i = 0; i < ARRAY_SIZE(contradictions); i++)
        check_without(seen, contradictions[i].with, contradictions[i].without);
}

static bool is_about_files(enum postconf_subject subject)
{
    return subject == SUBJECT_MAIN || subject == SUBJECT_MASTER_ENTRY ||
           subject == SUBJECT_MASTER_FIELD || subject == SUBJECT_MASTER_PARAM;
}

static void set_arguments(struct options *options, int argc, char **argv)
{
    for (int i = optind; i < argc; i++)
        options->arguments[options->n_arguments++] = argv[i];
}

/* An assignment is an edit, with -e or without. */
static bool is_assignment(const struct options *options)
{
    return options->n_arguments > 0 && strchr(options->arguments[0], '=') &&
           is_about_files(options->subject);
}

void options_parse(struct options *options, int argc, char **argv)
{
    struct seen seen = {{false}};
    int letter;

    *options = (struct options){.subject = SUBJECT_MAIN, .classes = NAME_CLASS_ALL};
    options->overrides = mem_array(const char *, (size_t)argc + 1);
    options->arguments = mem_array(const char *, (size_t)argc + 1);
    if (argc == 2 && strcmp(argv[1], "--manual") == 0) {
        options->subject = SUBJECT_MANUAL;
        return;
    }
    while ((letter = getopt(argc, argv, "+" OPTION_LETTERS)) > 0) {
        set_subject(options, letter);
        set_action(options, letter);
        set_value(options, letter, optarg);
        seen.letter[letter & 127] = true;
    }
    options->defaults = seen.letter['d'];
    options->non_default = seen.letter['n'];
    options->fold = seen.letter['f'];
    options->no_names = seen.letter['h'];
    options->no_values = seen.letter['H'];
    options->expand = seen.letter['x'];
    options->json = seen.letter['j'];
    options->quiet = seen.letter['q'];
    set_arguments(options, argc, argv);
    if (is_assignment(options)) {
        options->action = ACTION_EDIT;
        seen.letter['e'] = true;
    }
    check(&seen);
    if (options->action != ACTION_SHOW && options->n_arguments == 0)
        fatal(1, "%s",
              seen.letter['e'] ? "-e requires name=value argument"
                               : "missing service argument");
}

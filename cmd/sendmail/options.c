/* Taking the command line apart. */
#include "options.h"

#include <sysexits.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/log.h"
#include "base/slice.h"
#include "conf/params.h"
#include "conf/words.h"
#include "mail/message.h"

#define OPTION_LETTERS "A:B:C:F:GIL:N:O:R:UV:X:ab:ce:f:h:imno:p:q:r:tvx"

#define ENVELOPE_ID_MAX 100 /* RFC 3461 section 4.4 */

/* A file stands for its directory. */
static const char *directory_of(const char *path)
{
    static char directory[4096];
    struct slice slice = slice_from(path);

    if (!slice_ends_with(slice, "/main.cf") || slice.len >= sizeof(directory))
        return path;
    (void)snprintf(directory, sizeof(directory), "%.*s",
                   (int)(slice.len - sizeof("/main.cf") + 1), path);
    return directory;
}

/* Does the option take the next word when nothing stands behind its letter? */
static bool takes_word(char letter)
{
    const char *at = letter == ':' ? NULL : strchr(OPTION_LETTERS, letter);

    return at && at[1] == ':' && letter != 'q';
}

const char *options_config_directory(int argc, char **argv)
{
    const char *directory = NULL;

    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        const char *word = argv[i];

        if (word[0] != '-' || !word[1] || word[2]) {
            if (slice_starts_with(slice_from(word), "-C"))
                directory = directory_of(word + 2);
        } else if (takes_word(word[1]) && i + 1 < argc) {
            i++;
            if (word[1] == 'C')
                directory = directory_of(argv[i]);
        }
    }
    return directory;
}

static void set_daemon(struct options *options)
{
    if (options->mode == MODE_FLUSH)
        log_warning("ignoring -q option in daemon mode");
    options->mode = MODE_DAEMON;
}

static void option_b(struct options *options, const char *value)
{
    switch (*value) {
    case 'd':
    case 'l':
        set_daemon(options);
        return;
    case 'h':
    case 'H':
        options->mode = MODE_NOTHING;
        return;
    case 'i':
        options->mode = MODE_ALIASES;
        return;
    case 'm':
        options->mode = MODE_SUBMIT;
        return;
    case 'p':
        options->mode = MODE_LIST;
        return;
    case 's':
        options->mode = MODE_SMTP;
        return;
    case 'v':
        options->mode = MODE_VERIFY;
        return;
    default:
        fatal(EX_TEMPFAIL, "unsupported: -b%c", *value);
    }
}

static void option_q(struct options *options, const char *value)
{
    if (ascii_is_digit(*value)) {
        if (options->mode != MODE_DAEMON)
            options->mode = MODE_NOTHING;
        return;
    }
    if (*value != 'R' && *value != 'I')
        fatal(EX_TEMPFAIL, "-q%c is not implemented", *value);
    if (options->flush_what)
        fatal(EX_TEMPFAIL, "use only one of -qI and -qR");
    if (!value[1])
        fatal(EX_TEMPFAIL, *value == 'R' ? "specify: -qRsitename" : "specify: -qIqueueid");
    options->mode = *value == 'R' ? MODE_FLUSH_SITE : MODE_FLUSH_ID;
    options->flush_what = value + 1;
}

static void option_o(struct options *options, const char *value)
{
    if (*value == 'A') {
        if (!value[1])
            fatal(EX_TEMPFAIL, "-oA requires pathname");
        options->alias_database = value + 1;
    } else if (*value == 'i') {
        options->dot_is_text = true;
    }
}

static void set_verp(struct options *options, const char *delimiters)
{
    if (strlen(delimiters) != 2 || !strchr(params.verp_delimiter_filter, delimiters[0]) ||
        !strchr(params.verp_delimiter_filter, delimiters[1]))
        fatal(EX_TEMPFAIL, "-V requires two characters from %s", params.verp_delimiter_filter);
    options->verp_delimiters = delimiters;
}

static void option_x(struct options *options, const char *value)
{
    if (*value != 'V')
        fatal(EX_TEMPFAIL, "unsupported: -X%c", *value);
    set_verp(options, value + 1);
}

/* NOTIFY words to bits; -1 when they are none (NEVER stands alone). */
static int notify_bits(const char *value)
{
    static const struct {
        const char *name;
        int bit;
    } words[] = {{"SUCCESS", NOTIFY_SUCCESS},
                 {"FAILURE", NOTIFY_FAILURE},
                 {"DELAY", NOTIFY_DELAY},
                 {"NEVER", NOTIFY_NEVER}};
    struct slice rest = slice_from(value), word;
    int bits = 0;

    while (words_next(&rest, WORDS_COMMA_SPACE, &word)) {
        int bit = 0;

        for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
            if (slice_equals_nocase(word, words[i].name))
                bit = words[i].bit;
        }
        if (!bit)
            log_warning("unknown DSN NOTIFY command value \"%.*s\" in \"%s\"", SLICE_ARG(word),
                        value);
        if (!bit)
            return -1;
        bits |= bit;
    }
    return bits == 0 || ((bits & NOTIFY_NEVER) && bits != NOTIFY_NEVER) ? -1 : bits;
}

static void option_n(struct options *options, const char *value)
{
    int bits = notify_bits(value);

    if (bits < 0)
        log_warning("bad -N option value -- ignored");
    else
        options->notify = bits;
}

static void option_r(struct options *options, const char *value)
{
    if (slice_equals_nocase(slice_from(value), "full"))
        options->ret = RET_FULL;
    else if (slice_equals_nocase(slice_from(value), "hdrs"))
        options->ret = RET_HEADERS;
    else
        log_warning("bad -R option value -- ignored");
}

static void option_v(struct options *options, const char *value)
{
    struct slice id = slice_from(value);
    bool is_bad = id.len == 0;

    if (id.len == 2) { /* from before -XV: VERP delimiters */
        log_warning("option -V%s is deprecated with Postfix 2.3; specify -XV%s instead", value,
                    value);
        set_verp(options, value);
        return;
    }
    for (size_t i = 0; i < id.len; i++)
        is_bad = is_bad || !ascii_is_print(id.ptr[i]);
    if (is_bad)
        log_warning("bad syntax in -V option value -- ignored");
    else if (id.len > ENVELOPE_ID_MAX)
        log_warning("too long -V option value -- ignored");
    else
        options->envelope_id = value;
}

static void option_body(struct options *options, const char *value)
{
    if (slice_equals(slice_from(value), "8BITMIME"))
        options->encoding = "8bit";
    else if (slice_equals(slice_from(value), "7BIT"))
        options->encoding = "7bit";
    else
        fatal(EX_TEMPFAIL, "-B option needs 8BITMIME or 7BIT");
}

/* -O name=value: two names mean something here, Sendmail's own are passed over. */
static void option_name(struct options *options, const char *value)
{
    static const struct {
        const char *name;
        int bit;
    } names[] = {{"smtputf8", SEND_SMTPUTF8_REQUESTED}, {"requiretls", SEND_REQUIRETLS}};
    struct slice name, setting;

    if (!words_split_assignment(slice_from(value), &name, &setting))
        return;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (!slice_equals_nocase(name, names[i].name))
            continue;
        if (slice_equals_nocase(setting, "yes"))
            options->send_options |= names[i].bit;
        else if (slice_equals_nocase(setting, "no"))
            options->send_options &= ~names[i].bit;
        else
            fatal(EX_TEMPFAIL, "-O %s needs yes or no", names[i].name);
    }
}

/* Once: a report of the delivery; more often: what we do, and no report. */
static void option_verbose(struct options *options)
{
    options->n_verbose++;
    log_verbosity = options->n_verbose > 1 ? options->n_verbose : 0;
    options->wants_report = options->n_verbose == 1;
}

static void take_option(struct options *options, int option, const char *value,
                        const char *program)
{
    switch (option) {
    case 'B':
        option_body(options, value);
        return;
    case 'F':
        options->full_name = value;
        return;
    case 'G':
        options->is_gateway = true;
        return;
    case 'I':
        options->mode = MODE_ALIASES;
        return;
    case 'N':
        option_n(options, value);
        return;
    case 'O':
        option_name(options, value);
        return;
    case 'R':
        option_r(options, value);
        return;
    case 'V':
        option_v(options, value);
        return;
    case 'X':
        option_x(options, value);
        return;
    case 'b':
        option_b(options, value);
        return;
    case 'f':
    case 'r':
        options->sender = value;
        return;
    case 'i':
        options->dot_is_text = true;
        return;
    case 'n':
        fatal(EX_TEMPFAIL, "-n option not supported");
    case 'o':
        option_o(options, value);
        return;
    case 'q':
        option_q(options, value);
        return;
    case 't':
        options->extracts_recipients = true;
        return;
    case 'v':
        option_verbose(options);
        return;
    case '?':
        fatal(EX_TEMPFAIL, "usage: %s [options]", program);
    default: /* A C L U a c e h m p x: of no consequence here */
        return;
    }
}

/* What getopt would take for an option with a word missing; true when it was one of these. */
static bool take_lone_word(struct options *options, char **argv, char **next)
{
    if (slice_equals(slice_from(*argv), "-q")) {
        if (options->mode == MODE_DAEMON)
            log_warning("ignoring -q option in daemon mode");
        else
            options->mode = MODE_FLUSH;
        return true;
    }
    if (slice_equals(slice_from(*argv), "-V") && *next && strlen(*next) == 2) {
        log_warning("option -V is deprecated with Postfix 2.3; specify -XV instead");
        options->verp_delimiters = params.default_verp_delimiters;
        return true;
    }
    if (slice_equals(slice_from(*argv), "-XV")) {
        options->verp_delimiters = params.default_verp_delimiters;
        return true;
    }
    return false;
}

void options_parse(struct options *options, int argc, char **argv)
{
    optind = 1;
    while (argv[optind]) {
        int option;

        if (take_lone_word(options, &argv[optind], &argv[optind + 1])) {
            optind++;
            continue;
        }
        option = getopt(argc, argv, OPTION_LETTERS);
        if (option <= 0)
            break;
        take_option(options, option, optarg, argv[0]);
    }
    options->recipients = argv + optind;
    if (options->extracts_recipients && options->mode == MODE_VERIFY)
        fatal(EX_TEMPFAIL, "-t option cannot be used with -bv");
    if (options->extracts_recipients && options->mode != MODE_SUBMIT)
        fatal(EX_TEMPFAIL, "-t can be used only in delivery mode");
}

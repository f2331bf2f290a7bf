/* Bounce templates: the built-in ones, and the file format. */
#include "mail/bounce_template.h"

#include "base/fd.h"
#include "base/time.h"
#include "conf/expand.h"
#include "mail/header.h"

#define FILE_BYTES_MAX ((size_t)1024 * 1024)

#define FROM "Mail Delivery System <MAILER-DAEMON>"

/* Programs that read bounces look for these texts: they are Postfix's, word by word. */
#define HOST_LINE "This is the mail system at host $myhostname.\n\n"
#define HELP_LINES                                                \
    "For further assistance, please send mail to postmaster.\n\n" \
    "If you do so, please include this problem report. You can\n" \
    "delete your own text from the attached returned message.\n\n"
#define END_LINE "                   The mail system\n"

static const char failure_text[] = HOST_LINE
    "I'm sorry to have to inform you that your message could not\n"
    "be delivered to one or more recipients. It's attached below.\n\n" HELP_LINES END_LINE;

static const char delay_text[] = HOST_LINE
    "####################################################################\n"
    "# THIS IS A WARNING ONLY.  YOU DO NOT NEED TO RESEND YOUR MESSAGE. #\n"
    "####################################################################\n\n"
    "Your message could not be delivered for more than $delay_warning_time_hours hour(s).\n"
    "It will be retried until it is $maximal_queue_lifetime_days day(s) old.\n\n" HELP_LINES
        END_LINE;

static const char success_text[] =
    HOST_LINE "Your message was successfully delivered to the destination(s)\n"
              "listed below. If the message was delivered to mailbox you will\n"
              "receive no further notifications. Otherwise you may still receive\n"
              "notifications of mail delivery errors from other systems.\n\n" END_LINE;

static const char verify_text[] =
    HOST_LINE "Enclosed is the mail delivery report that you requested.\n\n" END_LINE;

static const struct {
    const char *name, *subject, *postmaster_subject, *text;
} built_in[BOUNCE_KINDS] = {
    [BOUNCE_FAILURE] = {"failure", "Undelivered Mail Returned to Sender",
                        "Postmaster Copy: Undelivered Mail", failure_text},
    [BOUNCE_DELAY] = {"delay", "Delayed Mail (still being retried)",
                      "Postmaster Warning: Delayed Mail", delay_text},
    [BOUNCE_SUCCESS] = {"success", "Successful Mail Delivery Report", "", success_text},
    [BOUNCE_VERIFY] = {"verify", "Mail Delivery Status Report", "", verify_text},
};

static void set_built_in(struct bounce_template *template, size_t kind)
{
    *template = (struct bounce_template){
        .name = built_in[kind].name,
        .charset = SLICE("us-ascii"),
        .from = SLICE(FROM),
        .subject = slice_from(built_in[kind].subject),
        .postmaster_subject = slice_from(built_in[kind].postmaster_subject),
        .text = slice_from(built_in[kind].text),
    };
}

void bounce_templates_init(struct bounce_templates *templates)
{
    arena_init(&templates->arena);
    for (size_t kind = 0; kind < BOUNCE_KINDS; kind++)
        set_built_in(&templates->kinds[kind], kind);
}

void bounce_templates_release(struct bounce_templates *templates)
{
    arena_release(&templates->arena);
    bounce_templates_init(templates);
}

/* A file being read. */
struct source {
    const char *path;
    struct slice rest;
    int line; /* number of the line behind the one read last */
    struct buf *warnings;
};

static struct slice next_line(struct source *source)
{
    source->line++;
    return slice_split(&source->rest, '\n');
}

/* Why a template is not taken: 'FILE: REASON in NAME template -- ignoring this template'. */
static bool refuse(struct source *source, const struct bounce_template *template,
                   const char *reason, struct slice label)
{
    buf_printf(source->warnings, "%s: %s", source->path, reason);
    if (label.len > 0)
        buf_printf(source->warnings, " \"%.*s\" header %s", SLICE_ARG(label),
                   reason[0] == 'u' || reason[0] == 'i' ? "label" : "value");
    buf_printf(source->warnings, " in %s template -- ignoring this template\n", template->name);
    return false;
}

/* Set what a template header says. False: it is refused. */
static bool read_header(struct source *source, struct bounce_template *template,
                        struct slice label, struct slice line)
{
    struct slice value = slice_trim(header_value(line));
    struct slice *member;

    if (slice_equals_nocase(label, "Charset"))
        member = &template->charset;
    else if (slice_equals_nocase(label, "From"))
        member = &template->from;
    else if (slice_equals_nocase(label, "Subject"))
        member = &template->subject;
    else if (slice_equals_nocase(label, "Postmaster-Subject"))
        member = &template->postmaster_subject;
    else
        return refuse(source, template, "unknown", label);
    /* There is no postmaster's copy of what is no trouble. */
    if (member == &template->postmaster_subject && !template->postmaster_subject.len)
        return refuse(source, template, "inapplicable", label);
    if (value.len == 0)
        return refuse(source, template, "empty", label);
    if (!slice_is_ascii(value))
        return refuse(source, template, "non-ASCII", label);
    *member = value;
    return true;
}

/* Take header and text of one template; false when it is refused. */
static bool read_template(struct source *source, struct bounce_template *template,
                          struct slice text)
{
    while (text.len > 0) {
        struct slice rest = text;
        struct slice line = slice_split(&rest, '\n');
        size_t name_length = header_name_length(line);

        if (name_length == 0) {
            template->text = line.len == 0 ? rest : text;
            break;
        }
        if (!read_header(source, template, slice_sub(line, 0, name_length), line))
            return false;
        text = rest;
    }
    if (text.len == 0 || template->text.len == 0)
        return refuse(source, template, "missing message text", SLICE_EMPTY);
    if (slice_is_ascii(template->text) || !slice_equals_nocase(template->charset, "us-ascii"))
        return true;
    buf_printf(source->warnings,
               "%s: 8-bit message text in %s template\n"
               "please specify a charset value other than us-ascii\n"
               "-- ignoring this template for now\n",
               source->path, template->name);
    return false;
}

/* The text up to the line that holds only the end marker. */
static struct slice read_here_document(struct source *source, struct slice marker)
{
    const char *start = source->rest.ptr;

    while (source->rest.len > 0) {
        const char *line_start = source->rest.ptr;

        if (slice_same(next_line(source), marker))
            return slice_of(start, (size_t)(line_start - start));
    }
    buf_printf(source->warnings, "%s, line %d: missing \"%.*s\" end marker\n", source->path,
               source->line, SLICE_ARG(marker));
    return slice_of(start, (size_t)(source->rest.ptr - start));
}

static struct bounce_template *find_template(struct bounce_templates *templates,
                                             struct slice name)
{
    for (size_t kind = 0; kind < BOUNCE_KINDS; kind++) {
        size_t len = strlen(built_in[kind].name);

        if (slice_starts_with(name, built_in[kind].name) &&
            slice_equals(slice_from_offset(name, len), "_template"))
            return &templates->kinds[kind];
    }
    return NULL;
}

/* "name = <<EOF" and its text, or "name = text". -1: this is no template file. */
static int read_definition(struct source *source, struct bounce_templates *templates,
                           struct slice line, struct error *error)
{
    struct slice value = line;
    struct slice name = slice_trim(slice_split(&value, '='));
    struct bounce_template *template = find_template(templates, name);
    struct bounce_template found;

    if (slice_find(line, '=') == line.len)
        return error_set(error, ERROR_PERMANENT,
                         "%s, line %d: missing '=' after attribute name: \"%.*s\"",
                         source->path, source->line, SLICE_ARG(name));
    value = slice_trim(value);
    if (slice_starts_with(value, "<<")) {
        struct slice marker = slice_trim(slice_from_offset(value, 2));

        if (marker.len == 0)
            return error_set(error, ERROR_PERMANENT, "%s, line %d: missing end marker after <<",
                             source->path, source->line);
        value = read_here_document(source, marker);
    } else if (value.len > 0) {
        value = slice_from(arena_printf(&templates->arena, "%.*s\n", SLICE_ARG(value)));
    }
    if (!template) {
        buf_printf(source->warnings,
                   "%s, line %d: unknown template name: %.*s -- ignoring this template\n",
                   source->path, source->line, SLICE_ARG(name));
        return 0;
    }
    set_built_in(&found, (size_t)(template - templates->kinds));
    if (read_template(source, &found, value))
        *template = found;
    return 0;
}

int bounce_templates_load(struct bounce_templates *templates, const char *path,
                          struct buf *warnings, struct error *error)
{
    CLEANUP(bounce_templates_release) struct bounce_templates loaded;
    CLEANUP(buf_release) struct buf bytes = BUF_INIT;
    struct source source = {.path = path, .line = 1, .warnings = warnings};
    struct bounce_templates old = *templates;

    bounce_templates_init(&loaded);
    if (file_read_all(path, &bytes, FILE_BYTES_MAX, error) < 0)
        return -1;
    source.rest = arena_slice(&loaded.arena, buf_slice(&bytes));
    while (source.rest.len > 0) {
        struct slice line = slice_trim(next_line(&source));

        if (line.len > 0 && line.ptr[0] != '#' &&
            read_definition(&source, &loaded, line, error) < 0)
            return -1;
    }
    *templates = loaded;
    loaded = old;
    return 0;
}

/* A look-up under way: expand_text knows one text a name, and drops what is undefined. */
struct lookup {
    const struct bounce_expansion *expansion;
    const struct bounce_template *template;
    struct buf *warnings;
    struct arena arena;
    struct slice undefined; /* the first name that nobody knows */
};

static const struct {
    const char *suffix, *unit;
    int64_t milliseconds;
} units[] = {
    {"_seconds", "seconds", SECONDS(1)}, {"_minutes", "minutes", MINUTES(1)},
    {"_hours", "hours", HOURS(1)},       {"_days", "days", DAYS(1)},
    {"_weeks", "weeks", DAYS(7)},
};

/* delay_warning_time_hours and the like; NULL for other names. */
static const char *lookup_time(struct lookup *lookup, struct slice name, const char *parameter,
                               int64_t milliseconds)
{
    struct slice suffix = slice_from_offset(name, strlen(parameter));

    if (!slice_starts_with(name, parameter))
        return NULL;
    for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
        int64_t value = milliseconds / units[i].milliseconds;

        if (!slice_equals(suffix, units[i].suffix))
            continue;
        if (value == 0 && milliseconds != 0 && lookup->expansion->path) {
            buf_printf(lookup->warnings,
                       "%s: zero result in %s template conversion of parameter \"%.*s\"\n"
                       "please reduce time unit \"%s\" of \"%.*s\" in %s template\n"
                       "for instructions see the bounce(5) manual\n",
                       lookup->expansion->path, lookup->template->name, SLICE_ARG(name),
                       units[i].unit, SLICE_ARG(name), lookup->template->name);
        }
        return arena_printf(&lookup->arena, "%jd", (intmax_t)value);
    }
    return NULL;
}

static const char *look_up(void *context, struct slice name)
{
    struct lookup *lookup = context;
    const struct bounce_expansion *expansion = lookup->expansion;
    const char *value =
        lookup_time(lookup, name, "delay_warning_time", expansion->delay_warning_time);

    if (!value)
        value = lookup_time(lookup, name, "maximal_queue_lifetime",
                            expansion->maximal_queue_lifetime);
    if (!value)
        value = expansion->lookup(arena_text(&lookup->arena, name));
    if (!value && lookup->undefined.len == 0)
        lookup->undefined = arena_slice(&lookup->arena, name);
    return value;
}

int bounce_template_expand(const struct bounce_template *template,
                           const struct bounce_expansion *expansion, struct buf *text,
                           struct buf *warnings, struct error *error)
{
    struct lookup lookup = {.expansion = expansion, .template = template, .warnings = warnings};
    struct expansion names = {.lookup = look_up, .context = &lookup};
    const char *path = expansion->path ? expansion->path : "[built-in]";
    int result;

    arena_init(&lookup.arena);
    result = expand_text(text, template->text, &names, error);
    if (result < 0)
        error_context(error, "%s: %s template", path, template->name);
    else if (lookup.undefined.len > 0)
        result = error_set(error, ERROR_PERMANENT, "%s: undefined $name in %s template: %.*s",
                           path, template->name, SLICE_ARG(lookup.undefined));
    arena_release(&lookup.arena);
    return result;
}

void bounce_templates_print(const struct bounce_templates *templates, struct buf *buf)
{
    for (size_t kind = 0; kind < BOUNCE_KINDS; kind++) {
        const struct bounce_template *template = &templates->kinds[kind];

        buf_printf(buf, "%s%s_template = <<EOF\nCharset: %.*s\nFrom: %.*s\nSubject: %.*s\n",
                   kind == 0 ? "" : "\n", template->name, SLICE_ARG(template->charset),
                   SLICE_ARG(template->from), SLICE_ARG(template->subject));
        if (template->postmaster_subject.len > 0)
            buf_printf(buf, "Postmaster-Subject: %.*s\n",
                       SLICE_ARG(template->postmaster_subject));
        buf_printf(buf, "\n%.*sEOF\n", SLICE_ARG(template->text));
    }
}

int bounce_templates_print_expanded(const struct bounce_templates *templates,
                                    const struct bounce_expansion *expansion, struct buf *buf,
                                    struct buf *warnings, struct error *error)
{
    for (size_t kind = 0; kind < BOUNCE_KINDS; kind++) {
        const struct bounce_template *template = &templates->kinds[kind];

        buf_printf(buf, "%sexpanded_%s_text = <<EOF\n", kind == 0 ? "" : "\n", template->name);
        if (bounce_template_expand(template, expansion, buf, warnings, error) < 0)
            return -1;
        buf_add_text(buf, "EOF\n");
    }
    return 0;
}

/*
 * -b and -t: the texts of bounces.
 */
#include <stdio.h>

#include "base/bug.h"
#include "base/log.h"
#include "conf/conf.h"
#include "mail/bounce_template.h"
#include "postconf.h"

static void log_lines(struct slice lines)
{
    while (lines.len > 0) {
        struct slice line = slice_split(&lines, '\n');

        log_warning("%.*s", SLICE_ARG(line));
    }
}

static void load_configuration(const struct options *options)
{
    const struct conf_request request = {
        .program = "bounce",
        .directory = options->directory,
        .overrides = options->overrides,
        .n_overrides = options->n_overrides,
    };
    struct error error = ERROR_INIT;

    if (conf_load(&request, &error) < 0)
        fatal(1, "%s", error.text);
}

void show_bounce_texts(const struct options *options)
{
    CLEANUP(bounce_templates_release) struct bounce_templates templates;
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    CLEANUP(buf_release) struct buf warnings = BUF_INIT;
    struct error error = ERROR_INIT;
    const char *path;

    bounce_templates_init(&templates);
    load_configuration(options);
    path = options->n_arguments > 0 ? options->arguments[0] : params.bounce_template_file;
    struct bounce_expansion expansion = {
        .lookup = conf_lookup,
        .delay_warning_time = params.delay_warning_time,
        .maximal_queue_lifetime = params.maximal_queue_lifetime,
        .path = path[0] ? path : NULL,
    };
    if (path[0] && bounce_templates_load(&templates, path, &warnings, &error) < 0)
        fatal(1, "%s", error.text);
    if (options->subject == SUBJECT_BOUNCE_RAW)
        bounce_templates_print(&templates, &text);
    else if (bounce_templates_print_expanded(&templates, &expansion, &text, &warnings, &error) <
             0)
        fatal(1, "%s", error.text);
    log_lines(buf_slice(&warnings));
    (void)fwrite(text.data, 1, text.len, stdout);
}

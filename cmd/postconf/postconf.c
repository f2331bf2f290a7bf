/*
 * postconf(1): shows and edits main.cf and master.cf.
 */
#include "postconf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/conf.h"
#include "conf/params_computed.h"
#include "options.h"

static void log_lines(const struct buf *lines)
{
    struct slice rest = buf_slice(lines);

    while (rest.len > 0) {
        struct slice line = slice_split(&rest, '\n');
        log_warning("%.*s", SLICE_ARG(line));
    }
}

/* The default of mynetworks may have to wait for DNS: only where somebody sees it. */
static bool shows_networks(const struct options *options)
{
    bool named = false;

    if (options->expand)
        return true;
    for (size_t i = 0; i < options->n_arguments; i++)
        named = named || strcmp(options->arguments[i], "mynetworks") == 0;
    return named || (options->n_arguments == 0 && !options->non_default);
}

static void find_directory(struct postconf *postconf)
{
    const char *directory = postconf->options.directory;

    if (!directory)
        directory = getenv("MAIL_CONFIG");
    if (!directory || !directory[0])
        directory = CONF_DEFAULT_DIRECTORY;
    if (!postconf->options.defaults &&
        (postconf->options.directory || strcmp(directory, CONF_DEFAULT_DIRECTORY) != 0))
        main_cf_set(&postconf->main_cf, SLICE("config_directory"), slice_from(directory));
    buf_printf(&postconf->main_path, "%s/main.cf", directory);
    buf_printf(&postconf->master_path, "%s/master.cf", directory);
}

static void read_main(struct postconf *postconf)
{
    const struct options *options = &postconf->options;
    struct error error = ERROR_INIT;

    bool is_bad = !options->defaults &&
                  main_cf_read(&postconf->main_cf, postconf->main_path.data, &error) < 0;

    log_lines(&postconf->main_cf.warnings);
    if (is_bad)
        fatal(1, "%s", error.text);
    for (size_t i = 0; i < options->n_overrides; i++) {
        const char *text = options->overrides[i];

        if (main_cf_override(&postconf->main_cf, slice_from(text), &error) < 0)
            fatal(1, "invalid parameter override: %s: missing %s", text,
                  strchr(text, '=') ? "attribute name" : "'=' after attribute name");
    }
    params_compute_process(&postconf->main_cf);
    if (params_compute_host(&postconf->main_cf, &error) < 0)
        fatal(1, "%s", error.text);
    if (shows_networks(options) && params_compute_networks(&postconf->main_cf, &error) < 0)
        log_warning("%s: mynetworks: %s", postconf->main_path.data, error.text);
}

/* Where main.cf is the subject, master.cf adds names, and may be missing. */
static void read_master(struct postconf *postconf)
{
    struct error error = ERROR_INIT;

    if (master_cf_read(&postconf->master_cf, postconf->master_path.data, MASTER_CHROOT_NO,
                       &error) < 0) {
        if (error.kind == ERROR_PERMANENT)
            fatal(1, "file %s", error.text);
        if (postconf->options.subject != SUBJECT_MAIN)
            fatal(1, "%s", error.text);
        log_warning("%s", error.text);
    }
    log_lines(&postconf->master_cf.warnings);
}

static void show(struct postconf *postconf)
{
    read_main(postconf);
    read_master(postconf);
    known_names_collect(&postconf->known);
    if (postconf->options.subject == SUBJECT_MAIN)
        show_main(postconf);
    else
        show_master(postconf);
}

static bool is_about_files(const struct options *options)
{
    return options->subject == SUBJECT_MAIN || options->subject == SUBJECT_MASTER_ENTRY ||
           options->subject == SUBJECT_MASTER_FIELD || options->subject == SUBJECT_MASTER_PARAM;
}

static void release(struct postconf *postconf)
{
    main_cf_release(&postconf->main_cf);
    master_cf_release(&postconf->master_cf);
    known_names_release(&postconf->known);
    buf_release(&postconf->main_path);
    buf_release(&postconf->master_path);
    mem_free(postconf->options.overrides);
    mem_free(postconf->options.arguments);
}

int main(int argc, char **argv)
{
    CLEANUP(release)
    struct postconf postconf = {.main_path = BUF_INIT, .master_path = BUF_INIT};

    log_open("postconf", &(struct log_target){.sink = LOG_SINK_STDERR});
    main_cf_init(&postconf.main_cf);
    master_cf_init(&postconf.master_cf);
    known_names_init(&postconf.known, &postconf.main_cf, &postconf.master_cf);
    options_parse(&postconf.options, argc, argv);
    find_directory(&postconf);
    if (!is_about_files(&postconf.options))
        show_info(&postconf);
    else if (postconf.options.action == ACTION_SHOW)
        show(&postconf);
    else if (postconf.options.subject == SUBJECT_MAIN)
        edit_main(&postconf);
    else
        edit_master(&postconf);
    if (fflush(stdout) != 0)
        fatal(1, "write to standard output: %m");
    return 0;
}

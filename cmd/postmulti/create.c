/*
 * -e create and -e import: a new instance, from templates or as it stands in its directory.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/conf.h"
#include "conf/words.h"
#include "postmulti.h"

#define FILE_MODE       0644
#define DIRECTORY_MODE  0755
#define MAX_ASSIGNMENTS 24

/* Where shared files and programs are, and who they belong to: as the primary instance says. */
static const char *const shared_names[] = {
    "command_directory", "daemon_directory", "meta_directory",    "shlib_directory",
    "mail_owner",        "setgid_group",     "sendmail_path",     "mailq_path",
    "newaliases_path",   "html_directory",   "manpage_directory", "readme_directory",
    "sample_directory",
};

struct assignments {
    struct arena *arena;
    const char *items[MAX_ASSIGNMENTS];
    size_t n;
};

static void add(struct assignments *assignments, const char *name, const char *value)
{
    bug_if(assignments->n == MAX_ASSIGNMENTS);
    assignments->items[assignments->n++] =
        arena_printf(assignments->arena, "%s=%s", name, value);
}

/* "/etc/postfix" and "postfix-x" give "/etc/postfix-x"; "" without a name. */
static const char *default_directory(struct arena *arena, const char *primary, const char *name)
{
    struct slice whole = slice_from(primary);

    if (!*name)
        return "";
    return arena_printf(arena, "%.*s/%s",
                        SLICE_ARG(slice_sub(whole, 0, slice_find_last(whole, '/'))), name);
}

static void parse_directory(struct instance *instance, const struct options *options,
                            const char *argument, struct arena *arena)
{
    bool creates = strcmp(options->edit, "create") == 0;
    struct slice name, value;
    const char **directory = NULL;

    if (!words_split_assignment(slice_from(argument), &name, &value))
        fatal(1, "Malformed parameter setting '%s'", argument);
    if (slice_equals(name, "config_directory"))
        directory = &instance->config_directory;
    else if (creates && slice_equals(name, "queue_directory"))
        directory = &instance->queue_directory;
    else if (creates && slice_equals(name, "data_directory"))
        directory = &instance->data_directory;
    if (!directory)
        fatal(1, "Parameter '%.*s' not valid with action %s", SLICE_ARG(name), options->edit);
    if (!slice_starts_with(value, "/"))
        fatal(1, "Parameter setting '%.*s' is not an absolute path", SLICE_ARG(name));
    *directory = arena_text(arena, value);
}

static void plan(struct instance *instance, struct instances *instances,
                 const struct options *options)
{
    const struct instance *primary = &instances->items[0];
    struct arena *arena = &instances->arena;
    const char *name =
        options->new_name && strcmp(options->new_name, "-") != 0 ? options->new_name : "";
    const char *group =
        options->new_group && strcmp(options->new_group, "-") != 0 ? options->new_group : "";

    *instance = (struct instance){
        .config_directory = default_directory(arena, primary->config_directory, name),
        .queue_directory = default_directory(arena, primary->queue_directory, name),
        .data_directory = default_directory(arena, primary->data_directory, name),
        .name = name,
        .group = group,
    };
    for (size_t i = 0; i < options->n_arguments; i++)
        parse_directory(instance, options, options->arguments[i], arena);
    if (!*instance->config_directory)
        fatal(1, "Missing config_directory parameter value");
}

static bool has_file(const struct instance *instance, const char *name)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;

    buf_printf(&path, "%s/%s", instance->config_directory, name);
    return access(path.data, F_OK) == 0;
}

/* A template of the installation; without it, *text stays as it is. */
static void read_template(const char *directory, const char *name, struct buf *text)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    struct error error = ERROR_INIT;

    buf_printf(&path, "%s/%s", directory, name);
    if (access(path.data, F_OK) < 0)
        return;
    buf_reset(text);
    if (file_read_all(path.data, text, MAIN_CF_MAX_BYTES, &error) < 0)
        fatal(1, "%s", error.text);
}

static void write_file(const char *directory, const char *name, const struct buf *text)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    struct error error = ERROR_INIT;

    buf_printf(&path, "%s/%s", directory, name);
    if (file_replace(path.data, buf_slice(text), FILE_MODE, &error) < 0)
        fatal(1, "%s", error.text);
}

static void make_directory(const char *path)
{
    if (path_make_parents(path, DIRECTORY_MODE) < 0 ||
        (mkdir(path, DIRECTORY_MODE) < 0 && errno != EEXIST))
        fatal(1, "create directory %s: %m", path);
}

static void write_master(const struct instance *instance)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;

    read_template(params.config_directory, "master.cf", &text);
    read_template(params.meta_directory, "master.cf.proto", &text);
    write_file(instance->config_directory, "master.cf", &text);
}

static void collect_assignments(struct assignments *assignments,
                                const struct instance *instance)
{
    for (size_t i = 0; i < ARRAY_SIZE(shared_names); i++) {
        const struct main_cf_entry *entry =
            main_cf_find(conf_main_cf(), slice_from(shared_names[i]));

        if (entry)
            add(assignments, entry->name, entry->value);
    }
    add(assignments, "queue_directory", instance->queue_directory);
    add(assignments, "data_directory", instance->data_directory);
    add(assignments, "multi_instance_name", instance->name);
    add(assignments, "multi_instance_group", instance->group);
    /* It neither takes the primary one's ports nor its users' mail before somebody says so. */
    add(assignments, "master_service_disable", "inet");
    add(assignments, "authorized_submit_users", "");
}

/* main.cf is made in a directory of its own: what a crash leaves is no half instance. */
static int write_main(struct instances *instances, const struct instance *instance)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    struct assignments assignments = {.arena = &instances->arena};
    const char *draft =
        arena_printf(&instances->arena, "%s/.create", instance->config_directory);
    const char *from = arena_printf(&instances->arena, "%s/main.cf", draft);
    const char *to = arena_printf(&instances->arena, "%s/main.cf", instance->config_directory);

    make_directory(draft);
    buf_printf(&text, "compatibility_level = %s\n", params.compatibility_level);
    read_template(params.meta_directory, "main.cf.proto", &text);
    write_file(draft, "main.cf", &text);
    collect_assignments(&assignments, instance);
    if (edit_main_cf(draft, assignments.items, assignments.n) != 0)
        return 1;
    if (rename(from, to) < 0)
        fatal(1, "rename %s to %s: %m", from, to);
    if (rmdir(draft) < 0)
        log_warning("remove %s: %m", draft);
    return 0;
}

static int make_spool(const struct instance *instance)
{
    const char *const words[] = {command_path("postfix"), "-c", instance->config_directory,
                                 "quick-check", NULL};

    return run_program(NULL, words);
}

static int make_instance(struct instances *instances, const struct instance *instance)
{
    if (!*instance->queue_directory)
        fatal(1, "Missing queue_directory parameter value");
    if (!*instance->data_directory)
        fatal(1, "Missing data_directory parameter value");
    instances_check_new(instances, instance);
    make_directory(instance->config_directory);
    write_master(instance);
    if (write_main(instances, instance) != 0)
        return 1;
    return make_spool(instance);
}

/* As it is in its files, with the new name and group. */
static int take_over(struct instances *instances, struct instance *planned,
                     const struct options *options)
{
    CLEANUP(buf_release) struct buf name = BUF_INIT;
    CLEANUP(buf_release) struct buf group = BUF_INIT;
    const char *assignments[2];
    struct instance instance;
    size_t n = 0;

    instance_read(&instance, planned->config_directory, &instances->arena);
    if (options->new_name) {
        instance.name = planned->name;
        buf_printf(&name, "multi_instance_name=%s", planned->name);
        assignments[n++] = name.data;
    }
    if (options->new_group) {
        instance.group = planned->group;
        buf_printf(&group, "multi_instance_group=%s", planned->group);
        assignments[n++] = group.data;
    }
    instances_check_new(instances, &instance);
    *planned = instance;
    return n > 0 ? edit_main_cf(instance.config_directory, assignments, n) : 0;
}

/* Where -a, -i or -g want the new one in the list; count: behind all. */
static size_t find_place(const struct instances *instances, const struct options *options)
{
    if (options->all)
        return 1;
    for (size_t i = 1; i < instances->count; i++) {
        if (options->name && instance_is_named(&instances->items[i], options->name))
            return i;
        if (options->group && strcmp(instances->items[i].group, options->group) == 0)
            return i;
    }
    if (options->name)
        fatal(1, "No instance named %s", options->name);
    return instances->count;
}

static int insert(const struct instances *instances, const struct instance *instance,
                  size_t place)
{
    CLEANUP(buf_release) struct buf directories = BUF_INIT;

    for (size_t i = 1; i <= instances->count; i++) {
        if (i == place)
            buf_printf(&directories, "%s%s", directories.len > 0 ? " " : "",
                       instance->config_directory);
        if (i < instances->count)
            buf_printf(&directories, "%s%s", directories.len > 0 ? " " : "",
                       instances->items[i].config_directory);
    }
    return save_directories(&directories);
}

int create(struct instances *instances, const struct options *options)
{
    struct instance instance;
    size_t place;
    int status;

    plan(&instance, instances, options);
    if (!*params.multi_instance_wrapper)
        fatal(1, "multi_instance_wrapper is empty, run 'postmulti -e init' first.");
    if (!params.multi_instance_enable)
        fatal(1, "multi_instance_enable!=yes, run 'postmulti -e init' first.");
    place = find_place(instances, options);
    if (strcmp(options->edit, "import") == 0 ||
        (has_file(&instance, "main.cf") && has_file(&instance, "master.cf")))
        status = take_over(instances, &instance, options);
    else if (has_file(&instance, "main.cf"))
        fatal(1, "%s has a main.cf but no master.cf", instance.config_directory);
    else
        status = make_instance(instances, &instance);
    return status != 0 ? 1 : insert(instances, &instance, place);
}

/*
 * -e: the instances that there are get another name, group or state, or go away.
 */
#include <stdio.h>
#include <string.h>

#include "base/bug.h"
#include "base/log.h"
#include "conf/params.h"
#include "destroy.h"
#include "postmulti.h"

struct action {
    const char *name;
    int (*run)(struct instances *instances, const struct options *options);
    bool needs_instance; /* -i */
};

static struct instance *find(const struct instances *instances, const char *name)
{
    for (size_t i = 0; i < instances->count; i++) {
        if (instance_is_named(&instances->items[i], name))
            return &instances->items[i];
    }
    fatal(1, "No instance named %s", name);
}

static int init(struct instances *instances, const struct options *options)
{
    static const char *const assignments[] = {
        "multi_instance_wrapper=${command_directory}/postmulti -p --",
        "multi_instance_enable=yes",
    };

    (void)options;
    return edit_main_cf(instances->items[0].config_directory, assignments,
                        ARRAY_SIZE(assignments));
}

static int set_enabled(const struct instances *instances, const struct options *options,
                       const char *assignment)
{
    const struct instance *instance = find(instances, options->name);

    return edit_main_cf(instance->config_directory, &assignment, 1);
}

static int enable(struct instances *instances, const struct options *options)
{
    return set_enabled(instances, options, "multi_instance_enable=yes");
}

static int disable(struct instances *instances, const struct options *options)
{
    return set_enabled(instances, options, "multi_instance_enable=no");
}

static void check_name_is_free(const struct instances *instances,
                               const struct instance *instance, const char *name)
{
    for (size_t i = 0; i < instances->count; i++) {
        const struct instance *other = &instances->items[i];

        if (other != instance && strcmp(other->name, name) == 0) {
            fatal(1,
                  "new multi_instance_name=%s is already in use by instance %s, "
                  "multi_instance_name=%s",
                  name, other->config_directory, other->name);
        }
    }
}

/* "-" as a new name or group stands for none. */
static const char *assigned(const char *text)
{
    return strcmp(text, "-") == 0 ? "" : text;
}

static int assign(struct instances *instances, const struct options *options)
{
    CLEANUP(buf_release) struct buf name = BUF_INIT;
    CLEANUP(buf_release) struct buf group = BUF_INIT;
    const struct instance *instance = find(instances, options->name);
    const char *assignments[2];
    size_t n = 0;

    if (options->new_name) {
        if (*assigned(options->new_name))
            check_name_is_free(instances, instance, options->new_name);
        buf_printf(&name, "multi_instance_name=%s", assigned(options->new_name));
        assignments[n++] = name.data;
    }
    if (options->new_group) {
        buf_printf(&group, "multi_instance_group=%s", assigned(options->new_group));
        assignments[n++] = group.data;
    }
    if (n == 0)
        fatal(1, "Specify new instance name or group with '-e assign'");
    return edit_main_cf(instance->config_directory, assignments, n);
}

int save_directories(const struct buf *directories)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    const char *assignment;

    buf_printf(&text, "multi_instance_directories=%s", directories->data);
    assignment = text.data;
    return edit_main_cf(params.config_directory, &assignment, 1);
}

static int remove_from_list(const struct instances *instances, const struct instance *gone)
{
    CLEANUP(buf_release) struct buf directories = BUF_INIT;

    for (size_t i = 1; i < instances->count; i++) {
        if (&instances->items[i] != gone)
            buf_printf(&directories, "%s%s", directories.len > 0 ? " " : "",
                       instances->items[i].config_directory);
    }
    return save_directories(&directories);
}

static const struct instance *find_secondary(const struct instances *instances,
                                             const char *name)
{
    const struct instance *instance = find(instances, name);

    if (instance->is_primary)
        fatal(1, "Cannot remove the primary instance");
    return instance;
}

static int deport(struct instances *instances, const struct options *options)
{
    return remove_from_list(instances, find_secondary(instances, options->name));
}

/* Off the list first: a list that names what is gone would stop every other command. */
static int destroy(struct instances *instances, const struct options *options)
{
    const struct instance *instance = find_secondary(instances, options->name);

    if (instance->is_enabled)
        fatal(1, "Cannot remove enabled instances");
    destroy_check(instance);
    if (remove_from_list(instances, instance) != 0)
        return 1;
    destroy_files(instance);
    return 0;
}

static const struct action actions[] = {
    {"create", create, false}, {"destroy", destroy, true}, {"import", create, false},
    {"deport", deport, true},  {"enable", enable, true},   {"disable", disable, true},
    {"assign", assign, true},  {"init", init, false},
};

int edit(struct instances *instances, const struct options *options)
{
    for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
        if (strcmp(actions[i].name, options->edit) != 0)
            continue;
        if (actions[i].needs_instance && !options->name)
            fatal(1, "Select an instance via '-i name'");
        if (actions[i].run != create && options->n_arguments > 0)
            fatal(1, "Parameter settings are not valid with action %s", options->edit);
        return actions[i].run(instances, options);
    }
    fatal(1,
          "Invalid '-e' edit action '%s'. Specify 'create', 'destroy', 'import', 'deport', "
          "'enable', 'disable', 'assign' or 'init'",
          options->edit);
}

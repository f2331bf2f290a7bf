/*
 * The instances of this host: the primary one and those that its main.cf names.
 */
#include <string.h>

#include "base/bug.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/main_cf.h"
#include "conf/params.h"
#include "conf/words.h"
#include "postmulti.h"

static const char *read_value(const struct main_cf *main_cf, const char *name,
                              struct arena *arena)
{
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    struct error error = ERROR_INIT;

    if (main_cf_value(main_cf, name, &value, &error) < 0)
        fatal(1, "%s", error.text);
    return arena_text(arena, buf_slice(&value));
}

void instance_read(struct instance *instance, const char *directory, struct arena *arena)
{
    CLEANUP(main_cf_release) struct main_cf main_cf;
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    struct error error = ERROR_INIT;

    main_cf_init(&main_cf);
    buf_printf(&path, "%s/main.cf", directory);
    if (main_cf_read(&main_cf, path.data, &error) < 0)
        fatal(1, "%s", error.text);
    main_cf_set(&main_cf, SLICE("config_directory"), slice_from(directory));
    *instance = (struct instance){
        .config_directory = arena_text(arena, slice_from(directory)),
        .name = read_value(&main_cf, "multi_instance_name", arena),
        .group = read_value(&main_cf, "multi_instance_group", arena),
        .queue_directory = read_value(&main_cf, "queue_directory", arena),
        .data_directory = read_value(&main_cf, "data_directory", arena),
    };
    if (!param_parse_bool(slice_from(read_value(&main_cf, "multi_instance_enable", arena)),
                          &instance->is_enabled))
        fatal(1, "%s: bad boolean value of multi_instance_enable", path.data);
}

static size_t count_words(const char *text)
{
    struct slice rest = slice_from(text), word;
    size_t n = 0;

    while (words_next(&rest, WORDS_COMMA_SPACE, &word))
        n++;
    return n;
}

void instances_load(struct instances *instances)
{
    struct slice rest = slice_from(params.multi_instance_directories), word;
    size_t n = count_words(params.multi_instance_directories);

    *instances = (struct instances){.arena = ARENA_INIT, .count = 1};
    instances->items = mem_array(struct instance, n + 2); /* and one that is created */
    instances->items[0] = (struct instance){
        .config_directory = params.config_directory,
        .name = params.multi_instance_name,
        .group = params.multi_instance_group,
        .queue_directory = params.queue_directory,
        .data_directory = params.data_directory,
        /* Without others to manage it is not up to the manager. */
        .is_enabled = params.multi_instance_enable || n == 0,
        .is_primary = true,
    };
    while (words_next(&rest, WORDS_COMMA_SPACE, &word)) {
        CLEANUP(mem_free_text) char *directory = slice_dup(word);

        if (directory[0] != '/')
            fatal(1, "multi_instance_directories: %s is not an absolute path", directory);
        instance_read(&instances->items[instances->count++], directory, &instances->arena);
    }
}

void instances_release(struct instances *instances)
{
    mem_free(instances->items);
    instances->items = NULL;
    arena_release(&instances->arena);
}

bool instance_is_named(const struct instance *instance, const char *name)
{
    if (strcmp(name, "-") == 0)
        return instance->is_primary;
    return strcmp(instance->config_directory, name) == 0 ||
           (*name && strcmp(instance->name, name) == 0);
}

static void check_different(const struct instance *candidate, const struct instance *other,
                            const char *what, const char *text, const char *other_text)
{
    if (*text && strcmp(text, other_text) == 0)
        fatal(1, "instance %s, %s=%s conflicts with instance %s, %s=%s",
              candidate->config_directory, what, text, other->config_directory, what,
              other_text);
}

void instances_check_new(const struct instances *instances, const struct instance *candidate)
{
    for (size_t i = 0; i < instances->count; i++) {
        const struct instance *other = &instances->items[i];

        if (strcmp(candidate->config_directory, other->config_directory) == 0) {
            fatal(1,
                  "new config_directory=%s is already in use by instance %s, "
                  "config_directory=%s",
                  candidate->config_directory, other->config_directory,
                  other->config_directory);
        }
        check_different(candidate, other, "multi_instance_name", candidate->name, other->name);
        check_different(candidate, other, "queue_directory", candidate->queue_directory,
                        other->queue_directory);
        check_different(candidate, other, "data_directory", candidate->data_directory,
                        other->data_directory);
    }
}

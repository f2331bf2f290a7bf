/*
 * Reading settings and checking their values.
 */
#include "table/settings.h"

#include <string.h>

#include "base/mem.h"
#include "conf/conf.h"

static bool is_path(const char *name)
{
    return name[0] == '/' || name[0] == '.';
}

int table_settings_open(struct table_settings *settings, const char *name, struct error *error)
{
    *settings = (struct table_settings){
        .name = mem_dup_text(name),
        .is_file = is_path(name),
        .watch = FILE_WATCH_INIT,
    };
    main_cf_init(&settings->file);
    if (settings->is_file && (file_watch_open(&settings->watch, "open", name, error) < 0 ||
                              main_cf_read(&settings->file, name, error) < 0)) {
        table_settings_release(settings);
        return -1;
    }
    return 0;
}

void table_settings_release(struct table_settings *settings)
{
    file_watch_close(&settings->watch);
    main_cf_release(&settings->file);
    mem_free(settings->name);
    settings->name = NULL;
}

const char *table_settings_find(const struct table_settings *settings, const char *name)
{
    CLEANUP(buf_release) struct buf full_name = BUF_INIT;

    if (settings->is_file) {
        const struct main_cf_entry *entry = main_cf_find(&settings->file, slice_from(name));

        return entry ? entry->value : NULL;
    }
    buf_printf(&full_name, "%s_%s", settings->name, name);
    return conf_lookup(full_name.data);
}

/* "PATH: what: name = text", or "what: table_name = text" for one of main.cf. */
static int refuse(const struct table_settings *settings, const struct plugin_setting *row,
                  const char *text, const char *what, struct error *error)
{
    if (settings->is_file)
        return error_set(error, ERROR_PERMANENT, "%s: %s: %s = %s", settings->name, what,
                         row->name, text);
    return error_set(error, ERROR_PERMANENT, "%s: %s_%s = %s", what, settings->name, row->name,
                     text);
}

static int take_text(const struct table_settings *settings, const struct plugin_setting *row,
                     struct plugin_value *value, struct error *error)
{
    CLEANUP(buf_release) struct buf what = BUF_INIT;
    size_t length = strlen(value->text);

    if (length >= (size_t)row->min)
        return 0;
    buf_printf(&what, "bad string length %zu < %ld", length, row->min);
    return refuse(settings, row, value->text, what.data, error);
}

static int take_number(const struct table_settings *settings, const struct plugin_setting *row,
                       struct plugin_value *value, struct error *error)
{
    int64_t number;

    if (!slice_to_int(slice_from(value->text), INT64_MIN, INT64_MAX, &number))
        return refuse(settings, row, value->text, "bad numerical configuration", error);
    if (number < row->min || number > row->max) {
        CLEANUP(buf_release) struct buf what = BUF_INIT;

        buf_printf(&what, "value not in the range %ld to %ld", row->min, row->max);
        return refuse(settings, row, value->text, what.data, error);
    }
    value->number = (long)number;
    return 0;
}

static int take_bool(const struct table_settings *settings, const struct plugin_setting *row,
                     struct plugin_value *value, struct error *error)
{
    struct slice text = slice_from(value->text);

    value->number = slice_equals_nocase(text, "yes");
    if (!value->number && !slice_equals_nocase(text, "no"))
        return refuse(settings, row, value->text, "bad boolean configuration", error);
    return 0;
}

int table_settings_value(const struct table_settings *settings,
                         const struct plugin_setting *row, struct plugin_value *value,
                         struct error *error)
{
    const char *text = table_settings_find(settings, row->name);
    struct plugin_value found = {.text = text ? text : row->default_text};
    int result = -1;

    switch (row->kind) {
    case PLUGIN_TEXT:
        result = take_text(settings, row, &found, error);
        break;
    case PLUGIN_NUMBER:
        result = take_number(settings, row, &found, error);
        break;
    case PLUGIN_BOOL:
        result = take_bool(settings, row, &found, error);
        break;
    }
    if (result == 0)
        *value = found;
    return result;
}

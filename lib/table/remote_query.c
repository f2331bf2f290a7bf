/*
 * SQL from the settings of Postfix before 2.2.
 */
#include "table/remote_query.h"

int remote_query_build(const struct table_settings *settings, struct buf *query,
                       struct error *error)
{
    /* In the order in which Postfix misses them. */
    static const struct plugin_setting table = {"table", PLUGIN_TEXT, "", 1, 0};
    static const struct plugin_setting select_field = {"select_field", PLUGIN_TEXT, "", 1, 0};
    static const struct plugin_setting where_field = {"where_field", PLUGIN_TEXT, "", 1, 0};
    const char *function = table_settings_find(settings, "select_function");
    const char *conditions = table_settings_find(settings, "additional_conditions");
    struct plugin_value from, what, where;

    if (function && function[0]) {
        buf_printf(query, "SELECT %s('%%s')", function);
        return 0;
    }
    if (table_settings_value(settings, &table, &from, error) < 0 ||
        table_settings_value(settings, &select_field, &what, error) < 0 ||
        table_settings_value(settings, &where_field, &where, error) < 0)
        return -1;
    buf_printf(query, "SELECT %s FROM %s WHERE %s='%%s' %s", what.text, from.text, where.text,
               conditions ? conditions : "");
    return 0;
}

/*
 * The order of rules, and which IF belongs to which ENDIF.
 */
#include "table/rules.h"

#include <string.h>

#include "base/buf.h"
#include "base/log.h"

void rule_list_init(struct rule_list *list)
{
    *list = (struct rule_list){.end = &list->first};
}

void rule_list_add(struct rule_list *list, struct rule *rule)
{
    *list->end = rule;
    list->end = &rule->next;
    if (rule->kind == RULE_IF) {
        rule->endif = list->open_if;
        list->open_if = rule;
    } else if (rule->kind == RULE_ENDIF && list->open_if) {
        struct rule *opened = list->open_if;

        list->open_if = opened->endif;
        opened->endif = rule;
    }
}

bool rule_list_in_if(const struct rule_list *list)
{
    return list->open_if != NULL;
}

void rule_list_finish(struct rule_list *list, const char *type,
                      const struct table_source *source)
{
    while (list->open_if) {
        struct rule *opened = list->open_if;

        log_warning("%s map %s, line %d: IF has no matching ENDIF", type, source->name,
                    opened->line);
        list->open_if = opened->endif;
        opened->endif = NULL;
    }
}

bool rule_is_word(struct slice line, const char *word)
{
    size_t len = strlen(word);

    return slice_starts_with_nocase(line, word) &&
           (line.len == len || !ascii_is_alnum(line.ptr[len]));
}

void rule_warn(const char *type, const struct table_source *source, const char *format, ...)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    va_list arguments;

    va_start(arguments, format);
    buf_vprintf(&text, format, arguments);
    va_end(arguments);
    log_warning("%s map %s, line %d: %s", type, source->name, source->line, text.data);
}

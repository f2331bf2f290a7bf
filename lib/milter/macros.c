/* Collecting macros. */
#include "milter/macros.h"

#include "conf/words.h"

static struct slice without_braces(struct slice name)
{
    if (name.len >= 2 && name.ptr[0] == '{' && name.ptr[name.len - 1] == '}')
        return slice_sub(name, 1, name.len - 2);
    return name;
}

/* "name=value", "{name}=value" or "{ name = value with spaces }". */
static bool find_default(const char *defaults, struct slice name, struct slice *value)
{
    struct slice rest = slice_from(defaults), entry, entry_name;

    while (words_next(&rest, WORDS_COMMA_SPACE, &entry)) {
        struct error error;

        if (words_brace_length(entry) == entry.len && entry.len &&
            words_unbrace(entry, &entry, &error) < 0)
            continue;
        if (words_split_assignment(entry, &entry_name, value) &&
            slice_same(without_braces(entry_name), name))
            return true;
    }
    return false;
}

void milter_macros_collect(const struct milter_macros *macros, struct slice list,
                           struct buf *out)
{
    struct slice word;

    while (words_next(&list, WORDS_COMMA_SPACE, &word)) {
        struct slice name = without_braces(word), value;
        const char *text = macros->value(macros->context, name);

        if (text)
            value = slice_from(text);
        else if (!find_default(macros->defaults, name, &value))
            continue;
        milter_add_string(out, word);
        milter_add_string(out, value);
    }
}

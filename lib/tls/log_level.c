#include "tls/log_level.h"

#include "base/compiler.h"
#include "base/slice.h"

static int level_of(struct slice word)
{
    static const char *const names[] = {"none", "routine", "debug", "ssl-expert",
                                        "ssl-developer"};
    int64_t number;

    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (slice_equals_nocase(word, names[i]))
            return (int)i;
    return slice_to_int(word, 0, 4, &number) ? (int)number : -1;
}

int tls_log_level_parse(const char *text)
{
    struct slice rest = slice_from(text), word;
    int highest = 0;

    while ((word = slice_word(&rest, ", \t\r\n")).ptr) {
        int level = level_of(word);
        if (level < 0)
            return -1;
        if (level > highest)
            highest = level;
    }
    return highest;
}

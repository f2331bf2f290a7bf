#include "route/ehlo_keywords.h"

#include "base/bug.h"
#include "base/log.h"
#include "conf/words.h"
#include "route/open_maps.h"

static const struct {
    const char *name;
    enum ehlo_keyword keyword;
} known[] = {
    /* in the order of Postfix's log lines */
    {"8BITMIME", EHLO_8BITMIME},
    {"AUTH", EHLO_AUTH},
    {"ETRN", EHLO_ETRN},
    {"PIPELINING", EHLO_PIPELINING},
    {"SIZE", EHLO_SIZE},
    {"XVERP", EHLO_XVERP},
    {"XCLIENT", EHLO_XCLIENT},
    {"XFORWARD", EHLO_XFORWARD},
    {"STARTTLS", EHLO_STARTTLS},
    {"ENHANCEDSTATUSCODES", EHLO_ENHANCEDSTATUSCODES},
    {"DSN", EHLO_DSN},
    {"SMTPUTF8", EHLO_SMTPUTF8},
    {"CHUNKING", EHLO_CHUNKING},
    {"VRFY", EHLO_VRFY},
    {"REQUIRETLS", EHLO_REQUIRETLS},
    {"SILENT-DISCARD", EHLO_SILENT_DISCARD},
};

unsigned ehlo_keyword_find(struct slice name)
{
    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        if (slice_equals_nocase(name, known[i].name))
            return known[i].keyword;
    }
    return 0;
}

const char *ehlo_keyword_name(enum ehlo_keyword keyword)
{
    size_t i = 0;

    while (i < ARRAY_SIZE(known) && known[i].keyword != keyword)
        i++;
    bug_if(i == ARRAY_SIZE(known));
    return known[i].name;
}

unsigned ehlo_keywords_parse(const char *list)
{
    struct slice rest = slice_from(list);
    struct slice word;
    unsigned keywords = 0;

    while (words_next(&rest, WORDS_COMMA_SPACE, &word)) {
        unsigned keyword = ehlo_keyword_find(word);

        if (!keyword)
            log_warning("unknown EHLO keyword \"%.*s\" in \"%s\"", SLICE_ARG(word), list);
        keywords |= keyword;
    }
    return keywords;
}

void ehlo_keywords_add_names(struct buf *text, unsigned keywords)
{
    const char *space = "";

    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        if (!(keywords & known[i].keyword))
            continue;
        buf_printf(text, "%s%s", space, known[i].name);
        space = " ";
    }
}

void ehlo_discards_open(struct ehlo_discards *discards, const char *list, const char *maps_name,
                        const char *maps)
{
    discards->by_default = ehlo_keywords_parse(list);
    discards->maps_name = maps_name;
    maps_free(discards->maps);
    discards->maps = open_maps(maps_open, maps_name, maps);
}

enum table_result ehlo_discards_find(const struct ehlo_discards *discards, struct slice address,
                                     unsigned *keywords)
{
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    enum table_result result = TABLE_NOT_FOUND;
    struct error error;

    if (!maps_is_empty(discards->maps))
        result = maps_find(discards->maps, address, &value, &error);
    switch (result) {
    case TABLE_FOUND:
        *keywords = ehlo_keywords_parse(value.data);
        break;
    case TABLE_NOT_FOUND:
        *keywords = discards->by_default;
        break;
    case TABLE_ERROR:
        log_warning("%s", error.text);
        break;
    }
    return result;
}

/* The permanent list. */
#include "access.h"

#include "base/arena.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/params.h"
#include "conf/words.h"
#include "route/open_maps.h"
#include "table/maps.h"
#include "table/match_list.h"

#define NAME "postscreen_access_list"

/* One word of the list: a table, or a verdict by itself. */
struct item {
    const char *word;
    struct maps *table; /* NULL: a verdict */
};

static struct item *items;
static size_t n_items;
static struct match_list *mynetworks;
static struct arena arena;

/* A word that is none is found out when it is its turn, as in Postfix. */
static void add_item(struct slice word)
{
    struct item item = {.word = arena_text(&arena, word)};
    struct error error = ERROR_INIT;

    if (slice_find(word, ':') < word.len)
        item.table = maps_open(NAME, item.word, &error);
    if (error.kind != ERROR_NONE)
        log_error("%s", error.text);
    items = mem_resize(items, n_items + 1, sizeof(*items));
    items[n_items++] = item;
}

void access_open(void)
{
    struct slice rest = slice_from(params.postscreen_access_list);
    struct slice word;

    mynetworks = open_list("mynetworks", params.mynetworks, MATCH_PARENTS_NEVER);
    while (words_next(&rest, WORDS_COMMA_SPACE, &word))
        add_item(word);
}

enum verdict { VERDICT_NEXT, VERDICT_PERMIT, VERDICT_REJECT, VERDICT_STOP };

static enum verdict check_mynetworks(const struct endpoint *client)
{
    struct error error;

    switch (match_list_client(mynetworks, SLICE("unknown"), client, &error)) {
    case TABLE_FOUND:
        return VERDICT_PERMIT;
    case TABLE_NOT_FOUND:
        return VERDICT_NEXT;
    case TABLE_ERROR:
        break;
    }
    log_warning("mynetworks: %s -- ignoring the remainder of this access list", error.text);
    return VERDICT_STOP;
}

static enum verdict judge(const char *where, struct slice word, const struct endpoint *client)
{
    if (slice_equals_nocase(word, "permit_mynetworks"))
        return check_mynetworks(client);
    if (slice_equals_nocase(word, "permit"))
        return VERDICT_PERMIT;
    if (slice_equals_nocase(word, "reject"))
        return VERDICT_REJECT;
    if (slice_equals_nocase(word, "dunno"))
        return VERDICT_NEXT;
    log_warning("%s: unknown command: %.*s -- ignoring the remainder of this access list",
                where, SLICE_ARG(word));
    return VERDICT_STOP;
}

static enum verdict look_up(const struct item *item, const struct endpoint *client)
{
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    char text[ENDPOINT_TEXT_BYTES];
    struct error error;
    struct slice rest, word;
    enum verdict verdict = VERDICT_NEXT;

    switch (maps_find(item->table, slice_from(endpoint_text(client, text)), &value, &error)) {
    case TABLE_FOUND:
        break;
    case TABLE_NOT_FOUND:
        return VERDICT_NEXT;
    case TABLE_ERROR:
        log_warning(NAME
                    ": %s: table lookup error -- ignoring the remainder of this access list",
                    item->word);
        return VERDICT_STOP;
    }
    rest = buf_slice(&value);
    while (verdict == VERDICT_NEXT && words_next(&rest, WORDS_COMMA_SPACE, &word)) {
        if (slice_equals_nocase(word, "dunno")) /* ends this table's words */
            break;
        verdict = judge(item->word, word, client);
    }
    return verdict;
}

enum access_result access_check(const struct endpoint *client)
{
    for (size_t i = 0; i < n_items; i++) {
        enum verdict verdict = items[i].table ? look_up(&items[i], client)
                                              : judge(NAME, slice_from(items[i].word), client);

        switch (verdict) {
        case VERDICT_NEXT:
            break;
        case VERDICT_PERMIT:
            return ACCESS_PERMIT;
        case VERDICT_REJECT:
            return ACCESS_REJECT;
        case VERDICT_STOP:
            return ACCESS_DUNNO;
        }
    }
    return ACCESS_DUNNO;
}

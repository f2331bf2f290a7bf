#include "name_search.h"

#include <sysexits.h>

#include "base/bug.h"
#include "conf/params.h"
#include "conf/words.h"
#include "options.h"

static bool completes_labels;  /* res_defnames */
static bool tries_all_domains; /* res_dnsrch */

void name_search_open(void)
{
    const char *text =
        options.is_lmtp ? params.lmtp_dns_resolver_options : params.smtp_dns_resolver_options;
    struct slice rest = slice_from(text), word;

    while (words_next(&rest, WORDS_COMMA_SPACE, &word)) {
        if (slice_equals(word, "res_defnames"))
            completes_labels = true;
        else if (slice_equals(word, "res_dnsrch"))
            tries_all_domains = true;
        else
            fatal(EX_CONFIG, "unknown %s_dns_resolver_options value \"%.*s\" in \"%s\"",
                  options.is_lmtp ? "lmtp" : "smtp", SLICE_ARG(word), text);
    }
}

static bool is_found(enum dns_result result)
{
    return result != DNS_NO_NAME && result != DNS_NO_DATA;
}

/* With each domain behind it, or with the first. */
static enum dns_result complete(struct slice name, enum dns_type type, deadline_t until,
                                struct arena *arena, struct dns_answer *answer,
                                struct error *error)
{
    struct slice rest = dns_search_domains();
    enum dns_result result = DNS_NO_NAME;
    struct slice domain;

    while (!is_found(result) && (domain = slice_word(&rest, " \t")).ptr) {
        struct slice longer =
            slice_from(arena_printf(arena, "%.*s.%.*s", SLICE_ARG(name), SLICE_ARG(domain)));

        result = dns_lookup(longer, type, until, arena, answer, error);
        if (!tries_all_domains)
            break;
    }
    return result;
}

enum dns_result name_search_lookup(struct slice name, enum dns_type type, deadline_t until,
                                   struct arena *arena, struct dns_answer *answer,
                                   struct error *error)
{
    bool is_label = slice_find(name, '.') == name.len;
    bool may_complete = is_label ? completes_labels : tries_all_domains;
    enum dns_result result;
    struct error why;

    if (may_complete && is_label) {
        result = complete(name, type, until, arena, answer, error);
        if (is_found(result))
            return result;
    }
    result = dns_lookup(name, type, until, arena, answer, error);
    if (is_found(result) || is_label || !may_complete)
        return result;
    enum dns_result longer = complete(name, type, until, arena, answer, &why);
    if (!is_found(longer))
        return result;
    *error = why;
    return longer;
}

/*
 * ldap: a directory. What a search finds are values, and references (DNs and URLs) to further
 * entries, which are searched in their turn.
 */
/* needs: ldap libsasl2 */
#include <ldap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/time.h>
#include <time.h>

#include "base/poison.h"
#include "ldap_parts.h"

/* Against groups that contain each other in many ways. */
#define SEARCHES_MAX   10000
#define ATTRIBUTES_MAX 100

/* Each kind of attribute has its place in the list that is asked for. */
struct attributes {
    char *texts[4]; /* the four settings, cut into words */
    char *names[ATTRIBUTES_MAX + 1];
    size_t n_terminal, n_leaf, n_result, n; /* where the kinds end; special ones come last */
};

/* One thing in the answer, in its order: a value, or what stands for more. */
struct item {
    struct item *next;
    bool is_reference;
    long depth;
    size_t len;
    char text[];
};

struct lookup {
    struct plugin_connection *connection;
    struct plugin_answer *answer;
    struct plugin_report *report;
    struct attributes attributes;
    struct item *items;
    int n_searches;
};

/* -- attributes ------------------------------------------------------------------------------
 */

/* False: too many, or no memory. */
static bool add_names(struct attributes *attributes, char **text, const char *list)
{
    char *rest = *text = strdup(list);

    while (rest && *(rest += strspn(rest, " \t,")) != '\0') {
        size_t len = strcspn(rest, " \t,");

        if (attributes->n == ATTRIBUTES_MAX)
            return false;
        attributes->names[attributes->n++] = rest;
        rest += len;
        if (*rest)
            *rest++ = '\0';
    }
    return rest != NULL;
}

static bool attributes_init(struct attributes *attributes, const struct plugin_value *values)
{
    bool is_good;

    *attributes = (struct attributes){.n = 0};
    is_good = add_names(attributes, &attributes->texts[0], values[TERMINAL_ATTRIBUTE].text);
    attributes->n_terminal = attributes->n;
    is_good =
        add_names(attributes, &attributes->texts[1], values[LEAF_ATTRIBUTE].text) && is_good;
    attributes->n_leaf = attributes->n;
    is_good =
        add_names(attributes, &attributes->texts[2], values[RESULT_ATTRIBUTE].text) && is_good;
    attributes->n_result = attributes->n;
    return add_names(attributes, &attributes->texts[3], values[SPECIAL_ATTRIBUTE].text) &&
           is_good;
}

static void attributes_release(struct attributes *attributes)
{
    for (size_t i = 0; i < 4; i++)
        free(attributes->texts[i]);
}

/* "mail;lang-en" is an answer to "mail". */
static bool names_match(const char *asked, const char *found)
{
    size_t len = strlen(asked);

    return strncasecmp(asked, found, len) == 0 && (found[len] == '\0' || found[len] == ';');
}

/* Its place in the list; the list's length when it is not in there. */
static size_t find_name(const struct attributes *attributes, const char *name)
{
    size_t i = 0;

    while (i < attributes->n && !names_match(attributes->names[i], name))
        i++;
    return i;
}

/* -- the answer ------------------------------------------------------------------------------
 */

static struct item **insert(struct item **place, const char *text, size_t len, long depth,
                            bool is_reference)
{
    struct item *item = malloc(sizeof(*item) + len + 1);

    if (!item)
        return NULL;
    *item = (struct item){*place, is_reference, depth, len};
    memcpy(item->text, text, len);
    item->text[len] = '\0';
    *place = item;
    return &item->next;
}

static void drop_first(struct lookup *lookup)
{
    struct item *first = lookup->items;

    lookup->items = first->next;
    free(first);
}

/* What kinds of attributes an entry has values for. */
struct entry_kind {
    bool has_terminal, has_special;
};

static struct entry_kind entry_kind(const struct lookup *lookup, LDAPMessage *entry)
{
    struct entry_kind kind = {false, false};
    BerElement *cursor = NULL;
    LDAP *server = lookup->connection->server;

    for (char *name = ldap_first_attribute(server, entry, &cursor); name;
         name = ldap_next_attribute(server, entry, cursor)) {
        size_t i = find_name(&lookup->attributes, name);

        kind.has_terminal = kind.has_terminal || i < lookup->attributes.n_terminal;
        kind.has_special =
            kind.has_special || (i >= lookup->attributes.n_result && i < lookup->attributes.n);
        ldap_memfree(name);
    }
    ber_free(cursor, 0);
    return kind;
}

static bool is_wanted(const struct attributes *attributes, struct entry_kind kind, size_t i)
{
    if (i == attributes->n)
        return false;
    if (kind.has_terminal)
        return i < attributes->n_terminal;
    return !(kind.has_special && i < attributes->n_leaf);
}

static struct item **insert_values(const struct lookup *lookup, struct item **place,
                                   LDAPMessage *entry, const char *name, long depth)
{
    size_t i = find_name(&lookup->attributes, name);
    bool is_reference = i >= lookup->attributes.n_result;
    struct berval **values = ldap_get_values_len(lookup->connection->server, entry, name);

    for (size_t v = 0; place && values && values[v]; v++)
        place = insert(place, values[v]->bv_val, values[v]->bv_len, depth, is_reference);
    ldap_value_free_len(values);
    return place;
}

/* Put what the entry has at that place of the list. NULL: no memory. */
static struct item **insert_entry(const struct lookup *lookup, struct item **place,
                                  LDAPMessage *entry, long depth)
{
    struct entry_kind kind = entry_kind(lookup, entry);
    LDAP *server = lookup->connection->server;
    BerElement *cursor = NULL;

    for (char *name = ldap_first_attribute(server, entry, &cursor); name;
         name = ldap_next_attribute(server, entry, cursor)) {
        if (place && is_wanted(&lookup->attributes, kind, find_name(&lookup->attributes, name)))
            place = insert_values(lookup, place, entry, name, depth);
        ldap_memfree(name);
    }
    ber_free(cursor, 0);
    return place;
}

/* -- searching -------------------------------------------------------------------------------
 */

struct search {
    const char *base, *filter;
    int scope;
    char **attributes;
};

static enum plugin_result complain(struct lookup *lookup, const char *text)
{
    snprintf(lookup->report->text, sizeof(lookup->report->text), "%s", text);
    return PLUGIN_FAILED;
}

static enum plugin_result search_failed(struct lookup *lookup, const struct search *search,
                                        int result)
{
    const char *text = ldap_err2string(result);
    struct plugin_report *report = lookup->report;

    if (result == LDAP_SIZELIMIT_EXCEEDED)
        snprintf(report->text, sizeof(report->text), "Query size limit (%ld) exceeded",
                 lookup->connection->values[SIZE_LIMIT].number);
    else if (result == LDAP_NO_SUCH_OBJECT)
        snprintf(report->text, sizeof(report->text), "Search base '%s' not found: %d: %s",
                 search->base, result, text);
    else
        snprintf(report->text, sizeof(report->text), "Search error %d: %s", result, text);
    return result == LDAP_SERVER_DOWN || result == LDAP_TIMEOUT || result == LDAP_UNAVAILABLE ||
                   result == LDAP_BUSY || result == LDAP_CONNECT_ERROR
               ? PLUGIN_LOST
               : PLUGIN_FAILED;
}

/* Search, and put what was found in front of the list. *code is the protocol's result. */
static enum plugin_result run(struct lookup *lookup, const struct search *search, long depth,
                              int *code)
{
    LDAP *server = lookup->connection->server;
    struct timeval limit = {.tv_sec = lookup->connection->values[TIMEOUT].number};
    LDAPMessage *found = NULL;
    struct item **place = &lookup->items;

    *code = ldap_search_ext_s(server, search->base, search->scope, search->filter,
                              search->attributes, 0, NULL, NULL, &limit,
                              (int)lookup->connection->values[SIZE_LIMIT].number, &found);
    for (LDAPMessage *entry = *code == LDAP_SUCCESS ? ldap_first_entry(server, found) : NULL;
         place && entry; entry = ldap_next_entry(server, entry))
        place = insert_entry(lookup, place, entry, depth);
    ldap_msgfree(found);
    if (!place)
        return complain(lookup, "out of memory");
    return *code == LDAP_SUCCESS ? PLUGIN_OK : search_failed(lookup, search, *code);
}

/* Those of our attributes that the URL asks for, too; n of them. */
static size_t common_attributes(const struct attributes *ours, char **theirs, char **common)
{
    size_t n = 0;

    for (size_t i = 0; i < ours->n; i++) {
        bool is_asked = !theirs || !theirs[0];

        for (size_t j = 0; !is_asked && theirs[j]; j++)
            is_asked = strcmp(theirs[j], "*") == 0 || names_match(ours->names[i], theirs[j]) ||
                       names_match(theirs[j], ours->names[i]);
        if (is_asked)
            common[n++] = ours->names[i];
    }
    common[n] = NULL;
    return n;
}

static enum plugin_result follow_url(struct lookup *lookup, const char *text, long depth)
{
    char *attributes[ATTRIBUTES_MAX + 1], warning[300];
    enum plugin_result outcome = PLUGIN_OK;
    LDAPURLDesc *url;
    int code = ldap_url_parse(text, &url);

    if (code != LDAP_URL_SUCCESS) {
        snprintf(warning, sizeof(warning), "malformed URL %.200s (%d)", text, code);
        lookup->answer->warn(lookup->answer, warning);
        return PLUGIN_OK;
    }
    if (common_attributes(&lookup->attributes, url->lud_attrs, attributes) == 0) {
        snprintf(warning, sizeof(warning), "skipping URL %.200s: no pertinent attributes",
                 text);
        lookup->answer->warn(lookup->answer, warning);
    } else {
        struct search search = {url->lud_dn ? url->lud_dn : "", url->lud_filter, url->lud_scope,
                                attributes};

        outcome = run(lookup, &search, depth, &code);
    }
    ldap_free_urldesc(url);
    return outcome;
}

static enum plugin_result follow_dn(struct lookup *lookup, const char *dn, long depth)
{
    struct search search = {dn, "(objectclass=*)", LDAP_SCOPE_BASE, lookup->attributes.names};
    char warning[300];
    int code;
    enum plugin_result outcome = run(lookup, &search, depth, &code);

    if (code != LDAP_NO_SUCH_OBJECT)
        return outcome;
    snprintf(warning, sizeof(warning), "DN %.200s not found, skipping", dn);
    lookup->answer->warn(lookup->answer, warning);
    return PLUGIN_OK;
}

static enum plugin_result follow(struct lookup *lookup, const char *reference, long depth)
{
    if (depth > lookup->connection->values[RECURSION_LIMIT].number)
        return complain(lookup, "Recursion limit exceeded");
    if (++lookup->n_searches > SEARCHES_MAX)
        return complain(lookup, "too many references to other entries");
    return ldap_is_ldap_url(reference) ? follow_url(lookup, reference, depth)
                                       : follow_dn(lookup, reference, depth);
}

/* From the front of the list: values are handed over, references replaced by what they mean. */
static enum plugin_result resolve(struct lookup *lookup)
{
    enum plugin_result outcome = PLUGIN_OK;

    while (outcome == PLUGIN_OK && lookup->items) {
        struct item *first = lookup->items;

        lookup->items = first->next;
        if (first->is_reference)
            outcome = follow(lookup, first->text, first->depth + 1);
        else if (!lookup->answer->add(lookup->answer, first->text, first->len)) {
            free(first);
            break;
        }
        free(first);
    }
    while (lookup->items)
        drop_first(lookup);
    return outcome;
}

static enum plugin_result ldap_query(struct plugin_connection *connection,
                                     const char *const *templates, struct plugin_answer *answer,
                                     struct plugin_report *report)
{
    struct lookup lookup = {.connection = connection, .answer = answer, .report = report};
    struct search search = {templates[0], templates[1], connection->scope,
                            lookup.attributes.names};
    enum plugin_result outcome;
    int code = LDAP_SUCCESS;

    if (attributes_init(&lookup.attributes, connection->values))
        outcome = run(&lookup, &search, 0, &code);
    else
        outcome = complain(&lookup, "too many attributes");
    if (outcome == PLUGIN_OK)
        outcome = resolve(&lookup);
    else if (code == LDAP_NO_SUCH_OBJECT && strchr(connection->values[SEARCH_BASE].text, '%'))
        outcome = PLUGIN_OK; /* a base made of the key need not be there */
    attributes_release(&lookup.attributes);
    return outcome;
}

/* -- quoting ---------------------------------------------------------------------------------
 */

/* A value in a DN, RFC 2253 section 2.4. */
static long quote_dn(const char *text, size_t len, char *out)
{
    long n = 0;

    for (size_t i = 0; i < len; i++) {
        bool is_edge =
            (i == 0 && (text[i] == ' ' || text[i] == '#')) || (i == len - 1 && text[i] == ' ');

        if (is_edge || (text[i] && strchr("\t ,+\"\\<>;", text[i]) && text[i] != ' '))
            out[n++] = '\\';
        out[n++] = text[i];
    }
    return n;
}

/* A value in a filter, RFC 2254 section 4. */
static long quote_filter(const char *text, size_t len, char *out)
{
    static const char hex[] = "0123456789abcdef";
    long n = 0;

    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)text[i];

        if (byte == 0 || strchr("*()\\", text[i])) {
            out[n++] = '\\';
            out[n++] = hex[byte >> 4];
            out[n++] = hex[byte & 15];
        } else {
            out[n++] = text[i];
        }
    }
    return n;
}

static long ldap_quote(struct plugin_connection *connection, int template, const char *text,
                       size_t len, char *out)
{
    (void)connection;
    return template == 0 ? quote_dn(text, len, out) : quote_filter(text, len, out);
}

const struct table_plugin table_plugin = {
    .abi = TABLE_PLUGIN_ABI,
    .settings = ldap_settings,
    .templates = {"search_base", "query_filter"},
    .default_host = "ldap",
    .check = ldap_check_settings,
    .connect = ldap_open_connection,
    .quote = ldap_quote,
    .query = ldap_query,
    .close = ldap_close_connection,
};

/*
 * Looking up an address: the order of its forms.
 */
#include "conf/params.h"
#include "mail/address.h"
#include "table/maps_internal.h"

/* What the steps of one search share. */
struct search {
    struct maps *maps;
    struct maps_address *query;
    struct buf key, quoted;
    struct slice after_whole; /* the form behind the whole address, if it is a part of it */
    struct buf *value;
    struct error *error;
};

static enum table_result ask(struct search *search, struct slice key, enum maps_key kind)
{
    struct slice next = kind == MAPS_KEY_WHOLE ? search->after_whole : SLICE_EMPTY;

    return maps_find_in(search->maps, kind, key, next, search->value, search->error);
}

/* Ask for local part + at + domain: in quoted form, then as it is. */
static enum table_result ask_local(struct search *search, struct slice local, const char *at,
                                   struct slice domain, enum maps_key kind)
{
    enum table_result result = TABLE_NOT_FOUND;

    /* An @ makes clear where the local part ends, which may hold one itself. */
    buf_set(&search->key, local);
    buf_add_text(&search->key, "@");
    buf_reset(&search->quoted);
    address_quote(&search->quoted, buf_slice(&search->key));
    buf_truncate(&search->quoted, search->quoted.len - 1);
    buf_set(&search->key, local);
    if (!slice_same(buf_slice(&search->quoted), local)) {
        buf_add_text(&search->quoted, at);
        buf_add_slice(&search->quoted, domain);
        result = ask(search, buf_slice(&search->quoted), kind);
    }
    if (result == TABLE_NOT_FOUND) {
        buf_add_text(&search->key, at);
        buf_add_slice(&search->key, domain);
        result = ask(search, buf_slice(&search->key), kind);
    }
    return result;
}

/* The same without its extension, which then is put into query->extension. */
static enum table_result ask_user(struct search *search, struct slice local, const char *at,
                                  struct slice domain)
{
    struct maps_address *query = search->query;
    struct slice user, extension;
    enum table_result result;

    if (!address_split_extension(local, query->delimiters, params.owner_request_special, &user,
                                 &extension))
        return TABLE_NOT_FOUND;
    result = ask_local(search, user, at, domain, MAPS_KEY_PARTIAL);
    if (result == TABLE_FOUND)
        query->extension = slice_from_offset(local, user.len);
    return result;
}

static enum table_result ask_domain_text(struct search *search, const char *before,
                                         struct slice domain)
{
    buf_set_text(&search->key, before);
    buf_add_slice(&search->key, domain);
    return ask(search, buf_slice(&search->key), MAPS_KEY_PARTIAL);
}

/* ".example.com", ".com" of "mail.example.com", or without the dots. */
static enum table_result ask_parents(struct search *search, struct slice domain)
{
    const char *dot = search->query->parents_without_dot ? "" : ".";
    enum table_result result = TABLE_NOT_FOUND;
    size_t label;

    while (result == TABLE_NOT_FOUND && (label = slice_find(domain, '.')) < domain.len) {
        domain = slice_from_offset(domain, label + 1);
        if (domain.len)
            result = ask_domain_text(search, dot, domain);
    }
    return result;
}

static enum table_result ask_domain(struct search *search, struct slice domain)
{
    unsigned forms = search->query->forms;
    enum table_result result = TABLE_NOT_FOUND;

    if (forms & MAPS_AT_DOMAIN)
        result = ask_domain_text(search, "@", domain);
    if (result == TABLE_NOT_FOUND && (forms & MAPS_DOMAIN))
        result = ask_domain_text(search, "", domain);
    if (result == TABLE_NOT_FOUND && (forms & MAPS_PARENTS))
        result = ask_parents(search, domain);
    return result;
}

/* The local part with nothing or an @ behind it, with its extension and without. */
static enum table_result ask_bare(struct search *search, struct slice local, const char *at)
{
    enum table_result result = ask_local(search, local, at, SLICE_EMPTY, MAPS_KEY_PARTIAL);

    return result == TABLE_NOT_FOUND ? ask_user(search, local, at, SLICE_EMPTY) : result;
}

static struct slice form_after_whole(const struct maps_address *query, struct slice local)
{
    struct slice user, extension;

    if (!(query->forms & MAPS_LOCAL) || local.len == query->address.len ||
        address_split_extension(local, query->delimiters, params.owner_request_special, &user,
                                &extension))
        return SLICE_EMPTY;
    return local;
}

static enum table_result search_forms(struct search *search)
{
    unsigned forms = search->query->forms;
    struct slice local = address_local_part(search->query->address);
    struct slice domain = address_domain(search->query->address);
    bool has_domain = local.len < search->query->address.len;
    const char *at = has_domain ? "@" : "";
    enum table_result result = TABLE_NOT_FOUND;

    if (forms & MAPS_FULL)
        result = ask_local(search, local, at, domain, MAPS_KEY_WHOLE);
    if (result == TABLE_NOT_FOUND && (forms & MAPS_NO_EXT))
        result = ask_user(search, local, at, domain);
    if (!has_domain)
        return result;
    if (result == TABLE_NOT_FOUND && (forms & MAPS_LOCAL))
        result = ask_bare(search, local, "");
    if (result == TABLE_NOT_FOUND && domain.len)
        result = ask_domain(search, domain);
    if (result == TABLE_NOT_FOUND && (forms & MAPS_LOCAL_PART))
        result = ask_bare(search, local, "@");
    return result;
}

enum table_result maps_find_address(struct maps *maps, struct maps_address *query,
                                    struct buf *value, struct error *error)
{
    struct search search = {
        .maps = maps,
        .query = query,
        .key = BUF_INIT,
        .quoted = BUF_INIT,
        .after_whole = form_after_whole(query, address_local_part(query->address)),
        .value = value,
        .error = error,
    };
    enum table_result result;

    query->extension = SLICE_EMPTY;
    result = search_forms(&search);
    buf_release(&search.key);
    buf_release(&search.quoted);
    return result;
}

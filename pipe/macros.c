#include "macros.h"

#include <string.h>

#include "conf/expand.h"
#include "conf/params.h"
#include "mail/address.h"

/* More arguments than this are not given to a command. */
enum { ARGUMENTS_MAX = 10000 };

/* What the macros of argv= see. */
struct macros {
    const struct attributes *attributes;
    const struct delivery *delivery;
    struct slice recipient; /* as the flags want it */
    const struct recipient *record;
    struct arena *arena;
    struct slice unknown; /* a name that means nothing; ptr NULL: all did */
};

/* user@domain by the flags h, u and q. */
static struct slice fold_recipient(const struct attributes *attributes, struct slice address,
                                   struct arena *arena)
{
    struct slice local = address_local_part(address), domain = address_domain(address);

    if (attributes->fold_user)
        local = arena_lower(arena, local);
    if (attributes->fold_host)
        domain = arena_lower(arena, domain);
    struct slice folded =
        domain.len > 0
            ? slice_from(arena_printf(arena, "%.*s@%.*s", SLICE_ARG(local), SLICE_ARG(domain)))
            : local;
    return attributes->quote ? address_quoted(arena, folded) : folded;
}

static const char *text_of(const struct macros *macros, struct slice slice)
{
    return arena_text(macros->arena, slice);
}

static const char *part_of_recipient(const struct macros *macros, struct slice name)
{
    struct slice local = address_local_part(macros->recipient), user = local,
                 extension = SLICE_EMPTY;

    address_split_extension(local, params.recipient_delimiter, params.owner_request_special,
                            &user, &extension);
    if (slice_equals(name, "user"))
        return text_of(macros, user);
    if (slice_equals(name, "extension"))
        return text_of(macros, extension);
    if (slice_equals(name, "mailbox"))
        return text_of(macros, local);
    if (slice_equals(name, "domain"))
        return text_of(macros, address_domain(macros->recipient));
    return NULL;
}

static const char *look_up_macro(void *context, struct slice name)
{
    struct macros *macros = context;
    const struct delivery_request *request = &macros->delivery->request;

    const struct {
        const char *name;
        struct slice value;
    } known[] = {
        {"recipient", macros->recipient},
        {"original_recipient",
         fold_recipient(macros->attributes, macros->record->original, macros->arena)},
        {"sender",
         request->sender.len > 0
             ? (macros->attributes->quote ? address_quoted(macros->arena, request->sender)
                                          : request->sender)
             : slice_from(macros->attributes->null_sender)},
        {"nexthop", macros->attributes->fold_host ? arena_lower(macros->arena, request->nexthop)
                                                  : request->nexthop},
        {"queue_id", request->queue_id},
        {"envid", request->envelope_id},
        {"client_address", request->log_client_address},
        {"client_helo", request->log_client_helo},
        {"client_hostname", request->log_client_name},
        {"client_port", request->log_client_port},
        {"client_protocol", request->log_client_protocol},
        {"sasl_method", request->sasl_method},
        {"sasl_username", request->sasl_username},
        {"sasl_sender", request->sasl_sender},
    };

    if (slice_equals(name, "size"))
        return arena_printf(macros->arena, "%lld", (long long)request->data_size);
    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        if (slice_equals(name, known[i].name))
            return text_of(macros, known[i].value);
    const char *part = part_of_recipient(macros, name);
    if (!part)
        macros->unknown = name;
    return part;
}

/* Arguments that name the recipient stand once for each. */
static bool is_per_recipient(const char *argument)
{
    static const char *const names[] = {"recipient", "user",   "extension",
                                        "mailbox",   "domain", "original_recipient"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        const char *found = argument;
        size_t len = strlen(names[i]);
        while ((found = strchr(found, '$')) != NULL) {
            found++;
            const char *name = found + (*found == '{' || *found == '(');
            if (strncmp(name, names[i], len) == 0 && !ascii_is_alnum(name[len]) &&
                name[len] != '_')
                return true;
        }
    }
    return false;
}

static int expand_argument(const struct macros *macros, const char *argument,
                           const char **expanded, struct error *error)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    struct macros context = *macros;
    struct expansion expansion = {.lookup = look_up_macro, .context = &context};

    if (expand_text(&text, slice_from(argument), &expansion, error) < 0)
        return -1;
    if (context.unknown.ptr)
        return error_set(error, ERROR_PERMANENT, "unknown macro name: \"%.*s\"",
                         SLICE_ARG(context.unknown));
    *expanded = arena_text(macros->arena, buf_slice(&text));
    return 0;
}

int macros_expand(const struct attributes *attributes, struct delivery *delivery,
                  const char *const **argv, struct error *error)
{
    size_t capacity = attributes->argc * (delivery->n_recipients + 1) + 1, n = 0;
    struct macros macros = {
        .attributes = attributes, .delivery = delivery, .arena = &delivery->arena};

    if (capacity > ARGUMENTS_MAX)
        return error_set(error, ERROR_TEMPORARY, "too many arguments for %s",
                         attributes->argv[0]);
    const char **list = arena_array(&delivery->arena, const char *, capacity);
    for (size_t i = 0; i < attributes->argc; i++) {
        const char *argument = attributes->argv[i];
        size_t times = is_per_recipient(argument) ? delivery->n_recipients : 1;
        for (size_t k = 0; k < times; k++) {
            macros.record = &delivery->recipients[k];
            macros.recipient =
                fold_recipient(attributes, macros.record->address, &delivery->arena);
            if (expand_argument(&macros, argument, &list[n++], error) < 0)
                return -1;
        }
    }
    *argv = list;
    return 0;
}

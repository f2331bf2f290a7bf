#include "route/client_name.h"

#include "base/log.h"
#include "base/time.h"
#include "mail/address.h"

#define LOOKUP_LIMIT SECONDS(100)
#define UNKNOWN      SLICE("unknown")

const char *client_name_trouble(enum dns_result result)
{
    if (result == DNS_TEMPORARY)
        return "Temporary failure in name resolution";
    return result == DNS_NO_DATA ? "No address associated with hostname"
                                 : "Name or service not known";
}

void client_name_init(struct client_name *client)
{
    *client = (struct client_name){
        .name = UNKNOWN,
        .reverse = UNKNOWN,
        .status = NAME_STATUS_UNKNOWN,
        .reverse_status = NAME_STATUS_UNKNOWN,
    };
}

static enum name_status status_of(enum dns_result result)
{
    switch (result) {
    case DNS_OK:
        return NAME_STATUS_OK;
    case DNS_TEMPORARY:
        return NAME_STATUS_TEMPORARY;
    case DNS_NO_NAME:
    case DNS_NO_DATA:
    case DNS_POLICY:
        break;
    }
    return NAME_STATUS_UNKNOWN;
}

static bool leads_to(const struct dns_answer *answer, const struct endpoint *address)
{
    for (size_t i = 0; i < answer->n_records; i++) {
        if (endpoint_same_address(&answer->records[i].address, address))
            return true;
    }
    return false;
}

/* The address's name must lead back to the address, else anybody could claim any name. */
static void confirm(struct client_name *client, const struct endpoint *address,
                    struct arena *scratch)
{
    char text[ENDPOINT_TEXT_BYTES];
    struct dns_answer answer;
    struct error error;
    enum dns_result result =
        dns_host_addresses(client->reverse, endpoint_family(address), deadline_in(LOOKUP_LIMIT),
                           scratch, &answer, &error);

    (void)endpoint_text(address, text);
    if (result != DNS_OK) {
        client->status = result == DNS_TEMPORARY ? NAME_STATUS_TEMPORARY : NAME_STATUS_FORGED;
        log_warning("hostname %.*s does not resolve to address %s: %s",
                    SLICE_ARG(client->reverse), text, client_name_trouble(result));
    } else if (!leads_to(&answer, address)) {
        client->status = NAME_STATUS_FORGED;
        log_warning("hostname %.*s does not resolve to address %s", SLICE_ARG(client->reverse),
                    text);
    } else {
        client->status = NAME_STATUS_OK;
        client->name = client->reverse;
    }
}

void client_name_find(struct client_name *client, const struct endpoint *address,
                      struct arena *arena)
{
    CLEANUP(arena_release) struct arena scratch = ARENA_INIT;
    struct endpoint numeric;
    struct dns_answer answer;
    struct error error;
    enum dns_result result =
        dns_host_names(address, deadline_in(LOOKUP_LIMIT), &scratch, &answer, &error);
    struct slice name;

    client_name_init(client);
    client->status = client->reverse_status = status_of(result);
    if (result != DNS_OK)
        return;
    name = answer.records[0].target;
    if (endpoint_parse(&numeric, name, 0) == 0) {
        log_warning("numeric hostname: %.*s", SLICE_ARG(name));
        client->status = client->reverse_status = NAME_STATUS_UNKNOWN;
        return;
    }
    if (!hostname_is_valid(name)) {
        client->status = client->reverse_status = NAME_STATUS_UNKNOWN;
        return;
    }
    client->reverse = arena_slice(arena, name);
    confirm(client, address, &scratch);
}

/* libsasl2, by way of the sasl worker. */
#include "auth_backend.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/params.h"
#include "ipc/sasl_client.h"

#define MECHANISMS_LIMIT SECONDS(10)

/* What libsasl2 asks, PAM or a directory, has its own limits; then this is trouble. */
#define STEP_LIMIT SECONDS(25)

/* What the library offers stays the same as long as the process: by demands. */
static struct {
    unsigned demands;
    bool is_known;
    struct buf names;
} offers[2];

static void open_library(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(offers); i++)
        buf_init(&offers[i].names);
}

static bool mechanisms(unsigned demands, struct buf *names)
{
    const struct sasl_mechanisms_request request = {
        .path = slice_from(params.smtpd_sasl_path),
        .service = slice_from(params.smtpd_sasl_service),
        .realm = slice_from(params.smtpd_sasl_local_domain),
        .demands = demands,
    };
    struct error error;
    size_t i = 0; /* without and with TLS: there are no more than two */

    if (offers[0].is_known && offers[0].demands != demands)
        i = 1;
    if (!offers[i].is_known || offers[i].demands != demands) {
        CLEANUP(buf_release) struct buf told = BUF_INIT;

        if (sasl_mechanisms(&request, deadline_in(MECHANISMS_LIMIT), &told, &error) < 0) {
            log_warning("SASL: %s", error.text);
            return false;
        }
        buf_set(&offers[i].names, buf_slice(&told));
        offers[i].demands = demands;
        offers[i].is_known = told.len > 0; /* what is not there yet may come */
        if (!offers[i].is_known)
            log_warning("SASL: no authentication mechanisms");
    }
    buf_printf(names, " %s", offers[i].names.data);
    return true;
}

static enum auth_status unavailable(struct auth_dialogue *dialogue, const struct error *error)
{
    log_warning("SASL: %s", error->text);
    dialogue->text = SLICE("Can't connect to authentication server");
    return AUTH_TEMPORARY;
}

static enum auth_status take(struct auth_dialogue *dialogue, const struct sasl_result *result)
{
    dialogue->text = arena_slice(dialogue->arena, result->text);
    dialogue->username = arena_slice(dialogue->arena, result->username);
    switch ((enum sasl_status)result->status) {
    case SASL_STATUS_DONE:
        return AUTH_DONE;
    case SASL_STATUS_MORE:
        return AUTH_MORE;
    case SASL_STATUS_FAILED:
        return AUTH_FAILED;
    case SASL_STATUS_TEMPORARY:
        break;
    }
    return AUTH_TEMPORARY;
}

static struct slice endpoint_words(struct arena *arena, struct slice address, struct slice port)
{
    return slice_from(arena_printf(arena, "%.*s;%.*s", SLICE_ARG(address), SLICE_ARG(port)));
}

static enum auth_status begin(struct auth_dialogue *dialogue, const struct auth_request *asked)
{
    struct arena *arena = dialogue->arena;
    const struct sasl_server_begin message = {
        .path = slice_from(params.smtpd_sasl_path),
        .service = slice_from(params.smtpd_sasl_service),
        .realm = slice_from(params.smtpd_sasl_local_domain),
        .demands = asked->demands,
        .mechanism = asked->mechanism,
        .has_response = asked->has_response,
        .response = asked->response,
        .client = endpoint_words(arena, asked->client_address, asked->client_port),
        .server = endpoint_words(arena, asked->server_address, asked->server_port),
    };
    struct sasl_dialogue *opened = mem_new(struct sasl_dialogue);
    struct sasl_result result;
    struct error error;

    dialogue->state = opened;
    if (sasl_dialogue_begin(opened, MESSAGE_sasl_server_begin, &message,
                            deadline_in(STEP_LIMIT), &result, &error) < 0)
        return unavailable(dialogue, &error);
    return take(dialogue, &result);
}

static enum auth_status next(struct auth_dialogue *dialogue, struct slice response)
{
    struct sasl_result result;
    struct error error;

    if (sasl_dialogue_step(dialogue->state, response, deadline_in(STEP_LIMIT), &result,
                           &error) < 0)
        return unavailable(dialogue, &error);
    return take(dialogue, &result);
}

static void end(struct auth_dialogue *dialogue)
{
    if (!dialogue->state)
        return;
    sasl_dialogue_release(dialogue->state);
    mem_free(dialogue->state);
    dialogue->state = NULL;
}

const struct auth_backend auth_cyrus = {
    .open = open_library,
    .mechanisms = mechanisms,
    .begin = begin,
    .next = next,
    .end = end,
};

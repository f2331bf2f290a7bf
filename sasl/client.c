#include "client.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"

static const sasl_callback_t logging[] = {
    {SASL_CB_LOG, LIBRARY_CALLBACK(library_log), NULL},
    {SASL_CB_LIST_END, NULL, NULL},
};

void client_init(struct client *client)
{
    *client = (struct client){.user = BUF_INIT,
                              .mechanisms = BUF_INIT,
                              .service = BUF_INIT,
                              .host = BUF_INIT,
                              .local = BUF_INIT,
                              .remote = BUF_INIT};
}

void client_release(struct client *client)
{
    if (client->connection)
        sasl_dispose(&client->connection);
    buf_release(&client->user);
    buf_release(&client->mechanisms);
    buf_release(&client->service);
    buf_release(&client->host);
    buf_release(&client->local);
    buf_release(&client->remote);
    if (client->secret) {
        explicit_bzero(client->secret->data, client->secret->len);
        mem_free(client->secret);
    }
    client->secret = NULL;
}

/* Whose mail it is is the server's to say, unless send_cyrus_sasl_authzid asks for it. */
static int get_name(void *context, int id, const char **result, unsigned *len)
{
    const struct client *client = context;
    bool is_wanted = id == SASL_CB_AUTHNAME || client->sends_authzid;

    if (id != SASL_CB_AUTHNAME && id != SASL_CB_USER)
        return SASL_BADPARAM;
    *result = is_wanted ? client->user.data : "";
    if (len)
        *len = is_wanted ? (unsigned)client->user.len : 0;
    return SASL_OK;
}

static int get_password(sasl_conn_t *connection, void *context, int id, sasl_secret_t **result)
{
    const struct client *client = context;

    (void)connection;
    if (id != SASL_CB_PASS)
        return SASL_BADPARAM;
    *result = client->secret;
    return SASL_OK;
}

static int get_realm(void *context, int id, const char **available, const char **result)
{
    (void)context;
    (void)id;
    *result = available && *available ? *available : "";
    return SASL_OK;
}

static void set_callbacks(struct client *client)
{
    sasl_callback_t *next = client->callbacks;

    *next++ = (sasl_callback_t){SASL_CB_USER, LIBRARY_CALLBACK(get_name), client};
    *next++ = (sasl_callback_t){SASL_CB_AUTHNAME, LIBRARY_CALLBACK(get_name), client};
    *next++ = (sasl_callback_t){SASL_CB_PASS, LIBRARY_CALLBACK(get_password), client};
    *next++ = (sasl_callback_t){SASL_CB_GETREALM, LIBRARY_CALLBACK(get_realm), client};
    *next = (sasl_callback_t){SASL_CB_LIST_END, NULL, NULL};
}

/* The library keeps the pointers. */
static void keep(struct client *client, const struct sasl_client_begin *begin)
{
    buf_set(&client->user, begin->user);
    buf_set(&client->mechanisms, begin->mechanisms);
    buf_set(&client->service, begin->service);
    buf_set(&client->host, begin->host);
    buf_set(&client->local, begin->client);
    buf_set(&client->remote, begin->server);
    client->sends_authzid = begin->sends_authzid != 0;
    client->secret = (void *)mem_array(char, sizeof(sasl_secret_t) + begin->password.len);
    client->secret->len = begin->password.len;
    memcpy(client->secret->data, begin->password.ptr, begin->password.len);
    client->secret->data[begin->password.len] = '\0';
}

/* The library is set up once a process, by the first who needs it. */
static int prepare(void)
{
    static int code = SASL_NOTINIT;

    if (code != SASL_OK)
        code = sasl_client_init(logging);
    return code;
}

static int open_connection(struct client *client, unsigned demands)
{
    int code = prepare();

    if (code == SASL_OK)
        code = sasl_client_new(client->service.data, client->host.data, NULL, NULL,
                               client->callbacks, 0, &client->connection);
    if (code == SASL_OK)
        code = library_demand(client->connection, demands);
    return code;
}

static void take(struct step *step, int code, const char *bytes, unsigned len)
{
    if (code != SASL_OK && code != SASL_CONTINUE) {
        library_failed(step, code);
        return;
    }
    step->status = code == SASL_OK ? SASL_STATUS_DONE : SASL_STATUS_MORE;
    library_says(step, bytes, len);
}

void client_begin(struct client *client, const struct sasl_client_begin *begin,
                  struct step *step)
{
    const char *bytes = NULL, *mechanism = NULL;
    unsigned len = 0;
    int code;

    keep(client, begin);
    set_callbacks(client);
    code = open_connection(client, (unsigned)begin->demands);
    if (code == SASL_OK || code == SASL_CONTINUE)
        code = sasl_client_start(client->connection, client->mechanisms.data, NULL, &bytes,
                                 &len, &mechanism);
    take(step, code, bytes, len);
    step->mechanism = mechanism;
}

void client_step(struct client *client, struct slice response, struct step *step)
{
    CLEANUP(buf_release) struct buf decoded = BUF_SECRET_INIT;
    const char *bytes = NULL;
    unsigned len = 0;
    int code = library_decode(response, &decoded);

    if (code == SASL_OK)
        code = sasl_client_step(client->connection, decoded.data, (unsigned)decoded.len, NULL,
                                &bytes, &len);
    take(step, code, bytes, len);
}

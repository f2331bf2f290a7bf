#include "server.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "conf/params.h"

/* A path of the whole system, and where an smtpd with a root directory of its own had it. */
static const struct {
    const char *option, *path, *in_queue;
} moved[] = {
    {"saslauthd_path", "/var/run/saslauthd/mux", "var/run/saslauthd/mux"},
    {"sasldb_path", "/etc/sasldb2", "etc/sasldb2"},
};

static struct buf prepared = BUF_INIT; /* the configuration that is in effect */
static struct buf moved_paths[ARRAY_SIZE(moved)];
static bool is_prepared;

/*
 * Configurations for an smtpd in a root directory of its own name paths as they were seen from
 * there. We have the whole system in sight, and look where such an smtpd did.
 */
static int get_option(void *context, const char *plugin, const char *option,
                      const char **result, unsigned *len)
{
    struct stat status;

    (void)context;
    (void)plugin;
    for (size_t i = 0; i < ARRAY_SIZE(moved); i++) {
        if (strcmp(option, moved[i].option) != 0 || stat(moved[i].path, &status) == 0 ||
            !moved_paths[i].data)
            continue;
        if (stat(moved_paths[i].data, &status) < 0)
            return SASL_FAIL;
        *result = moved_paths[i].data;
        if (len)
            *len = (unsigned)moved_paths[i].len;
        return SASL_OK;
    }
    return SASL_FAIL;
}

/* Where NAME.conf is looked for; the library frees the text. */
static int get_configuration_path(void *context, char **path)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;

    (void)context;
    if (*params.cyrus_sasl_config_path)
        buf_set_text(&text, params.cyrus_sasl_config_path);
    else
        buf_printf(&text, "%s/sasl:/etc/sasl2:/usr/lib/sasl2", params.config_directory);
    *path = buf_take(&text);
    return SASL_OK;
}

static const sasl_callback_t callbacks[] = {
    {SASL_CB_LOG, LIBRARY_CALLBACK(library_log), NULL},
    {SASL_CB_GETOPT, LIBRARY_CALLBACK(get_option), NULL},
    {SASL_CB_GETCONFPATH, LIBRARY_CALLBACK(get_configuration_path), NULL},
    {SASL_CB_LIST_END, NULL, NULL},
};

void server_prepare(struct slice path)
{
    int code;

    if (is_prepared && slice_same(path, buf_slice(&prepared)))
        return;
    if (is_prepared)
        sasl_server_done();
    for (size_t i = 0; i < ARRAY_SIZE(moved); i++) {
        buf_reset(&moved_paths[i]);
        if (!moved_paths[i].data)
            buf_init(&moved_paths[i]);
        buf_printf(&moved_paths[i], "%s/%s", params.queue_directory, moved[i].in_queue);
    }
    buf_set(&prepared, path); /* the library keeps the pointer */
    code = sasl_server_init(callbacks, prepared.data);
    is_prepared = code == SASL_OK;
    if (!is_prepared)
        log_warning("SASL per-process initialization failed: %s",
                    sasl_errstring(code, NULL, NULL));
}

static const char *text_or_null(const char *text)
{
    return *text ? text : NULL;
}

static int open_connection(struct slice service, struct slice realm, const char *client,
                           const char *server, sasl_conn_t **connection)
{
    CLEANUP(mem_free_text) char *service_name = slice_dup(service);
    CLEANUP(mem_free_text) char *realm_name = slice_dup(realm);

    *connection = NULL;
    if (!is_prepared)
        return SASL_NOTINIT;
    return sasl_server_new(service_name, params.myhostname, text_or_null(realm_name), server,
                           client, NULL, 0, connection);
}

void server_mechanisms(const struct sasl_mechanisms_request *request, struct buf *names)
{
    sasl_conn_t *connection;
    const char *list = NULL;
    int code;

    server_prepare(request->path);
    code = open_connection(request->service, request->realm, NULL, NULL, &connection);
    if (code == SASL_OK)
        code = library_demand(connection, (unsigned)request->demands);
    if (code == SASL_OK)
        code = sasl_listmech(connection, NULL, "", " ", "", &list, NULL, NULL);
    if (code == SASL_OK && list)
        buf_add_text(names, list);
    else if (code != SASL_NOMECH)
        log_warning("SASL: cannot list authentication mechanisms: %s",
                    sasl_errstring(code, NULL, NULL));
    server_end(&connection);
}

/* Who it is, as far as the library knows by now. */
static void take_username(sasl_conn_t *connection, struct step *step)
{
    const void *name = NULL;

    if (sasl_getprop(connection, SASL_USERNAME, &name) == SASL_OK && name)
        buf_set_text(&step->username, name);
}

static void take(sasl_conn_t *connection, int code, const char *bytes, unsigned len,
                 struct step *step)
{
    take_username(connection, step);
    if (code == SASL_OK) {
        step->status = SASL_STATUS_DONE;
        return;
    }
    if (code != SASL_CONTINUE) {
        library_failed(step, code);
        return;
    }
    step->status = SASL_STATUS_MORE;
    library_says(step, bytes, len);
}

void server_begin(const struct sasl_server_begin *begin, sasl_conn_t **connection,
                  struct step *step)
{
    CLEANUP(buf_release) struct buf response = BUF_SECRET_INIT;
    CLEANUP(mem_free_text) char *mechanism = slice_dup(begin->mechanism);
    CLEANUP(mem_free_text) char *client = slice_dup(begin->client);
    CLEANUP(mem_free_text) char *server = slice_dup(begin->server);
    const char *bytes = NULL;
    unsigned len = 0;
    int code;

    server_prepare(begin->path);
    code = open_connection(begin->service, begin->realm, client, server, connection);
    if (code != SASL_OK) /* addresses that the library cannot read are no reason to refuse */
        code = open_connection(begin->service, begin->realm, NULL, NULL, connection);
    if (code == SASL_OK)
        code = library_demand(*connection, (unsigned)begin->demands);
    if (code == SASL_OK && begin->has_response)
        code = library_decode(begin->response, &response);
    if (code != SASL_OK) {
        library_failed(step, code);
        return;
    }
    code = sasl_server_start(*connection, mechanism, begin->has_response ? response.data : NULL,
                             (unsigned)response.len, &bytes, &len);
    take(*connection, code, bytes, len, step);
}

void server_step(sasl_conn_t *connection, struct slice response, struct step *step)
{
    CLEANUP(buf_release) struct buf decoded = BUF_SECRET_INIT;
    const char *bytes = NULL;
    unsigned len = 0;
    int code = library_decode(response, &decoded);

    if (code != SASL_OK) {
        library_failed(step, code);
        return;
    }
    code = sasl_server_step(connection, decoded.data, (unsigned)decoded.len, &bytes, &len);
    take(connection, code, bytes, len, step);
}

void server_end(sasl_conn_t **connection)
{
    if (*connection)
        sasl_dispose(connection);
}

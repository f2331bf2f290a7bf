#include "counters.h"

#include <errno.h>
#include <signal.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/time.h"

/* The connections that one process holds for one client. */
struct holder {
    pid_t process;
    int64_t connections;
};

struct client {
    struct client_counters counters;
    struct holder *holders;
    size_t n_holders;
};

static struct hash clients = HASH_INIT;

/* Clients beyond this are an attack on our memory: they are not told apart any more. */
enum { CLIENTS_MAX = 1000000 };

size_t counters_size(void)
{
    return clients.n_entries;
}

static struct client *find_client(struct slice service, struct slice client)
{
    CLEANUP(buf_release) struct buf key = BUF_INIT;

    buf_printf(&key, "%.*s:%.*s", SLICE_ARG(service), SLICE_ARG(client));
    struct client *found = hash_get(&clients, buf_slice(&key));
    if (found)
        return found;
    if (clients.n_entries >= CLIENTS_MAX)
        buf_set_text(&key, "*");
    found = hash_get(&clients, buf_slice(&key));
    if (!found) {
        found = mem_new(struct client);
        found->counters.started_ms = time_now_ms();
        hash_set(&clients, buf_slice(&key), found);
    }
    return found;
}

static void hold(struct client *client, pid_t process, int64_t change)
{
    for (size_t i = 0; i < client->n_holders; i++) {
        struct holder *holder = &client->holders[i];
        if (holder->process != process)
            continue;
        if (holder->connections + change < 0)
            return; /* more ends than beginnings: not of our time */
        holder->connections += change;
        client->counters.connections += change;
        if (holder->connections == 0)
            *holder = client->holders[--client->n_holders];
        return;
    }
    if (change < 0)
        return;
    client->holders = mem_resize(client->holders, client->n_holders + 1, sizeof(struct holder));
    client->holders[client->n_holders++] =
        (struct holder){.process = process, .connections = change};
    client->counters.connections += change;
}

static void start_interval(struct client_counters *counters)
{
    *counters = (struct client_counters){.started_ms = time_now_ms(),
                                         .connections = counters->connections};
}

const struct client_counters *counters_note(enum anvil_event event, struct slice service,
                                            struct slice name, pid_t process, int64_t unit_ms)
{
    struct client *client = find_client(service, name);

    if (time_now_ms() - client->counters.started_ms >= unit_ms)
        start_interval(&client->counters);
    switch (event) {
    case ANVIL_CONNECT:
        hold(client, process, 1);
        client->counters.connection_rate++;
        break;
    case ANVIL_DISCONNECT:
        hold(client, process, -1);
        break;
    case ANVIL_MAIL:
        client->counters.mail_rate++;
        break;
    case ANVIL_RECIPIENT:
        client->counters.recipient_rate++;
        break;
    case ANVIL_NEWTLS:
        client->counters.newtls_rate++;
        break;
    case ANVIL_AUTH:
        client->counters.auth_rate++;
        break;
    case ANVIL_LOOKUP:
        break;
    }
    return &client->counters;
}

static void drop_dead_holders(struct client *client)
{
    for (size_t i = client->n_holders; i > 0; i--) {
        struct holder *holder = &client->holders[i - 1];
        if (kill(holder->process, 0) == 0 || errno != ESRCH)
            continue;
        client->counters.connections -= holder->connections;
        *holder = client->holders[--client->n_holders];
    }
}

void counters_sweep(int64_t unit_ms)
{
    struct hash_cursor cursor = {0};
    struct slice key;
    void *value;

    while (hash_next(&clients, &cursor, &key, &value)) {
        struct client *client = value;
        drop_dead_holders(client);
        if (client->n_holders > 0 || time_now_ms() - client->counters.started_ms < unit_ms)
            continue;
        hash_remove(&clients, key);
        mem_free(client->holders);
        mem_free(client);
    }
}

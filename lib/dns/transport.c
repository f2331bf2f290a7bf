#include "dns/transport.h"

#include <ares.h>
#include <arpa/nameser.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/fd.h"
#include "base/list.h"
#include "base/mem.h"
#include "co/co.h"

/* What fits any path without fragments (DNS flag day 2020). */
enum { UDP_PAYLOAD_BYTES = 1232, RESOLV_CONF_MAX_BYTES = 1 << 20, FLAG_AD = 0x20 };

/* IDs have 16 bits, and a free one must be found by chance. */
enum { QUERIES_MAX = 32768 };

struct dns_query {
    struct list_link link;
    uint16_t id;
    bool is_done, is_abandoned;
    int status; /* ARES_ */
    struct buf packet;
    struct co_queue waiter;
    dns_answered_fn *call; /* of dns_query_later, with */
    void *call_arg;
};

/* A socket of c-ares that a coroutine watches; ends when c-ares closes it. */
struct watched {
    struct list_link link;
    int fd;
    bool wants_write, is_closed, has_writer, has_reader;
};

static ares_channel channel;
static bool is_open;
static struct list queries; /* not yet answered */
static unsigned char taken_ids[(UINT16_MAX + 1) / 8];
static size_t n_taken_ids;
static bool is_driven; /* by drive() */
static struct list sockets;

/* -- the sockets of c-ares, in the loop ------------------------------------------------------
 */

static void release_watched(struct watched *watched)
{
    if (watched->is_closed && !watched->has_reader && !watched->has_writer)
        mem_free(watched);
}

static void watch_reading(void *arg)
{
    struct watched *watched = arg;

    while (!watched->is_closed &&
           co_wait_fd(watched->fd, EPOLLIN, DEADLINE_NONE) == WAKE_READY) {
        /* c-ares reads a TCP socket once a call: again while there is more. */
        struct pollfd more = {.fd = watched->fd, .events = POLLIN};
        do
            ares_process_fd(channel, watched->fd, ARES_SOCKET_BAD);
        while (!watched->is_closed && poll(&more, 1, 0) > 0);
    }
    watched->has_reader = false;
    release_watched(watched);
}

static void watch_writing(void *arg)
{
    struct watched *watched = arg;

    while (!watched->is_closed && watched->wants_write &&
           co_wait_fd(watched->fd, EPOLLOUT, DEADLINE_NONE) == WAKE_READY)
        if (!watched->is_closed)
            ares_process_fd(channel, ARES_SOCKET_BAD, watched->fd);
    watched->has_writer = false;
    release_watched(watched);
}

static struct watched *find_watched(int fd)
{
    LIST_FOREACH(&sockets, link)
    {
        struct watched *watched = CONTAINER_OF(link, struct watched, link);
        if (watched->fd == fd)
            return watched;
    }
    return NULL;
}

/* c-ares tells what it wants of a socket; called from within its functions: must not wait. */
static void socket_state_changed(void *data, ares_socket_t fd, int readable, int writable)
{
    struct watched *watched = find_watched(fd);

    (void)data;
    if (!readable && !writable) {
        if (!watched)
            return;
        watched->is_closed = true;
        list_remove(&watched->link);
        co_forget_fd(fd);
        release_watched(watched);
        return;
    }
    if (!co_self())
        return; /* plain code polls */
    if (!watched) {
        watched = mem_new(struct watched);
        watched->fd = fd;
        list_append(&sockets, &watched->link);
    }
    watched->wants_write = writable;
    /* Without a coroutine the question times out: a temporary error, as it should be. */
    if (readable && !watched->has_reader)
        watched->has_reader = co_spawn("dns reader", watch_reading, watched) != NULL;
    if (writable && !watched->has_writer)
        watched->has_writer = co_spawn("dns writer", watch_writing, watched) != NULL;
}

/* -- opening ---------------------------------------------------------------------------------
 */

static struct buf search_domains;

static void read_option(struct slice word, struct ares_options *options)
{
    struct slice value = word;
    struct slice name = slice_split(&value, ':');
    int64_t number;

    if (slice_equals(name, "timeout") && slice_to_int(value, 1, 30, &number))
        options->timeout = (int)number * 1000;
    if (slice_equals(name, "attempts") && slice_to_int(value, 1, 5, &number))
        options->tries = (int)number;
}

/* Of "search" and "domain" the last line counts. */
static void read_line(struct slice line, struct ares_options *options)
{
    struct slice keyword = slice_word(&line, " \t");
    struct slice word;

    if (slice_equals(keyword, "search") || slice_equals(keyword, "domain"))
        buf_set(&search_domains, slice_trim(line));
    while (slice_equals(keyword, "options") && (word = slice_word(&line, " \t\r")).ptr)
        read_option(word, options);
}

/* c-ares 1.18 does not know glibc's "options timeout:N attempts:N". */
static void read_options(const char *path, struct ares_options *options, int *mask)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    char hostname[HOST_NAME_MAX + 1] = "";
    struct slice rest;

    search_domains = BUF_INIT;
    options->timeout = 5000;
    options->tries = 2;
    *mask |= ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES;
    if (gethostname(hostname, sizeof(hostname) - 1) == 0 && strchr(hostname, '.'))
        buf_set_text(&search_domains, strchr(hostname, '.') + 1);
    if (file_read_all(path, &text, RESOLV_CONF_MAX_BYTES, NULL) < 0)
        return;
    for (rest = buf_slice(&text); rest.len > 0;)
        read_line(slice_split(&rest, '\n'), options);
}

struct slice dns_search_domains(void)
{
    return buf_slice(&search_domains);
}

int dns_transport_open(const char *resolv_conf, struct error *error)
{
    struct ares_options options = {.flags =
                                       ARES_FLAG_EDNS | ARES_FLAG_NOSEARCH | ARES_FLAG_STAYOPEN,
                                   .ednspsz = UDP_PAYLOAD_BYTES,
                                   .sock_state_cb = socket_state_changed,
                                   .lookups = NULL};
    int mask = ARES_OPT_FLAGS | ARES_OPT_EDNSPSZ | ARES_OPT_SOCK_STATE_CB;
    int status;

    dns_transport_close();
    list_init(&queries);
    list_init(&sockets);
    read_options(resolv_conf, &options, &mask);
    status = ares_library_init(ARES_LIB_INIT_ALL);
    if (status == ARES_SUCCESS)
        status = ares_init_options(&channel, &options, mask);
    if (status != ARES_SUCCESS)
        return error_set(error, ERROR_TEMPORARY, "cannot start the resolver: %s",
                         ares_strerror(status));
    is_open = true;
    return 0;
}

void dns_transport_close(void)
{
    if (!is_open)
        return;
    ares_destroy(channel);
    buf_release(&search_domains);
    ares_library_cleanup();
    is_open = false;
}

/* -- asking
 * ------------------------------------------------------------------------------------ */

static void give_id(struct dns_query *query)
{
    taken_ids[query->id / 8] &= (unsigned char)~(1U << query->id % 8);
    n_taken_ids--;
    list_remove(&query->link);
}

static void query_free(struct dns_query *query)
{
    if (!query->is_done)
        give_id(query);
    buf_release(&query->packet);
    mem_free(query);
}

static void answered(void *arg, int status, int timeouts, unsigned char *data, int len)
{
    struct dns_query *query = arg;

    (void)timeouts;
    give_id(query);
    query->is_done = true;
    if (query->call)
        query->call(query->call_arg, slice_of(data ? (const char *)data : "",
                                              data && len > 0 ? (size_t)len : 0));
    if (query->is_abandoned || query->call) {
        query_free(query);
        return;
    }
    query->status = status;
    if (data && len > 0)
        buf_add(&query->packet, data, (size_t)len);
    co_wake_all(&query->waiter);
}

static uint16_t take_unused_id(void)
{
    static uint16_t id;

    do
        if (getrandom(&id, sizeof(id), 0) != sizeof(id))
            id = (uint16_t)(id * 31421 + 6927); /* before the kernel's pool is ready */
    while (taken_ids[id / 8] & (1U << id % 8));
    taken_ids[id / 8] |= (unsigned char)(1U << id % 8);
    n_taken_ids++;
    return id;
}

static struct dns_query *query_new(void)
{
    struct dns_query *query = mem_new(struct dns_query);

    query->id = take_unused_id();
    buf_init(&query->packet);
    list_append(&queries, &query->link);
    return query;
}

static struct dns_query *send_query(struct slice name, enum dns_type type,
                                    dns_answered_fn *call, void *arg, struct error *error)
{
    CLEANUP(mem_free_text) char *text = slice_dup(name);
    unsigned char *packet;
    int len;

    if (!is_open) {
        error_set(error, ERROR_TEMPORARY, "the resolver is not open");
        return NULL;
    }
    if (n_taken_ids >= QUERIES_MAX) {
        error_set(error, ERROR_TEMPORARY, "too many questions are on their way");
        return NULL;
    }
    int status =
        ares_create_query(text, ns_c_in, (int)type, 0, 1, &packet, &len, UDP_PAYLOAD_BYTES);
    if (status != ARES_SUCCESS) {
        error_set(error, ERROR_PERMANENT, "%s", ares_strerror(status));
        return NULL;
    }
    struct dns_query *query = query_new();

    packet[0] = (unsigned char)(query->id >> 8);
    packet[1] = (unsigned char)query->id;
    packet[3] |= FLAG_AD; /* we want to hear whether it was validated (RFC 6840 section 5.7) */
    query->call = call;
    query->call_arg = arg;
    ares_send(channel, packet, len, answered, query);
    ares_free_string(packet);
    return query;
}

struct dns_query *dns_query_start(struct slice name, enum dns_type type, struct error *error)
{
    return send_query(name, type, NULL, NULL, error);
}

/* Outside a coroutine nobody watches the sockets: do it here. */
static bool poll_sockets(int64_t timeout_ms)
{
    ares_socket_t fds[ARES_GETSOCK_MAXNUM];
    struct pollfd polled[ARES_GETSOCK_MAXNUM];
    unsigned wanted = (unsigned)ares_getsock(channel, fds, ARES_GETSOCK_MAXNUM);
    nfds_t n = 0;

    for (unsigned i = 0; i < ARES_GETSOCK_MAXNUM; i++) {
        /* ARES_GETSOCK_WRITABLE shifts a signed 1 into the sign. */
        bool is_wanted_to_write = wanted & (1u << (i + ARES_GETSOCK_MAXNUM));
        short events = (short)((ARES_GETSOCK_READABLE(wanted, i) ? POLLIN : 0) |
                               (is_wanted_to_write ? POLLOUT : 0));

        if (events)
            polled[n++] = (struct pollfd){.fd = fds[i], .events = events};
    }
    int ready = poll(polled, n, (int)timeout_ms);
    if (ready < 0 && errno != EINTR)
        return false;
    for (nfds_t i = 0; i < n && ready > 0; i++) {
        ares_process_fd(channel,
                        polled[i].revents & (POLLIN | POLLERR | POLLHUP) ? polled[i].fd
                                                                         : ARES_SOCKET_BAD,
                        polled[i].revents & POLLOUT ? polled[i].fd : ARES_SOCKET_BAD);
    }
    return true;
}

/* Wait for news or c-ares' next repetition; false when the deadline has passed. */
static bool wait_a_turn(struct dns_query *query, deadline_t until)
{
    struct timeval most = {.tv_sec = 1}, left_storage;
    struct timeval *left = ares_timeout(channel, &most, &left_storage);
    deadline_t turn = deadline_in((int64_t)left->tv_sec * 1000 + left->tv_usec / 1000 + 1);

    if (turn > until)
        turn = until;
    if (!co_self()) {
        if (!poll_sockets(deadline_poll_ms(turn)))
            return false;
    } else if (co_wait(&query->waiter, turn) == WAKE_CANCELLED) {
        return false;
    }
    if (!query->is_done)
        ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD); /* repetitions */
    return query->is_done || time_now_ms() < until;
}

int dns_query_finish(struct dns_query *query, deadline_t until, struct buf *packet,
                     struct error *error)
{
    while (!query->is_done && wait_a_turn(query, until))
        ;
    if (!query->is_done) {
        query->is_abandoned = true; /* answered() frees it */
        return error_set(error, ERROR_TEMPORARY, "no answer in time");
    }
    int status = query->status;
    bool has_packet = query->packet.len > 0;
    buf_set(packet, buf_slice(&query->packet));
    query_free(query);
    if (!has_packet)
        return error_set(error, ERROR_TEMPORARY, "%s", ares_strerror(status));
    return 0;
}

/* While questions are on their way that nobody waits for: c-ares' repetitions. */
static void drive(void *arg)
{
    struct timeval most = {.tv_sec = 1}, left_storage;

    (void)arg;
    while (is_open && !list_is_empty(&queries)) {
        const struct timeval *left = ares_timeout(channel, &most, &left_storage);
        int64_t left_ms = (int64_t)left->tv_sec * 1000 + left->tv_usec / 1000 + 1;

        if (co_sleep_until(deadline_in(left_ms)) == WAKE_CANCELLED)
            break;
        ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    }
    is_driven = false;
}

int dns_query_later(struct slice name, enum dns_type type, dns_answered_fn *call, void *arg)
{
    struct error error;

    if (!is_driven)
        is_driven = co_spawn("dns repetitions", drive, NULL) != NULL;
    return is_driven && send_query(name, type, call, arg, &error) ? 0 : -1;
}

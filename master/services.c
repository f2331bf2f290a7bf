#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/bug.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/master_services.h"
#include "conf/params.h"
#include "master.h"

struct list services = {{&services.head, &services.head}};

/* -- one service -- */

static char *service_title(const struct master_service *conf)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;

    buf_printf(&text, "%s %s", conf->name, master_type_name(conf->type));
    return buf_take(&text);
}

static char *service_path(const struct master_service *conf)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;

    if (conf->type == MASTER_TYPE_INET)
        return NULL;
    buf_printf(&text, "%s/%s", conf->is_private ? "private" : "public", conf->name);
    return buf_take(&text);
}

static void service_free(struct service *service)
{
    list_remove(&service->link);
    wakeup_stop(service);
    scoreboard_unmap(service->scoreboard);
    fd_close(&service->scoreboard_fd);
    fd_close(&service->slot_freed_fd);
    mem_free(service->listeners);
    mem_free(service->title);
    mem_free(service->path);
    mem_free(service->program);
    mem_free(service);
}

static struct service *service_new(const struct master_service *conf, struct error *error)
{
    struct service *service = mem_new(struct service);

    list_init(&service->processes);
    service->scoreboard_fd = scoreboard_create(&service->scoreboard, error);
    service->slot_freed_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (service->scoreboard_fd < 0 || service->slot_freed_fd < 0) {
        if (service->scoreboard_fd >= 0)
            error_set(error, ERROR_TEMPORARY, "eventfd: %m");
        service_free(service);
        return NULL;
    }
    service->title = service_title(conf);
    service->path = service_path(conf);
    list_append(&services, &service->link);
    return service;
}

static struct service *service_find(const struct master_service *conf)
{
    CLEANUP(mem_free_text) char *title = service_title(conf);
    CLEANUP(mem_free_text) char *path = service_path(conf);

    LIST_FOREACH(&services, link)
    {
        struct service *service = CONTAINER_OF(link, struct service, link);

        if (!service->is_removed && strcmp(service->title, title) == 0 &&
            (!path || strcmp(service->path, path) == 0))
            return service;
    }
    return NULL;
}

static bool is_coming_or_open(const struct service *service, const struct process *process)
{
    uint32_t state = atomic_load(&service->scoreboard->rows[process->row].state);

    return state == SCOREBOARD_STARTING || state == SCOREBOARD_FREE ||
           state == SCOREBOARD_HOLDING;
}

bool service_wants_process(const struct service *service)
{
    uint32_t n = 0;

    if (service->is_removed || service->n_listeners == 0 ||
        time_now_ms() < service->throttled_until)
        return false;
    LIST_FOREACH(&service->processes, link)
    {
        const struct process *process = CONTAINER_OF(link, struct process, link);

        if (!process->is_draining && is_coming_or_open(service, process))
            return false;
        n += !process->is_draining || service->counts_draining;
    }
    return n < SCOREBOARD_ROWS && (service->n_max == 0 || n < service->n_max);
}

void service_freed_if_done(struct service *service)
{
    if (service->is_removed && service->n_listeners == 0 && list_is_empty(&service->processes))
        service_free(service);
}

/* -- listeners: each is closed and freed by the coroutine that watches it -- */

static void listener_gone(struct listener *listener)
{
    struct service *service = listener->service;

    for (size_t i = 0; i < service->n_listeners; i++) {
        if (service->listeners[i] == listener)
            service->listeners[i] = service->listeners[--service->n_listeners];
    }
    mem_free(listener);
    service_freed_if_done(service);
}

/*
 * Wait until a client comes whom no process takes. A worker that sees the flag does not call,
 * so it is down while some listener may be unwatched: a worker that fills up then calls, which
 * wakes every listener that waits for a change.
 */
static bool client_waits(struct listener *listener)
{
    _Atomic uint32_t *is_watched = &listener->service->scoreboard->is_watched;

    atomic_store(is_watched, 0); /* before the look, so that nobody fills up unseen */
    if (!service_wants_process(listener->service)) {
        int64_t throttled_until = listener->service->throttled_until;

        /* Else every datagram and connection that a worker takes would wake master as well. */
        co_forget_fd(listener->fd);
        co_wait(&listener->service->changed,
                time_now_ms() < throttled_until ? throttled_until : DEADLINE_NONE);
        return false;
    }
    atomic_store(is_watched, 1);
    return co_wait_fd(listener->fd, EPOLLIN, DEADLINE_NONE) == WAKE_READY;
}

static void watch(void *arg)
{
    struct listener *listener = arg;

    while (listener->fd >= 0) {
        if (client_waits(listener) && listener->fd >= 0 &&
            service_wants_process(listener->service))
            process_start(listener->service);
    }
    listener_gone(listener);
}

/* Workers may have it open still; nothing new is started for it. */
static void listener_close(struct listener *listener)
{
    if (listener->fd < 0)
        return;
    co_forget_fd(listener->fd);
    fd_close(&listener->fd);
    co_wake_all(&listener->service->changed);
}

static int listener_add(struct service *service, int fd, const struct endpoint *endpoint,
                        struct error *error)
{
    struct listener *listener = mem_new(struct listener);

    *listener = (struct listener){.service = service, .fd = fd};
    if (endpoint)
        listener->endpoint = *endpoint;
    if (!co_spawn("listener", watch, listener)) {
        close(fd);
        mem_free(listener);
        return error_set(error, ERROR_TEMPORARY, "no memory for a stack");
    }
    service->listeners =
        mem_resize(service->listeners, service->n_listeners + 1, sizeof(struct listener *));
    service->listeners[service->n_listeners++] = listener;
    return 0;
}

static struct listener *find_listener(const struct service *service,
                                      const struct endpoint *endpoint)
{
    for (size_t i = 0; i < service->n_listeners; i++) {
        struct listener *listener = service->listeners[i];

        if (listener->fd >= 0 && endpoint_same_address(&listener->endpoint, endpoint) &&
            endpoint_port(&listener->endpoint) == endpoint_port(endpoint))
            return listener;
    }
    return NULL;
}

static bool is_wanted(const struct listener *listener, const struct endpoint *endpoints,
                      size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (endpoint_same_address(&listener->endpoint, &endpoints[i]) &&
            endpoint_port(&listener->endpoint) == endpoint_port(&endpoints[i]))
            return true;
    }
    return false;
}

static void free_endpoints(struct endpoint **endpoints)
{
    mem_free(*endpoints);
}

static int open_inet(struct service *service, struct error *error)
{
    CLEANUP(free_endpoints) struct endpoint *endpoints = NULL;
    size_t n = 0;

    if (listen_endpoints(service->conf, &endpoints, &n, error) < 0)
        return -1;
    for (size_t i = 0; i < service->n_listeners; i++) {
        if (!is_wanted(service->listeners[i], endpoints, n))
            listener_close(service->listeners[i]);
    }
    for (size_t i = 0; i < n; i++) {
        if (find_listener(service, &endpoints[i]))
            continue;
        int fd = listen_open_inet(&endpoints[i], error);

        if (fd < 0 || listener_add(service, fd, &endpoints[i], error) < 0)
            return -1;
    }
    return 0;
}

static int open_listeners(struct service *service, struct error *error)
{
    if (!service->path)
        return open_inet(service, error);
    if (service->n_listeners > 0)
        return 0;
    int fd = listen_open_path(service->conf->type, service->path, error);

    return fd < 0 ? -1 : listener_add(service, fd, NULL, error);
}

void service_close(struct service *service)
{
    wakeup_stop(service);
    for (size_t i = 0; i < service->n_listeners; i++)
        listener_close(service->listeners[i]);
}

static void service_drain(struct service *service)
{
    LIST_FOREACH(&service->processes, link)
    process_drain(CONTAINER_OF(link, struct process, link));
}

static void service_remove(struct service *service)
{
    service->is_removed = true;
    service_close(service);
    service_drain(service);
    /* The name is ours: nobody can have put another socket in its place. */
    if (service->path && unlink(service->path) < 0 && errno != ENOENT)
        log_warning("remove %s: %m", service->path);
    service_freed_if_done(service);
}

/* -- all of them -- */

static void renew(struct service *service, const struct master_service *conf,
                  const struct configuration *configuration)
{
    CLEANUP(buf_release) struct buf program = BUF_INIT;

    buf_printf(&program, "%s/%s", params.daemon_directory, conf->program);
    mem_free(service->program);
    service->program = buf_take(&program);
    service->conf = conf;
    service->main_cf_fd = configuration->main_cf_fd;
    service->n_max = 1;
    service->throttled_until = 0;
    service_drain(service);
    wakeup_stop(service);
    wakeup_start(service);
    co_wake_all(&service->changed);
}

static int apply_one(const struct master_service *conf,
                     const struct configuration *configuration, struct error *error)
{
    struct service *service = service_find(conf);

    if (master_service_is_disabled(conf, params.master_service_disable))
        return 0;
    if (master_service_has_moved(conf, params.daemon_directory)) {
        log_info("service %s (%s): other processes do its work here, so nothing is started",
                 conf->name, conf->program);
        return 0;
    }
    if (!service)
        service = service_new(conf, error);
    if (!service)
        return -1;
    renew(service, conf, configuration);
    return open_listeners(service, error);
}

static bool is_in(const struct service *service, const struct configuration *configuration)
{
    const struct master_cf *master_cf = &configuration->master_cf;

    return service->conf >= master_cf->services &&
           service->conf < master_cf->services + master_cf->n_services;
}

int services_apply(const struct configuration *configuration, bool is_reload,
                   struct error *error)
{
    const struct master_cf *master_cf = &configuration->master_cf;

    for (size_t i = 0; i < master_cf->n_services; i++) {
        if (apply_one(&master_cf->services[i], configuration, error) == 0)
            continue;
        if (!is_reload)
            return -1;
        log_error("%s", error->text);
    }
    LIST_FOREACH(&services, link)
    {
        struct service *service = CONTAINER_OF(link, struct service, link);

        if (!service->is_removed && !is_in(service, configuration))
            service_remove(service);
    }
    return 0;
}

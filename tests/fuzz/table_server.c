/*
 * What a tcp, socketmap or memcache server answers: any bytes.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "conf/params.h"
#include "table/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct table *tcp, *socketmap, *memcache;
static pthread_mutex_t answer_lock = PTHREAD_MUTEX_INITIALIZER;
static struct buf answer;
static int listener;

static void *serve(void *arg)
{
    char request[512];

    (void)arg;
    for (;;) {
        int fd = accept(listener, NULL, NULL);

        if (fd < 0)
            continue;
        if (read(fd, request, sizeof(request)) > 0) {
            pthread_mutex_lock(&answer_lock);
            (void)!send(fd, answer.data, answer.len, MSG_NOSIGNAL);
            pthread_mutex_unlock(&answer_lock);
        }
        close(fd);
    }
    return NULL;
}

static struct table *open_memcache(int port)
{
    char spec[64];
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    struct table *table;

    dprintf(fd, "memcache = inet:127.0.0.1:%d\nmax_try = 1\ntimeout = 1\n", port);
    snprintf(spec, sizeof(spec), "memcache:/proc/self/fd/%d", fd);
    table = table_open(spec, NULL, NULL);
    close(fd);
    return table;
}

static void start(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);
    char spec[64];
    pthread_t thread;

    buf_init(&answer);
    log_hook = log_discard;
    params.smtputf8_enable = true;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&address, len) < 0 || listen(listener, 5) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &len) < 0 ||
        pthread_create(&thread, NULL, serve, NULL) != 0)
        __builtin_trap();
    snprintf(spec, sizeof(spec), "tcp:127.0.0.1:%d", ntohs(address.sin_port));
    tcp = table_open(spec, NULL, NULL);
    snprintf(spec, sizeof(spec), "socketmap:inet:127.0.0.1:%d:map", ntohs(address.sin_port));
    socketmap = table_open(spec, NULL, NULL);
    memcache = open_memcache(ntohs(address.sin_port));
    if (!tcp || !socketmap || !memcache)
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(buf_release) struct buf value = BUF_INIT;

    if (!tcp)
        start();
    /* The server may still be at work when a look-up has ended. */
    pthread_mutex_lock(&answer_lock);
    buf_set(&answer, slice_of(data, size));
    pthread_mutex_unlock(&answer_lock);
    (void)!table_lookup(tcp, SLICE("key"), &value, NULL);
    (void)!table_lookup(socketmap, SLICE("key"), &value, NULL);
    (void)!table_lookup(memcache, SLICE("key"), &value, NULL);
    return 0;
}

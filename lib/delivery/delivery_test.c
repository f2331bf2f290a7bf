/* A whole delivery, from delivery_run to the mark in the queue file, with a bounce service. */
#include "delivery/delivery.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "co/co.h"
#include "conf/test.h"
#include "ipc/bounce_client.h"
#include "ipc/delivery_client.h"
#include "mail/queue_file.h"
#include "net/socket.h"

static char directory[] = "/tmp/delivery_test.XXXXXX";
static const struct queue_layout layout = {"", 0};

/* What one case arranges and sees. */
static struct {
    const char *status; /* what the agent reports */
    bool bounce_fails, defer_fails, trace_fails;
    struct buf services; /* "bounce:failed defer:delayed " */
    struct buf log;
    const char *agent_fails; /* status of delivery_destination_failed; NULL: none */
} scene;

static void keep_line(enum log_level level, const char *line)
{
    (void)level;
    buf_printf(&scene.log, "%s\n", line);
}

static void answer_append(struct channel *channel, const struct bounce_append *append)
{
    static const char *const names[] = {"bounce", "defer", "trace"};
    bool fails = append->log == BOUNCE_LOG_BOUNCE  ? scene.bounce_fails
                 : append->log == BOUNCE_LOG_DEFER ? scene.defer_fails
                                                   : scene.trace_fails;
    struct bounce_result result = {.status = fails ? -1 : 0, .reason = SLICE("disk full")};
    struct error error;

    buf_printf(&scene.services, "%s:%.*s:%.*s ", names[append->log], SLICE_ARG(append->action),
               SLICE_ARG(append->status));
    assert_int_equal(channel_send(channel, MESSAGE_bounce_result, &result, &error), 0);
    assert_int_equal(channel_flush(channel, &error), 0);
}

static void serve_bounce(struct channel *channel)
{
    enum message_number number;
    struct slice body;
    struct error error;

    while (channel_receive(channel, &number, &body, &error) == 0 &&
           number == MESSAGE_bounce_append) {
        struct bounce_append append;

        assert_int_equal(message_decode(number, body, &append, &error), 0);
        answer_append(channel, &append);
    }
}

static void report(struct delivery *delivery)
{
    struct dsn dsn;

    delivery_dsn(delivery, &dsn, scene.status, "reason %d", 1);
    for (size_t i = 0; i < delivery->n_recipients; i++)
        delivery_ended(delivery, &delivery->recipients[i], SLICE("none"), &dsn);
    if (scene.agent_fails) {
        delivery_dsn(delivery, &dsn, scene.agent_fails, "host is down");
        delivery_destination_failed(delivery, &dsn);
    }
}

static void serve_agent(struct channel *channel)
{
    enum message_number number;
    struct slice body;
    struct error error;

    while (channel_receive(channel, &number, &body, &error) == 0 &&
           number == MESSAGE_delivery_request)
        assert_int_equal(delivery_serve(channel, body, report, &error), 0);
}

/* A service at a socket: one connection after the other. */
struct service {
    const char *path;
    void (*serve)(struct channel *channel);
    int listener;
    struct co *co;
};

static void run_service(void *arg)
{
    struct service *service = arg;

    while (co_wait_fd(service->listener, EPOLLIN, DEADLINE_NONE) == WAKE_READY) {
        CLEANUP(channel_release) struct channel channel;
        int fd = accept4(service->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0)
            continue;
        channel_init(&channel, fd);
        stream_set_deadline(&channel.stream, DEADLINE_NONE);
        service->serve(&channel);
    }
}

static struct service services[] = {
    {.path = "private/agent", .serve = serve_agent},
    {.path = "private/bounce", .serve = serve_bounce},
    {.path = "private/defer", .serve = serve_bounce},
    {.path = "private/trace", .serve = serve_bounce},
};

static void start_services(void)
{
    struct error error;

    for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
        services[i].listener = socket_listen_unix(services[i].path, 5, 0600, &error);
        assert_true(services[i].listener >= 0);
        services[i].co = co_spawn("service", run_service, &services[i]);
        assert_non_null(services[i].co);
    }
}

static void stop_services(void)
{
    client_reset();
    for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
        co_cancel(services[i].co);
        co_forget_fd(services[i].listener);
        close(services[i].listener);
    }
}

static void put(struct queue_file *file, char type, const char *text, off_t *offset)
{
    struct error error;

    assert_int_equal(queue_file_put(file, type, slice_from(text), offset, &error), 0);
}

static off_t write_message(struct queue_file *file)
{
    struct error error;
    off_t offset;

    assert_int_equal(queue_file_create(file, &layout, "active", QUEUE_ID_SHORT, 0600, &error),
                     0);
    put(file, RECORD_SENDER, "s@example.com", NULL);
    put(file, RECORD_RECIPIENT, "r@example.net", &offset);
    assert_int_equal(queue_file_commit(file, 0700, &error), 0);
    return offset;
}

static char type_at(const char *id, off_t offset)
{
    CLEANUP(fd_close) int fd = queue_open(&layout, "active", slice_from(id), O_RDONLY);
    char type = 0;

    assert_int_equal(pread(fd, &type, 1, offset), 1);
    return type;
}

struct row {
    const char *name, *status;
    const char *services; /* appended to */
    const char *log;      /* stands in the delivery's line */
    int flags, notify;
    bool soft_bounce, bounce_fails, defer_fails, trace_fails;
    char mark; /* of the recipient afterwards */
};

static const struct row rows[] = {
    {"delivered", "2.0.0", .services = "", .log = "dsn=2.0.0, status=sent (reason 1)",
     .mark = 'D'},
    {"deferred", "4.4.1", .services = "defer:delayed:4.4.1 ",
     .log = "dsn=4.4.1, status=deferred (reason 1)", .mark = 'R'},
    {"defer log fails: deferred all the same", "4.4.1", .defer_fails = true,
     .services = "defer:delayed:4.4.1 ", .log = "status=deferred (reason 1)", .mark = 'R'},
    {"bounced", "5.1.1", .services = "bounce:failed:5.1.1 ",
     .log = "dsn=5.1.1, status=bounced (reason 1)", .mark = 'D'},
    {"bounce log fails: deferred", "5.1.1", .bounce_fails = true,
     .services = "bounce:failed:5.1.1 defer:delayed:4.3.0 ",
     .log = "dsn=4.3.0, status=deferred", .mark = 'R'},
    {"soft bounce", "5.1.1", .soft_bounce = true, .services = "defer:delayed:4.1.1 ",
     .log = "dsn=4.1.1, status=SOFTBOUNCE (reason 1)", .mark = 'R'},
    {"NOTIFY=SUCCESS", "2.0.0", .notify = NOTIFY_SUCCESS, .services = "trace:delivered:2.0.0 ",
     .log = "status=sent", .mark = 'D'},
    {"trace log fails: not delivered", "2.0.0", .notify = NOTIFY_SUCCESS, .trace_fails = true,
     .services = "trace:delivered:2.0.0 defer:delayed:4.3.0 ", .log = "status=deferred",
     .mark = 'R'},
    {"sendmail -v", "4.4.1", .flags = DELIVERY_FLAG_RECORD,
     .services = "defer:delayed:4.4.1 trace:delayed:4.4.1 ", .log = "status=deferred",
     .mark = 'R'},
    {"sendmail -bv", "2.0.0", .flags = DELIVERY_FLAG_EXPAND,
     .services = "trace:deliverable:2.0.0 ", .log = "status=deliverable (reason 1)",
     .mark = 'D'},
    {"sendmail -bv, refused", "5.1.1", .flags = DELIVERY_FLAG_EXPAND,
     .services = "trace:undeliverable:5.1.1 ", .log = "status=undeliverable (reason 1)",
     .mark = 'D'},
};

static void deliver(const struct queue_file *file, const struct recipient *recipient, int flags,
                    struct delivery_result *result)
{
    static struct buf storage;
    struct delivery_job job = {
        .request = {.flags = flags,
                    .queue_name = SLICE("active"),
                    .queue_id = slice_from(file->id),
                    .sender = SLICE("s@example.com")},
        .recipients = recipient,
        .n_recipients = 1,
        .deadline = deadline_in(SECONDS(10)),
    };
    struct error error = ERROR_INIT;

    buf_release(&storage);
    assert_int_equal(delivery_run("private/agent", &job, result, &storage, &error),
                     DELIVERY_RUN_DONE);
}

static void run_row(const struct row *row)
{
    struct queue_file file = QUEUE_FILE_INIT;
    struct recipient recipient = {.address = SLICE("r@example.net"), .notify = row->notify};
    struct delivery_result result;

    test_case(row->name);
    scene.status = row->status;
    scene.bounce_fails = row->bounce_fails;
    scene.defer_fails = row->defer_fails;
    scene.trace_fails = row->trace_fails;
    params.soft_bounce = row->soft_bounce;
    buf_reset(&scene.services);
    buf_reset(&scene.log);
    recipient.offset = write_message(&file);
    deliver(&file, &recipient, row->flags, &result);
    assert_string_equal(scene.services.data, row->services);
    assert_non_null(strstr(scene.log.data, row->log));
    assert_int_equal(type_at(file.id, recipient.offset), row->mark);
    assert_int_equal(result.n_left, row->mark == 'D' ? 0 : 1);
    assert_int_equal(result.status, 0);
    assert_int_equal(queue_remove(&layout, "active", slice_from(file.id)), 0);
    queue_file_release(&file);
}

static void run_rows(void *unused)
{
    (void)unused;
    start_services();
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        run_row(&rows[i]);
    stop_services();
}

static void run_in_coroutine(co_fn *run)
{
    scene.services = scene.log = BUF_INIT;
    log_hook = keep_line;
    assert_non_null(co_spawn("test", run, NULL));
    co_run();
    log_hook = NULL;
    buf_release(&scene.services);
    buf_release(&scene.log);
}

static void test_outcomes(void **state)
{
    (void)state;
    run_in_coroutine(run_rows);
}

static void fail_and_vanish(void *unused)
{
    struct queue_file file = QUEUE_FILE_INIT;
    struct recipient recipient = {.address = SLICE("r@example.net")};
    struct delivery_result result;

    (void)unused;
    start_services();
    scene.status = "4.4.1";
    scene.agent_fails = "4.4.2";
    recipient.offset = write_message(&file);
    deliver(&file, &recipient, 0, &result);
    assert_int_equal(result.status, -1);
    assert_slice_equal(result.dsn, "4.4.2");
    assert_slice_equal(result.reason, "host is down");
    scene.agent_fails = NULL;

    test_case("the message was deleted");
    buf_reset(&scene.services);
    assert_int_equal(queue_remove(&layout, "active", slice_from(file.id)), 0);
    deliver(&file, &recipient, 0, &result);
    assert_int_equal(result.status, 0);
    assert_int_equal(result.n_left, 1);
    assert_string_equal(scene.services.data, "");
    queue_file_release(&file);
    stop_services();
}

static void test_destination_failure_and_missing_file(void **state)
{
    (void)state;
    run_in_coroutine(fail_and_vanish);
}

static void drop_connection(struct channel *channel)
{
    enum message_number number;
    struct slice body;
    struct error error;

    assert_int_equal(channel_receive(channel, &number, &body, &error), 0);
}

static void lose_agent(void *unused)
{
    CLEANUP(buf_release) struct buf storage = BUF_INIT;
    struct delivery_job job = {.deadline = deadline_in(SECONDS(10))};
    struct delivery_result result;
    struct error error;

    (void)unused;
    job.request.queue_name = SLICE("active");
    job.request.queue_id = SLICE("ABC");
    test_case("no such service");
    assert_int_equal(delivery_run("private/none", &job, &result, &storage, &error),
                     DELIVERY_RUN_UNREACHABLE);
    assert_string_equal(error.text, "connect to private/none: No such file or directory");
    test_case("the agent ends in the middle");
    services[0].serve = drop_connection;
    start_services();
    assert_int_equal(delivery_run("private/agent", &job, &result, &storage, &error),
                     DELIVERY_RUN_LOST);
    services[0].serve = serve_agent;
    stop_services();
}

static void test_lost_agent(void **state)
{
    (void)state;
    run_in_coroutine(lose_agent);
}

static int set_up(void **state)
{
    if (test_load_defaults(state) < 0 || !mkdtemp(directory) || chdir(directory) < 0)
        return -1;
    params.hash_queue_names = "";
    return system("mkdir active private") == 0 ? 0 : -1;
}

static int clean_up(void **state)
{
    (void)state;
    return test_remove_tree(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outcomes),
        cmocka_unit_test(test_destination_failure_and_missing_file),
        cmocka_unit_test(test_lost_agent),
    };

    return cmocka_run_group_tests(tests, set_up, clean_up);
}

/*
 * Transports and their limits.
 */
#include "transport.h"

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/conf.h"
#include "conf/master_services.h"
#include "conf/params.h"
#include "destination.h"

/* Of fewer processes than this, all are for everybody: the administrator means just so many. */
#define SHARED_FROM 20

void (*transport_wake)(struct transport *transport);

static struct hash transports;

/* name -> struct process_limit; empty when master.cf could not be read. */
static struct hash process_limits;

struct process_limit {
    int64_t limit;
};

static void end_trouble_or_rest(struct timer *timer);

static int64_t number(const char *transport, const char *suffix)
{
    struct error error = ERROR_INIT;
    int64_t value = 0;

    if (conf_service_number(transport, suffix, &value, &error) == 0)
        return value;
    log_error("%s", error.text);
    if (conf_service_number("", suffix, &value, &error) < 0)
        log_error("%s", error.text);
    return value;
}

static struct feedback feedback(const char *transport, const char *suffix)
{
    struct feedback result = {.kind = FEEDBACK_CONSTANT, .base = 1};
    struct error error = ERROR_INIT;
    const char *text = conf_service_text(transport, suffix, &error);

    if (!text || feedback_parse(&result, text, &error) < 0)
        log_error("%s_%s: %s; using 1", transport, suffix, error.text);
    return result;
}

static void log_feedback_type(const char *transport, const char *which,
                              const struct feedback *of, int64_t concurrency)
{
    log_info("%s: %s feedback type %d value at %lld: %g", transport, which, (int)of->kind,
             (long long)concurrency, feedback_amount(of, (int)concurrency));
}

static int64_t initial_concurrency(const char *transport)
{
    struct error error = ERROR_INIT;
    const char *text = conf_service_text(transport, "initial_destination_concurrency", &error);
    int64_t value;

    if (text && slice_to_int(slice_from(text), 1, INT32_MAX, &value))
        return value;
    return params.initial_destination_concurrency > 0 ? params.initial_destination_concurrency
                                                      : 1;
}

static void read_limits(struct transport *transport)
{
    const char *name = transport->name;
    const struct process_limit *processes = hash_get(&process_limits, slice_from(name));
    struct transport_limits *limits = &transport->limits;

    *limits = (struct transport_limits){
        .recipients_per_delivery = number(name, "destination_recipient_limit"),
        .concurrency = number(name, "destination_concurrency_limit"),
        .initial_concurrency = initial_concurrency(name),
        .positive = feedback(name, "destination_concurrency_positive_feedback"),
        .negative = feedback(name, "destination_concurrency_negative_feedback"),
        .failed_cohorts = number(name, "destination_concurrency_failed_cohort_limit"),
        .destination_delay_ms = number(name, "destination_rate_delay"),
        .delay_ms = number(name, "transport_rate_delay"),
        .slot_cost = number(name, "delivery_slot_cost"),
        .slot_loan = number(name, "delivery_slot_loan"),
        .slot_discount = number(name, "delivery_slot_discount"),
        .minimum_slots = number(name, "minimum_delivery_slots"),
        .recipients_in_memory = number(name, "recipient_limit"),
        .extra_recipients = number(name, "extra_recipient_limit"),
        .refill_limit = number(name, "recipient_refill_limit"),
        .refill_delay_ms = number(name, "recipient_refill_delay"),
        .processes = processes ? processes->limit : 0,
    };
    if (limits->destination_delay_ms > 0)
        limits->concurrency = 1;
    if (limits->concurrency > 0 && limits->initial_concurrency > limits->concurrency)
        limits->initial_concurrency = limits->concurrency;
    if (params.destination_concurrency_feedback_debug) {
        log_feedback_type(name, "default_destination_concurrency_positive_feedback",
                          &limits->positive, limits->initial_concurrency);
        log_feedback_type(name, "default_destination_concurrency_negative_feedback",
                          &limits->negative, limits->initial_concurrency);
    }
}

struct transport *transport_find(struct slice name)
{
    return hash_get(&transports, name);
}

struct transport *transport_get(struct slice name)
{
    struct transport *transport = transport_find(name);
    struct buf service = BUF_INIT;

    if (transport)
        return transport;
    transport = mem_new(struct transport);
    transport->name = slice_dup(name);
    buf_printf(&service, "private/%s", transport->name);
    transport->service = buf_take(&service);
    list_init(&transport->jobs);
    transport->timer.fire = end_trouble_or_rest;
    read_limits(transport);
    hash_set(&transports, name, transport);
    return transport;
}

bool transport_is_retry(const struct transport *transport)
{
    return slice_equals(slice_from(transport->name), TRANSPORT_RETRY);
}

void transport_throttle(struct transport *transport, const char *reason)
{
    if (transport->trouble)
        return;
    transport->trouble = mem_dup_text(reason);
    transport->resting = false;
    timer_set(&transport->timer, params.transport_retry_time);
}

void transport_unthrottle(struct transport *transport)
{
    if (!transport->trouble)
        return;
    timer_cancel(&transport->timer);
    mem_free(transport->trouble);
    transport->trouble = NULL;
}

static void end_trouble_or_rest(struct timer *timer)
{
    struct transport *transport = CONTAINER_OF(timer, struct transport, timer);

    transport_unthrottle(transport);
    transport->resting = false;
    if (transport_wake)
        transport_wake(transport);
}

static void unthrottle_destinations(struct transport *transport)
{
    struct hash_cursor cursor = {0};
    struct slice key;
    void *value;

    while (hash_next(&transport->destinations, &cursor, &key, &value)) {
        struct destination *destination = value;

        destination_revive(destination);
        destination_forget_if_idle(destination);
    }
}

void transport_unthrottle_all(void)
{
    struct hash_cursor cursor = {0};
    struct slice name;
    void *value;

    while (hash_next(&transports, &cursor, &name, &value)) {
        struct transport *transport = value;

        transport_unthrottle(transport);
        unthrottle_destinations(transport);
        if (transport_wake)
            transport_wake(transport);
    }
}

/* How many of so many processes are for destinations of that standing. */
static int64_t share(int64_t processes, enum standing standing)
{
    if (processes < SHARED_FROM || standing == STANDING_PROVEN)
        return processes;
    return standing == STANDING_UNTRIED ? processes - processes / 10 : processes / 2;
}

bool transport_has_room(const struct transport *transport, enum standing standing)
{
    const struct transport_limits *limits = &transport->limits;

    if (transport->resting || (limits->delay_ms > 0 && transport->n_running > 0))
        return false;
    return limits->processes == 0 || transport->n_running < share(limits->processes, standing);
}

void transport_begin(struct transport *transport)
{
    transport->n_running++;
}

void transport_rest(struct transport *transport, int64_t ms)
{
    if (transport->trouble)
        return;
    transport->resting = true;
    timer_set(&transport->timer, ms);
}

void transport_end(struct transport *transport)
{
    transport->n_running--;
    if (transport->limits.delay_ms > 0)
        transport_rest(transport, transport->limits.delay_ms);
}

/* One-session programs: master's default limit for them is Postfix's. */
static bool is_one_session_program(const char *program)
{
    static const char *const programs[] = {"local", "virtual", "pipe", "spawn"};

    for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
        if (slice_equals(slice_from(program), programs[i]))
            return true;
    }
    return false;
}

static int64_t process_limit(const struct master_service *service)
{
    if (service->process_limit != MASTER_LIMIT_DEFAULT)
        return service->process_limit;
    if (is_one_session_program(service->program) ||
        main_cf_find(conf_main_cf(), SLICE("default_process_limit")))
        return params.default_process_limit;
    return params.default_session_limit;
}

void transport_read_process_limits(void)
{
    CLEANUP(master_cf_release) struct master_cf master_cf;
    struct error error;

    if (master_cf_load(&master_cf, MASTER_CHROOT_NO, &error) < 0)
        log_warning("%s: not limiting deliveries at a time by it", error.text);
    for (size_t i = 0; i < master_cf.n_services; i++) {
        const struct master_service *service = &master_cf.services[i];
        struct process_limit *limit;

        if (service->type != MASTER_TYPE_UNIX)
            continue;
        limit = mem_new(struct process_limit);
        limit->limit = process_limit(service);
        mem_free(hash_set(&process_limits, slice_from(service->name), limit));
    }
}

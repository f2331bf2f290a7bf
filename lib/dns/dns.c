#include "dns/dns.h"

#include <string.h>

#include "base/mem.h"
#include "base/watch.h"
#include "dns/cache.h"
#include "dns/hosts.h"
#include "dns/message.h"
#include "dns/transport.h"

#define RESOLV_CONF "/etc/resolv.conf"
#define HOSTS_FILE  "/etc/hosts"

enum { RCODE_NXDOMAIN = 3 };

/* They may be missing. */
static const char *const files[] = {RESOLV_CONF, HOSTS_FILE};
static struct file_watch watches[] = {{.fd = -1}, {.fd = -1}};

int dns_open(struct error *error)
{
    struct error missing;

    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        file_watch_close(&watches[i]);
        (void)!file_watch_open(&watches[i], "open", files[i], &missing);
    }
    dns_cache_clear();
    if (hosts_read(HOSTS_FILE, error) < 0)
        return -1;
    return dns_transport_open(RESOLV_CONF, error);
}

const char *dns_file_changed(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        if (file_watch_changed(&watches[i]))
            return files[i];
    }
    return NULL;
}

const char *dns_type_name(enum dns_type type)
{
    switch (type) {
    case DNS_A:
        return "A";
    case DNS_NS:
        return "NS";
    case DNS_CNAME:
        return "CNAME";
    case DNS_SOA:
        return "SOA";
    case DNS_PTR:
        return "PTR";
    case DNS_MX:
        return "MX";
    case DNS_TXT:
        return "TXT";
    case DNS_AAAA:
        return "AAAA";
    case DNS_SRV:
        return "SRV";
    case DNS_TLSA:
        return "TLSA";
    }
    return "?";
}

/* The words that Postfix logs for each outcome. */
static enum dns_result explain(enum dns_result result, struct slice name, enum dns_type type,
                               struct error *error)
{
    static const char *const reasons[] = {
        [DNS_NO_NAME] = "Host not found",
        [DNS_NO_DATA] = "Host found but no data record of requested type",
        [DNS_TEMPORARY] = "Host not found, try again",
    };

    if (result != DNS_OK)
        error_set(error, result == DNS_TEMPORARY ? ERROR_TEMPORARY : ERROR_PERMANENT,
                  "Host or domain name not found. Name service error for name=%.*s type=%s: %s",
                  SLICE_ARG(name), dns_type_name(type), reasons[result]);
    return result;
}

/* Anything that fits the wire: the root, or 253 bytes of labels of 1 to 63 bytes. */
static bool name_fits(struct slice name)
{
    if (slice_equals(name, "."))
        return true;
    if (slice_ends_with(name, "."))
        name.len--;
    if (name.len == 0 || name.len > 253)
        return false;
    for (struct slice rest = name;;) {
        bool is_last = slice_find(rest, '.') == rest.len;
        struct slice label = slice_split(&rest, '.');
        if (label.len == 0 || label.len > 63)
            return false;
        if (is_last)
            return true;
    }
}

/* What a response means, and how long to believe it. */
static enum dns_result judge(struct slice packet, struct slice name, enum dns_type type,
                             struct arena *arena, struct dns_answer *answer, bool *is_malformed)
{
    struct dns_message message;

    *is_malformed = !dns_message_parse(packet, name, type, arena, &message);
    if (*is_malformed)
        return DNS_TEMPORARY; /* the next one may be all right */
    if (message.rcode != 0 && message.rcode != RCODE_NXDOMAIN)
        return DNS_TEMPORARY;
    *answer = message.answer;
    answer->ttl_seconds = message.ttl_seconds;
    if (message.answer.n_records > 0) {
        dns_cache_add(name, type, DNS_OK, answer, message.ttl_seconds);
        return DNS_OK;
    }
    enum dns_result result = message.rcode == RCODE_NXDOMAIN ? DNS_NO_NAME : DNS_NO_DATA;
    answer->ttl_seconds = message.has_negative_ttl ? message.negative_ttl_seconds : 0;
    dns_cache_add(name, type, result, NULL, answer->ttl_seconds);
    return result;
}

/* One question of a look-up: from the cache, or on its way. */
struct question {
    struct slice name;
    enum dns_type type;
    enum dns_result result;
    struct dns_answer answer;
    struct dns_query *query; /* NULL when the result is there */
    bool is_malformed;
};

static void question_start(struct question *question, struct slice name, enum dns_type type,
                           struct arena *arena)
{
    struct error why;

    *question = (struct question){.name = name, .type = type};
    if (!name_fits(name))
        question->result = DNS_NO_NAME;
    else if (!dns_cache_find(name, type, arena, &question->result, &question->answer)) {
        question->query = dns_query_start(name, type, &why);
        question->result = DNS_TEMPORARY;
    }
}

static void question_finish(struct question *question, deadline_t until, struct arena *arena)
{
    CLEANUP(buf_release) struct buf packet = BUF_INIT;
    struct error why;

    if (!question->query)
        return;
    if (dns_query_finish(question->query, until, &packet, &why) == 0)
        question->result = judge(buf_slice(&packet), question->name, question->type, arena,
                                 &question->answer, &question->is_malformed);
    question->query = NULL;
}

static dns_filter_fn *filter; /* may be NULL */

void dns_filter_set(dns_filter_fn *new_filter)
{
    filter = new_filter;
}

static enum dns_result look_up(struct slice name, enum dns_type type, deadline_t until,
                               struct arena *arena, struct dns_answer *answer,
                               struct error *error)
{
    struct question question;

    question_start(&question, name, type, arena);
    question_finish(&question, until, arena);
    *answer = question.answer;
    if (!question.is_malformed)
        return explain(question.result, name, type, error);
    error_set(error, ERROR_TEMPORARY,
              "Name service error for name=%.*s type=%s: "
              "Malformed or unexpected name server reply",
              SLICE_ARG(name), dns_type_name(type));
    return question.result;
}

enum dns_result dns_lookup(struct slice name, enum dns_type type, deadline_t until,
                           struct arena *arena, struct dns_answer *answer, struct error *error)
{
    enum dns_result result = look_up(name, type, until, arena, answer, error);

    return result == DNS_OK && filter ? filter(name, type, answer, error) : result;
}

/* A look-up that nobody waits for. */
struct later {
    struct arena arena; /* the question and the answer */
    struct slice name;
    enum dns_type type;
    dns_done_fn *done;
    void *arg;
};

static void later_finish(struct later *later, enum dns_result result,
                         const struct dns_answer *answer)
{
    later->done(later->arg, result, answer);
    arena_release(&later->arena);
    mem_free(later);
}

static void later_answered(void *arg, struct slice packet)
{
    struct later *later = arg;
    struct dns_answer answer = {.name = later->name};
    enum dns_result result = DNS_TEMPORARY;
    bool is_malformed;

    if (packet.len)
        result = judge(packet, later->name, later->type, &later->arena, &answer, &is_malformed);
    later_finish(later, result, &answer);
}

void dns_lookup_later(struct slice name, enum dns_type type, dns_done_fn *done, void *arg)
{
    struct later *later = mem_new(struct later);
    struct dns_answer answer = {.name = name};
    enum dns_result result = DNS_TEMPORARY;

    *later = (struct later){.type = type, .done = done, .arg = arg};
    later->name = arena_slice(&later->arena, name);
    if (!name_fits(name))
        later_finish(later, DNS_NO_NAME, &answer);
    else if (dns_cache_find(name, type, &later->arena, &result, &answer) ||
             dns_query_later(later->name, type, later_answered, later) < 0)
        later_finish(later, result, &answer);
}

struct slice dns_reversed(const struct endpoint *endpoint, struct arena *arena)
{
    static const char hex[] = "0123456789abcdef";

    if (endpoint_family(endpoint) == AF_INET) {
        const unsigned char *a = (const unsigned char *)&endpoint->address.in.sin_addr;
        return slice_from(arena_printf(arena, "%u.%u.%u.%u", a[3], a[2], a[1], a[0]));
    }
    if (endpoint_family(endpoint) != AF_INET6)
        return SLICE_EMPTY;

    enum { TEXT_BYTES = 16 * 4 - 1 };

    char *text = arena_alloc(arena, TEXT_BYTES + 1);
    const unsigned char *a = endpoint->address.in6.sin6_addr.s6_addr;
    for (size_t i = 0; i < 16; i++) {
        text[i * 4] = hex[a[15 - i] & 15];
        text[i * 4 + 2] = hex[a[15 - i] >> 4];
        text[i * 4 + 1] = text[i * 4 + 3] = '.';
    }
    text[TEXT_BYTES] = '\0'; /* in place of the last dot */
    return slice_of(text, TEXT_BYTES);
}

/* "1.2.0.192.in-addr.arpa"; empty for what is no address. */
static struct slice reverse_name(const struct endpoint *endpoint, struct arena *arena)
{
    const char *zone = endpoint_family(endpoint) == AF_INET6 ? "ip6.arpa" : "in-addr.arpa";
    struct slice reversed = dns_reversed(endpoint, arena);

    if (reversed.len == 0)
        return SLICE_EMPTY;
    return slice_from(arena_printf(arena, "%.*s.%s", SLICE_ARG(reversed), zone));
}

/* Both answers in one; the better result of the two decides. */
static enum dns_result merge(struct question *questions, size_t n, struct arena *arena,
                             struct dns_answer *answer)
{
    static const enum dns_result order[] = {DNS_OK, DNS_TEMPORARY, DNS_NO_DATA, DNS_NO_NAME};

    size_t total = 0;

    for (size_t i = 0; i < n; i++)
        total += questions[i].answer.n_records;
    answer->records = arena_array(arena, struct dns_record, total + 1);
    answer->n_records = 0;
    answer->is_validated = true;
    for (size_t i = 0; i < n; i++) {
        const struct dns_answer *part = &questions[i].answer;
        if (part->n_records == 0)
            continue;
        memcpy(answer->records + answer->n_records, part->records,
               part->n_records * sizeof(*part->records));
        answer->n_records += part->n_records;
        answer->is_validated = answer->is_validated && part->is_validated;
        answer->name = part->name;
    }
    for (size_t o = 0; o < ARRAY_SIZE(order); o++)
        for (size_t i = 0; i < n; i++)
            if (questions[i].result == order[o])
                return order[o];
    return DNS_TEMPORARY;
}

enum dns_result dns_host_addresses(struct slice name, int family, deadline_t until,
                                   struct arena *arena, struct dns_answer *answer,
                                   struct error *error)
{
    struct question questions[2];
    struct endpoint literal;
    size_t n = 0;

    *answer = (struct dns_answer){.name = name};
    if (endpoint_parse(&literal, name, 0) == 0) {
        answer->records = arena_new(arena, struct dns_record);
        answer->records[0] =
            (struct dns_record){.type = endpoint_family(&literal) == AF_INET ? DNS_A : DNS_AAAA,
                                .address = literal};
        answer->n_records = 1;
        return DNS_OK;
    }
    if (hosts_addresses(name, family, arena, answer) > 0)
        return DNS_OK;
    if (family != AF_INET6)
        question_start(&questions[n++], name, DNS_A, arena);
    if (family != AF_INET)
        question_start(&questions[n++], name, DNS_AAAA, arena);
    for (size_t i = 0; i < n; i++)
        question_finish(&questions[i], until, arena);
    return explain(merge(questions, n, arena, answer), name, questions[0].type, error);
}

enum dns_result dns_host_names(const struct endpoint *endpoint, deadline_t until,
                               struct arena *arena, struct dns_answer *answer,
                               struct error *error)
{
    *answer = (struct dns_answer){0};
    if (hosts_names(endpoint, arena, answer) > 0)
        return DNS_OK;
    return look_up(reverse_name(endpoint, arena), DNS_PTR, until, arena, answer, error);
}
